import { PERIODS, isPeriod, type Period } from '@tickcast/client'
import { byId, make, stepOf } from './dom.ts'

const NAMES: Record<string, string> = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week', M: 'month' }

/** "15m" as a screen reader should say it. */
export function periodName(period: Period): string {
  const count = Number(period.slice(0, -1))
  return `${count} ${NAMES[period.slice(-1)]}${count === 1 ? '' : 's'}`
}

/** The period of a digit key: 1 to 9 are the first nine, 0 the tenth. */
export function periodOfKey(key: string, periods: readonly Period[] = PERIODS): Period | undefined {
  if (!/^[0-9]$/.test(key)) return undefined
  return periods[key === '0' ? 9 : Number(key) - 1]
}

/** A radio group over all periods: one tab stop, arrows move and choose, digits choose from anywhere. */
export class PeriodBar {
  private readonly element = byId('periods')
  private readonly buttons = new Map<Period, HTMLButtonElement>()
  private available: Period[] = [...PERIODS]

  constructor(onSelect: (period: Period) => void) {
    PERIODS.forEach((period, i) => {
      const button = make('button', 'period', period)
      button.type = 'button'
      button.role = 'radio'
      button.value = period
      button.ariaLabel = periodName(period)
      if (i < 10) {
        button.title = `${periodName(period)} (key ${(i + 1) % 10})`
        button.ariaKeyShortcuts = String((i + 1) % 10)
      } else {
        button.title = periodName(period)
      }
      this.buttons.set(period, button)
    })
    this.element.replaceChildren(...this.buttons.values())
    this.element.addEventListener('click', (event) => {
      const value = (event.target as HTMLElement).closest('button')?.value
      if (value !== undefined && isPeriod(value)) onSelect(value)
    })
    this.element.addEventListener('keydown', (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return
      const at = this.available.findIndex((p) => this.buttons.get(p)?.ariaChecked === 'true')
      const to = stepOf(event.key, at, this.available.length)
      const period = to === undefined ? undefined : this.available[to]
      if (!period) return
      event.preventDefault()
      onSelect(period)
      this.buttons.get(period)?.focus()
    })
  }

  /** A contract may leave periods out. */
  offer(periods: Period[]): void {
    this.available = periods
    for (const [period, button] of this.buttons) button.disabled = !periods.includes(period)
  }

  select(period: Period): void {
    for (const [p, button] of this.buttons) {
      const selected = p === period
      button.ariaChecked = String(selected)
      button.tabIndex = selected ? 0 : -1
      if (selected) button.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    }
  }
}
