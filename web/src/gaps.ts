import type { Period } from '@tickcast/client'

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** Length in ms; undefined for months, which have none. */
export function lengthMs(period: Period): number | undefined {
  const unit = UNIT_MS[period.slice(-1)]
  return unit === undefined ? undefined : unit * Number(period.slice(0, -1))
}

/** Days, weeks and months are UTC's, in whatever zone times are printed. */
export function isDays(period: Period): boolean {
  return /[dwM]$/.test(period)
}

/** A hole of more bars than this is drawn as this many. */
export const MAX_HOLE = 60

/**
 * Open times that are missing between two bars, so that the chart leaves a
 * hole where the page was not listening; the chart's axis counts bars, not time.
 */
export function missing(period: Period, before: number, after: number): number[] {
  const length = lengthMs(period)
  if (length === undefined) return []
  const times: number[] = []
  for (let t = before + length; t < after && times.length < MAX_HOLE; t += length) times.push(t)
  return times
}
