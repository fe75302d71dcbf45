import { byId, stepOf } from './dom.ts'
import { recall, remember } from './prefs.ts'

const PANES = ['chart', 'book', 'tape'] as const

/** On narrow screens one of chart, book and tape is shown at a time; elsewhere the tabs are hidden and all are there. */
export class Panes {
  private readonly root = byId('market')
  private readonly tabs = PANES.map((pane) => byId<HTMLButtonElement>(`tab-${pane}`))

  constructor(onChange: () => void) {
    const choose = (at: number) => {
      this.show(at)
      remember('pane', PANES[at] as string)
      onChange()
    }
    for (const [i, tab] of this.tabs.entries()) {
      tab.addEventListener('click', () => choose(i))
      tab.addEventListener('keydown', (event) => {
        if (event.altKey || event.ctrlKey || event.metaKey) return
        const to = stepOf(event.key, i, this.tabs.length)
        if (to === undefined) return
        event.preventDefault()
        choose(to)
        this.tabs[to]?.focus()
      })
    }
    this.show(Math.max(0, PANES.findIndex((pane) => pane === recall('pane'))))
  }

  private show(at: number): void {
    this.root.dataset.pane = PANES[at]
    for (const [i, tab] of this.tabs.entries()) {
      tab.ariaSelected = String(i === at)
      tab.tabIndex = i === at ? 0 : -1
    }
  }
}
