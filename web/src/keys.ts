import { byId, make } from './dom.ts'
import { recall, remember } from './prefs.ts'

/** A key, what it does, and how the help calls it. */
export interface Shortcut {
  keys: string[]
  label: string
  help: string
  run(key: string): void
}

/**
 * Single keys that work anywhere on the page, and the help that lists them.
 * They can be switched off: speech input and slips press single keys (WCAG 2.1.4).
 */
export class Keys {
  private readonly dialog = byId<HTMLDialogElement>('help')
  private readonly toggle = byId<HTMLInputElement>('keys-on')
  private readonly byKey = new Map<string, Shortcut>()

  constructor(shortcuts: Shortcut[]) {
    const rows = shortcuts.map(({ keys, label, help, ...rest }) => {
      for (const key of keys) this.byKey.set(key, { keys, label, help, ...rest })
      const row = make('div', 'shortcut')
      const term = make('dt')
      for (const part of label.split(' ')) term.append(make('kbd', '', part))
      row.append(term, make('dd', '', help))
      return row
    })
    byId('shortcuts').replaceChildren(...rows)
    this.toggle.checked = recall('keys') !== 'off'
    this.toggle.addEventListener('change', () => remember('keys', this.toggle.checked ? 'on' : 'off'))
    byId('help-open').addEventListener('click', () => this.open())
    byId('help-close').addEventListener('click', () => this.dialog.close())
    this.dialog.addEventListener('click', (event) => {
      if (event.target === this.dialog) this.dialog.close() // beside it
    })
    document.addEventListener('keydown', (event) => this.press(event))
  }

  private open(): void {
    if (!this.dialog.open) this.dialog.showModal()
  }

  private press(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || event.repeat || event.defaultPrevented) return
    if (!this.toggle.checked) return
    if (event.key === '?') {
      event.preventDefault()
      if (this.dialog.open) this.dialog.close()
      else this.open()
      return
    }
    const shortcut = this.byKey.get(event.key)
    if (!shortcut || this.dialog.open) return
    event.preventDefault()
    shortcut.run(event.key)
  }
}
