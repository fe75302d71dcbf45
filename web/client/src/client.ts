import type { CandleListener, Cleared, Client, Counters, Listener, Meta, Options, Subscription } from './api.ts'
import type { Bbo, Book } from './book.ts'
import { decode, type Message } from './decode.ts'
import type { BadReason } from './fields.ts'
import type { Beat, Freshness } from './freshness.ts'
import { Link, type Connection, type Filter } from './link.ts'
import type { Status } from './status.ts'
import type { Ticker } from './ticker.ts'
import {
  bboTopic, bookTopic, candleTopic, closedTopic, filterMatches, parseTopic, statusTopic, tickerTopic, tradeTopic,
  type Period, type Topic,
} from './topics.ts'
import type { Trade } from './trade.ts'
import { ClosedRule, EventRule, StateRule, type VersionRule } from './version.ts'
import { Watch } from './watch.ts'

interface Held {
  topic: Topic
  rule: VersionRule<Message>
  /** The newest value: the greatest open time on closed topics, none on event topics. */
  newest: Message | undefined
  /** The connection on which the last message came. */
  generation: number
  /** Cached matches; stale when `matchedAt` is not the table's. */
  matches: Entry[]
  matchedAt: number
}

interface Receiver {
  onValue(value: Message, meta: Meta): void
  onHeard?(): void
  onCleared?: Cleared | undefined
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
    received: 0, delivered: 0, notNewer: 0, missedTrades: 0, refusedFilters: 0,
    bad: { topic: 0, json: 0, schema: 0, field: 0, mismatch: 0 },
  }
  private readonly link: Link
  private readonly warn: (text: string) => void
  private readonly entries = new Map<string, Entry>()
  private readonly held = new Map<string, Held>()
  private readonly connectionListeners = new Set<(connection: Connection) => void>()
  private readonly watches = new Set<Watch>()
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
        for (const watch of this.watches) watch.judge()
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

  candles(contract: string, period: Period | '+', { onCandle, onClosed, onCleared }: CandleListener): Subscription {
    const parts: Subscription[] = []
    if (onCandle) parts.push(this.listen(candleTopic(contract, period), 0, onCandle, onCleared))
    if (onClosed) parts.push(this.listen(closedTopic(contract, period), 1, onClosed, onCleared))
    return { close: () => parts.forEach((part) => part.close()) }
  }

  ticker(contract: string, listener: Listener<Ticker>, onCleared?: Cleared): Subscription {
    return this.listen(tickerTopic(contract), 0, listener, onCleared)
  }

  bbo(contract: string, listener: Listener<Bbo>, onCleared?: Cleared): Subscription {
    return this.listen(bboTopic(contract), 0, listener, onCleared)
  }

  book(contract: string, resolution: string, listener: Listener<Book>, onCleared?: Cleared): Subscription {
    return this.listen(bookTopic(contract, resolution), 0, listener, onCleared)
  }

  trades(contract: string, listener: Listener<Trade>): Subscription {
    return this.listen(tradeTopic(contract), 0, listener)
  }

  status(scope: string, kind: string, listener: Listener<Status>): Subscription {
    return this.listen(statusTopic(scope, kind), 1, listener)
  }

  freshness(contract: string, listener: (freshness: Freshness) => void, beat: Beat = 'candle'): Subscription {
    const watch = new Watch(beat, () => this.link.connection, listener)
    const parts = [this.status(contract, '+', (status, meta) => watch.status(status, meta.receivedMs))]
    if (beat !== 'none') {
      parts.push(this.add(beat === 'candle' ? candleTopic(contract, '1s') : tickerTopic(contract), 0, {
        onValue: (_, meta) => {
          if (!meta.snapshot) watch.moved(meta.receivedMs)
        },
        onHeard: () => watch.heard(),
      }))
    }
    this.watches.add(watch)
    this.judgeTimer ??= setInterval(() => this.watches.forEach((one) => one.judge()), JUDGE_MS)
    watch.judge()
    return {
      close: () => {
        parts.forEach((part) => part.close())
        this.watches.delete(watch)
        if (this.watches.size === 0) this.stopJudging()
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

  /** T is the message of the filter's product: decode() answers by topic. */
  private listen<T extends Message>(filter: string, qos: 0 | 1, listener: Listener<T>, onCleared?: Cleared): Subscription {
    return this.add(filter, qos, { onValue: (value, meta) => listener(value as T, meta), onCleared })
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
        receiver.onValue(held.newest, { topic, receivedMs: Date.now(), snapshot: true, missed: 0 })
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
      held = { topic: parsed, rule: ruleOf(parsed), newest: undefined, generation: 0, matches: [], matchedAt: -1 }
      if (this.matches(topic, held).length === 0) return // its last listener has just left
      this.held.set(topic, held)
    }
    const matches = this.matches(topic, held)
    if (payload === '') {
      this.held.delete(topic)
      for (const entry of matches) for (const receiver of entry.receivers) receiver.onCleared?.(topic)
      return
    }
    const decoded = decode(parsed, payload)
    if (!decoded.ok) return this.bad(decoded.reason, topic, decoded.detail)
    const { generation } = this.link.connection
    const { product } = parsed
    const snapshot = product !== 'trade' && (retained || held.generation !== generation)
    held.generation = generation
    const { value } = decoded
    for (const entry of matches) for (const receiver of entry.receivers) receiver.onHeard?.()
    if (!held.rule.accept(decoded.version, value)) {
      this.counters.notNewer++
      return
    }
    const missed = held.rule instanceof EventRule ? held.rule.missed : 0
    if (product !== 'trade' && (product !== 'closed' || !isOlderCandle(held.newest, value))) held.newest = value
    this.counters.delivered++
    this.counters.missedTrades += missed
    const meta: Meta = { topic, receivedMs: Date.now(), snapshot, missed }
    for (const entry of matches) for (const receiver of [...entry.receivers]) receiver.onValue(value, meta)
  }
}

/** Each class of topic has its rule. */
function ruleOf(topic: Topic): VersionRule<Message> {
  switch (topic.product) {
    case 'closed': return new ClosedRule()
    case 'trade': return new EventRule() as VersionRule<Message>
    default: return new StateRule()
  }
}

/** On a closed topic a revision of an older candle does not become the newest one. */
function isOlderCandle(newest: Message | undefined, value: Message): boolean {
  return newest !== undefined && 't' in newest && 't' in value && value.t < newest.t
}
