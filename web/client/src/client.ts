import { decodeCandle, decodeStatus, type BadReason, type Candle, type Decoded, type Status } from './decode.ts'
import { judge, sameFreshness, type Freshness } from './freshness.ts'
import { Link, type Connection, type Filter, type LinkOptions } from './link.ts'
import {
  candleTopic, closedTopic, filterMatches, parseTopic, statusTopic, type Period, type Topic,
} from './topics.ts'
import { ClosedRule, StateRule, type VersionRule } from './version.ts'

export interface Options extends LinkOptions {
  /** What a developer should see: refused payloads and filters. Default: nothing. */
  onWarning?: (text: string) => void
}

export interface Meta {
  topic: string
  /** ms of Date.now(). */
  receivedMs: number
  /** What a subscription begins with, not something that has just happened. */
  snapshot: boolean
}

export interface CandleListener {
  onCandle?: (candle: Candle, meta: Meta) => void
  /** Closed candles in order; a revision of an older one may come between. */
  onClosed?: (candle: Candle, meta: Meta) => void
  /** The broker took the topic's retained value back: the contract or the period is gone. */
  onCleared?: (topic: string) => void
}

/** close() ends it; the broker is told when the last listener of a filter has left. */
export interface Subscription {
  close(): void
}

/** Nothing is dropped silently: whatever is not delivered is counted here. */
export interface Counters {
  received: number
  delivered: number
  /** Refused by the version rule. */
  notNewer: number
  bad: Record<BadReason, number>
  refusedFilters: number
}

export interface Client {
  /** Period `+` is all periods. */
  candles(contract: string, period: Period | '+', listener: CandleListener): Subscription
  /** `status('BTCUSDT', 'feed', …)`; scope and kind may be `+`. */
  status(scope: string, kind: string, listener: (status: Status, meta: Meta) => void): Subscription
  /** Called at once and at each change. `beats`: the contract has 1s candles (default true). */
  freshness(contract: string, listener: (freshness: Freshness) => void, beats?: boolean): Subscription
  /** Called at once and at each change. */
  connection(listener: (connection: Connection) => void): Subscription
  readonly counters: Counters
  /** The network or the page came back: dial now, or probe. */
  retryNow(): void
  close(): void
}

type Value = Candle | Status

interface Held {
  topic: Topic
  rule: VersionRule
  /** The newest value: the greatest open time on closed topics. */
  newest: Value | undefined
  /** The connection on which the last message came. */
  generation: number
  /** Cached matches; stale when `matchedAt` is not the table's. */
  matches: Entry[]
  matchedAt: number
}

interface Receiver {
  onValue(value: Value, meta: Meta): void
  onHeard?(value: Value): void
  onCleared?(topic: string): void
}

interface Entry extends Filter {
  receivers: Set<Receiver>
}

/** How often staleness is judged. */
const JUDGE_MS = 250

/** Starts to connect at once, and keeps connecting until close(). Never throws for what comes from the network. */
export function connect(options: Options): Client {
  const client = new MarketClient(options)
  client.start()
  return client
}

class MarketClient implements Client {
  readonly counters: Counters = {
    received: 0, delivered: 0, notNewer: 0, refusedFilters: 0,
    bad: { topic: 0, json: 0, schema: 0, field: 0, mismatch: 0 },
  }
  private readonly link: Link
  private readonly warn: (text: string) => void
  private readonly entries = new Map<string, Entry>()
  private readonly held = new Map<string, Held>()
  private readonly connectionListeners = new Set<(connection: Connection) => void>()
  private readonly judges = new Set<() => void>()
  private table = 0
  private fresh: Filter[] = []
  private judgeTimer: ReturnType<typeof setInterval> | undefined

  constructor(options: Options) {
    this.warn = options.onWarning ?? (() => {})
    this.link = new Link(options, {
      filters: () => {
        this.fresh = []
        return [...this.entries.values()]
      },
      onMessage: (topic, payload, retained) => this.message(topic, payload, retained),
      onConnection: (connection) => {
        for (const listener of this.connectionListeners) listener(connection)
        for (const judgeNow of this.judges) judgeNow()
      },
      onRefused: (filter, reason) => {
        this.counters.refusedFilters++
        this.warn(`the broker refused ${filter}: ${reason}`)
      },
    })
  }

  start(): void {
    this.link.start()
  }

  candles(contract: string, period: Period | '+', listener: CandleListener): Subscription {
    const cleared = listener.onCleared ? { onCleared: listener.onCleared } : {}
    const parts: Subscription[] = []
    const { onCandle, onClosed } = listener
    if (onCandle) {
      parts.push(this.add(candleTopic(contract, period), 0, { onValue: (v, meta) => onCandle(v as Candle, meta), ...cleared }))
    }
    if (onClosed) {
      parts.push(this.add(closedTopic(contract, period), 1, { onValue: (v, meta) => onClosed(v as Candle, meta), ...cleared }))
    }
    return { close: () => parts.forEach((part) => part.close()) }
  }

  status(scope: string, kind: string, listener: (status: Status, meta: Meta) => void): Subscription {
    return this.add(statusTopic(scope, kind), 1, { onValue: (v, meta) => listener(v as Status, meta) })
  }

  freshness(contract: string, listener: (freshness: Freshness) => void, beats = true): Subscription {
    let heardMs: number | undefined
    let movedMs: number | undefined
    let feed: Status | undefined
    let clock: Status | undefined
    let clockMs = 0
    let told: Freshness | undefined
    const judgeNow = () => {
      const { state, sinceMs } = this.link.connection
      const inputs = { connection: state, connectedMs: sinceMs, heardMs, movedMs, beats, feed, clock, clockMs }
      const now = judge(inputs, Date.now())
      if (told && sameFreshness(told, now)) return
      told = now
      listener(now)
    }
    const parts = [
      this.status(contract, '+', (status, meta) => {
        if (status.kind === 'feed') feed = status
        if (status.kind === 'clock') [clock, clockMs] = [status, meta.receivedMs]
        judgeNow()
      }),
    ]
    if (beats) {
      parts.push(this.add(candleTopic(contract, '1s'), 0, {
        onValue: (_, meta) => {
          if (!meta.snapshot) movedMs = meta.receivedMs
        },
        onHeard: () => {
          heardMs = Date.now()
          if (told?.state !== 'live') judgeNow()
        },
      }))
    }
    this.judges.add(judgeNow)
    this.judgeTimer ??= setInterval(() => this.judges.forEach((judgeOne) => judgeOne()), JUDGE_MS)
    judgeNow()
    return {
      close: () => {
        parts.forEach((part) => part.close())
        this.judges.delete(judgeNow)
        if (this.judges.size === 0) this.stopJudging()
      },
    }
  }

  connection(listener: (connection: Connection) => void): Subscription {
    this.connectionListeners.add(listener)
    listener(this.link.connection)
    return { close: () => this.connectionListeners.delete(listener) }
  }

  retryNow(): void {
    this.link.retryNow()
  }

  close(): void {
    this.stopJudging()
    this.link.close()
  }

  private stopJudging(): void {
    clearInterval(this.judgeTimer)
    this.judgeTimer = undefined
  }

  private add(filter: string, qos: 0 | 1, receiver: Receiver): Subscription {
    let entry = this.entries.get(filter)
    if (!entry) {
      entry = { filter, qos, receivers: new Set() }
      this.entries.set(filter, entry)
      this.table++
      // Subscriptions made in one go travel in one packet.
      if (this.fresh.push(entry) === 1) queueMicrotask(() => this.link.subscribe(this.fresh.splice(0)))
    }
    entry.receivers.add(receiver)
    // What another filter has brought already will not come again: the version rule holds it back.
    queueMicrotask(() => {
      if (!entry.receivers.has(receiver)) return
      for (const [topic, held] of this.held) {
        if (!held.newest || !filterMatches(filter, topic)) continue
        receiver.onValue(held.newest, { topic, receivedMs: Date.now(), snapshot: true })
      }
    })
    return { close: () => this.remove(entry, receiver) }
  }

  private remove(entry: Entry, receiver: Receiver): void {
    if (!entry.receivers.delete(receiver) || entry.receivers.size > 0) return
    this.entries.delete(entry.filter)
    this.table++
    this.fresh = this.fresh.filter((f) => f !== entry)
    this.link.unsubscribe([entry.filter])
    for (const [topic, held] of this.held) {
      if (this.matches(topic, held).length === 0) this.held.delete(topic)
    }
  }

  private matches(topic: string, held: Held): Entry[] {
    if (held.matchedAt !== this.table) {
      held.matches = [...this.entries.values()].filter((entry) => filterMatches(entry.filter, topic))
      held.matchedAt = this.table
    }
    return held.matches
  }

  private bad(reason: BadReason, topic: string, detail: string): void {
    this.counters.bad[reason]++
    this.warn(`${topic}: ${detail}`)
  }

  private message(topic: string, payload: string, retained: boolean): void {
    this.counters.received++
    let held = this.held.get(topic)
    const parsed = held?.topic ?? parseTopic(topic)
    if (!parsed) return this.bad('topic', topic, 'unknown topic')
    if (!held) {
      const rule = parsed.product === 'closed' ? new ClosedRule() : new StateRule()
      held = { topic: parsed, rule, newest: undefined, generation: 0, matches: [], matchedAt: -1 }
      if (this.matches(topic, held).length === 0) return // its last listener has just left
      this.held.set(topic, held)
    }
    const matches = this.matches(topic, held)
    if (payload === '') {
      this.held.delete(topic)
      for (const entry of matches) for (const receiver of entry.receivers) receiver.onCleared?.(topic)
      return
    }
    const decoded: Decoded<Value> = parsed.product === 'status' ? decodeStatus(parsed, payload) : decodeCandle(parsed, payload)
    if (!decoded.ok) return this.bad(decoded.reason, topic, decoded.detail)
    const meta = { topic, receivedMs: Date.now(), snapshot: retained || held.generation !== this.link.generation }
    held.generation = this.link.generation
    const { value } = decoded
    for (const entry of matches) for (const receiver of entry.receivers) receiver.onHeard?.(value)
    if (!held.rule.accept(decoded.version)) {
      this.counters.notNewer++
      return
    }
    if (parsed.product !== 'closed' || !isOlderCandle(held.newest, value)) held.newest = value
    this.counters.delivered++
    for (const entry of matches) for (const receiver of [...entry.receivers]) receiver.onValue(value, meta)
  }
}

/** On a closed topic a revision of an older candle does not become the newest one. */
function isOlderCandle(newest: Value | undefined, value: Value): boolean {
  return newest !== undefined && 't' in newest && 't' in value && value.t < newest.t
}
