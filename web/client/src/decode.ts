import type { CandleTopic, Period, StatusTopic } from './topics.ts'
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

/** Prices and quantities stay decimal strings: whoever must calculate decides how. */
export interface Candle extends Envelope {
  i: Period
  /** Open and close time, ms: T is the next open time less 1. */
  t: number
  T: number
  o: string
  h: string
  l: string
  c: string
  /** Base volume, quote volume, number of trades, taker buy base and quote volume. */
  v: string
  qv: string
  n: number
  bv: string
  bqv: string
  /** First and last trade id, -1 without trades. */
  f: number
  L: number
  /** Closed. */
  x: boolean
  rev: number
  /** A period without trades, filled with the last close. */
  fill: boolean
}

export interface Status extends Envelope {
  kind: string
  state: string
  /** When this state began, ms. */
  since: number
  reason: string
  /** Last id seen by the source; undefined where there is none. */
  lastId: number | undefined
  /** How many trades are missing; undefined when unknown. */
  missing: number | undefined
}

/** Why a payload was refused; the client counts by these. */
export type BadReason = 'topic' | 'json' | 'schema' | 'field' | 'mismatch'

export type Decoded<T> = { ok: true; value: T; version: Version } | { ok: false; reason: BadReason; detail: string }

class Bad extends Error {
  readonly reason: BadReason
  constructor(reason: BadReason, detail: string) {
    super(detail)
    this.reason = reason
  }
}

type Fields = Record<string, unknown>

const decimal = /^-?\d{1,38}(\.\d{1,18})?$/

function text(fields: Fields, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw new Bad('field', `${name} is not a string`)
  return value
}

function integer(fields: Fields, name: string): number {
  const value = fields[name]
  if (!Number.isSafeInteger(value)) throw new Bad('field', `${name} is not an integer`)
  return value as number
}

function optionalInteger(fields: Fields, name: string): number | undefined {
  return fields[name] === undefined || fields[name] === null ? undefined : integer(fields, name)
}

function flag(fields: Fields, name: string): boolean {
  const value = fields[name]
  if (typeof value !== 'boolean') throw new Bad('field', `${name} is not a boolean`)
  return value
}

function decimalText(fields: Fields, name: string): string {
  const value = text(fields, name)
  if (!decimal.test(value)) throw new Bad('field', `${name} is not a decimal`)
  return value
}

function envelope(payload: string): { fields: Fields; head: Envelope } {
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

function caught<T>(decode: () => Decoded<T>): Decoded<T> {
  try {
    return decode()
  } catch (err) {
    if (err instanceof Bad) return { ok: false, reason: err.reason, detail: err.message }
    throw err
  }
}

/** Never throws for a payload, whatever it holds. */
export function decodeCandle(topic: CandleTopic, payload: string): Decoded<Candle> {
  return caught(() => {
    const { fields, head } = envelope(payload)
    const period = text(fields, 'i')
    if (head.s !== topic.contract || period !== topic.period) {
      throw new Bad('mismatch', `${head.s} ${period} on the topic of ${topic.contract} ${topic.period}`)
    }
    const value: Candle = {
      ...head,
      i: topic.period,
      t: integer(fields, 't'),
      T: integer(fields, 'T'),
      o: decimalText(fields, 'o'),
      h: decimalText(fields, 'h'),
      l: decimalText(fields, 'l'),
      c: decimalText(fields, 'c'),
      v: decimalText(fields, 'v'),
      qv: decimalText(fields, 'qv'),
      n: integer(fields, 'n'),
      bv: decimalText(fields, 'bv'),
      bqv: decimalText(fields, 'bqv'),
      f: integer(fields, 'f'),
      L: integer(fields, 'L'),
      x: flag(fields, 'x'),
      rev: integer(fields, 'rev'),
      fill: flag(fields, 'fill'),
    }
    if (value.T < value.t) throw new Bad('field', 'T before t')
    const [o, h, l, c] = [Number(value.o), Number(value.h), Number(value.l), Number(value.c)]
    if (l > Math.min(o, c) || h < Math.max(o, c)) throw new Bad('field', 'open or close outside of low and high')
    return { ok: true, value, version: { epoch: head.epoch, t: value.t, seq: head.seq } }
  })
}

/** Never throws for a payload, whatever it holds. */
export function decodeStatus(topic: StatusTopic, payload: string): Decoded<Status> {
  return caught(() => {
    const { fields, head } = envelope(payload)
    const kind = text(fields, 'kind')
    if (kind !== topic.kind || head.s !== topic.scope) {
      throw new Bad('mismatch', `${head.s} ${kind} on the topic of ${topic.scope} ${topic.kind}`)
    }
    const value: Status = {
      ...head,
      kind,
      state: text(fields, 'state'),
      since: integer(fields, 'since'),
      reason: fields.reason === undefined ? '' : text(fields, 'reason'),
      lastId: optionalInteger(fields, 'last_id') || undefined, // 0 on the wire means none
      missing: optionalInteger(fields, 'missing'),
    }
    return { ok: true, value, version: { epoch: head.epoch, t: 0, seq: head.seq } }
  })
}
