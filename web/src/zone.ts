import { recall, remember } from './prefs.ts'
import { byId, setText } from './dom.ts'

export type Zone = 'local' | 'utc'

/** Prints times in the reader's zone or in UTC. Candles of a day and more are UTC's days, and are always printed so. */
export class Clock {
  zone: Zone = recall('zone') === 'utc' ? 'utc' : 'local'
  private formats = new Map<string, Intl.DateTimeFormat>()

  set(zone: Zone): void {
    this.zone = zone
    this.formats.clear()
    remember('zone', zone)
  }

  /** 15:04:05 */
  time(ms: number): string {
    return this.print('time', { hour: '2-digit', minute: '2-digit', second: '2-digit' }, ms)
  }

  /** 15:04 */
  minute(ms: number): string {
    return this.print('minute', { hour: '2-digit', minute: '2-digit' }, ms)
  }

  /** 24 Nov */
  day(ms: number): string {
    return this.print('day', { day: 'numeric', month: 'short' }, ms)
  }

  /** 2026-11-24 15:04:05; with `dayOnly` 2026-11-24, in UTC. */
  stamp(ms: number, dayOnly = false): string {
    if (dayOnly) return new Date(ms).toISOString().slice(0, 10)
    return `${this.date(ms)} ${this.time(ms)}`
  }

  /** UTC, UTC+1, UTC−3:30: the zone as it is at `ms`. */
  name(ms: number): string {
    if (this.zone === 'utc') return 'UTC'
    const minutes = -new Date(ms).getTimezoneOffset()
    if (minutes === 0) return 'UTC'
    const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60]
    return `UTC${minutes < 0 ? '−' : '+'}${hours}${rest === 0 ? '' : `:${String(rest).padStart(2, '0')}`}`
  }

  private date(ms: number): string {
    if (this.zone === 'utc') return new Date(ms).toISOString().slice(0, 10)
    const d = new Date(ms)
    return `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, '0')}-${String(d.getDate()).padStart(2, '0')}`
  }

  private print(key: string, options: Intl.DateTimeFormatOptions, ms: number): string {
    let format = this.formats.get(key)
    if (!format) {
      format = new Intl.DateTimeFormat('en-GB', { ...options, hourCycle: 'h23', ...(this.zone === 'utc' ? { timeZone: 'UTC' } : {}) })
      this.formats.set(key, format)
    }
    return format.format(ms)
  }
}

/** The button that switches between the reader's zone and UTC. Returns the switch, for a key. */
export function startZone(clock: Clock, onChange: () => void): () => void {
  const button = byId<HTMLButtonElement>('zone')
  const show = () => {
    const name = clock.name(Date.now())
    setText(button, clock.zone === 'utc' ? 'UTC' : name === 'UTC' ? 'Local' : name)
    button.ariaLabel = button.title = clock.zone === 'utc' ? 'Times are in UTC. Switch to local time' : `Times are local (${name}). Switch to UTC`
    onChange()
  }
  const toggle = () => {
    clock.set(clock.zone === 'utc' ? 'local' : 'utc')
    show()
  }
  button.addEventListener('click', toggle)
  show()
  return toggle
}
