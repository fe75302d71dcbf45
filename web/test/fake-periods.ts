import type { Period } from '../client/src/topics.ts'

const LENGTH_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
const MONDAY_MS = 4 * 86_400_000 // 1970-01-05

export function openMs(period: Period, ms: number): number {
  if (period === '1M') return Date.UTC(new Date(ms).getUTCFullYear(), new Date(ms).getUTCMonth(), 1)
  const length = lengthMs(period)
  const offset = period === '1w' ? MONDAY_MS : 0
  return Math.floor((ms - offset) / length) * length + offset
}

/** The open time `count` periods later, or earlier below zero. */
export function nextMs(period: Period, open: number, count = 1): number {
  if (period === '1M') return Date.UTC(new Date(open).getUTCFullYear(), new Date(open).getUTCMonth() + count, 1)
  return open + count * lengthMs(period)
}

/** Months count as 30 days. */
export function lengthMs(period: Period): number {
  return Number(period.slice(0, -1)) * (LENGTH_MS[period.slice(-1)] ?? 30 * 86_400_000)
}
