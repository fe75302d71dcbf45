import type { Version } from './version.ts'

/** The schema version (`sv`) that this module reads. */
export const SCHEMA_VERSION = 1

export const QUALITIES = ['ok', 'stale', 'degraded', 'filled', 'suspect'] as const
export type Quality = (typeof QUALITIES)[number]

/** What every message begins with. Names are those of the wire. */
export interface Envelope {
  sv: number
  /** Contract, or the scope of a status. */
  s: string
  src: string
  /** True where the source is a simulator. */
  sim: boolean
  epoch: number
  seq: number
  /** Event time, ms. */
  ts: number
  /** Compute time, ms; 0 where the message has none. */
  tsc: number
  q: Quality
}

/** Why a payload was refused; the client counts by these. */
export type BadReason = 'topic' | 'json' | 'schema' | 'field' | 'mismatch'

export type Decoded<T> = { ok: true; value: T; version: Version } | { ok: false; reason: BadReason; detail: string }

export class Bad extends Error {
  readonly reason: BadReason
  constructor(reason: BadReason, detail: string) {
    super(detail)
    this.reason = reason
  }
}

export type Fields = Record<string, unknown>

const decimal = /^-?\d{1,38}(\.\d{1,18})?$/

export function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new Bad('field', `${name} is not a string`)
  return value
}

export function integer(fields: Fields, name: string): number {
  const value = fields[name]
  if (!Number.isSafeInteger(value)) throw new Bad('field', `${name} is not an integer`)
  return value as number
}

export function optionalInteger(fields: Fields, name: string): number | undefined {
  return fields[name] === undefined || fields[name] === null ? undefined : integer(fields, name)
}

export function flag(fields: Fields, name: string): boolean {
  const value = fields[name]
  if (typeof value !== 'boolean') throw new Bad('field', `${name} is not a boolean`)
  return value
}

export function isDecimal(value: unknown): value is string {
  return typeof value === 'string' && decimal.test(value)
}

export function decimalText(fields: Fields, name: string): string {
  const value = text(fields, name)
  if (!isDecimal(value)) throw new Bad('field', `${name} is not a decimal`)
  return value
}

export function envelope(payload: string): { fields: Fields; head: Envelope } {
  let parsed: unknown
  try {
    parsed = JSON.parse(payload)
  } catch {
    throw new Bad('json', 'not JSON')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Bad('json', 'not an object')
  const fields = parsed as Fields
  if (fields.sv !== SCHEMA_VERSION) throw new Bad('schema', `schema version ${String(fields.sv)}`)
  const q = text(fields, 'q')
  if (!(QUALITIES as readonly string[]).includes(q)) throw new Bad('field', `quality ${q}`)
  return {
    fields,
    head: {
      sv: SCHEMA_VERSION,
      s: text(fields, 's'),
      src: text(fields, 'src'),
      sim: fields.sim === true,
      epoch: integer(fields, 'epoch'),
      seq: integer(fields, 'seq'),
      ts: integer(fields, 'ts'),
      tsc: optionalInteger(fields, 'tsc') ?? 0,
      q: q as Quality,
    },
  }
}

export function contractOf(head: Envelope, contract: string): void {
  if (head.s !== contract) throw new Bad('mismatch', `${head.s} on the topic of ${contract}`)
}

/** Turns Bad into its answer; anything else is a bug and goes on. */
export function caught<T>(decode: () => Decoded<T>): Decoded<T> {
  try {
    return decode()
  } catch (err) {
    if (err instanceof Bad) return { ok: false, reason: err.reason, detail: err.message }
    throw err
  }
}
