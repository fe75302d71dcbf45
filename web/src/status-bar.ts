import type { Book, Connection, Freshness, Status } from '@tickcast/client'
import type { Contract } from './contract.ts'
import { byId, setData, setHidden, setText } from './dom.ts'
import { duration, latency } from './format.ts'
import type { LatencyWindow } from './latency.ts'

export type Level = 'ok' | 'warn' | 'bad' | 'idle'

/** What one line of the status says. */
export interface Line {
  text: string
  level: Level
}

const FEED: Record<string, Line> = {
  SYNCED: { text: 'In sync', level: 'ok' },
  INIT: { text: 'Starting', level: 'warn' },
  BUFFERING: { text: 'Buffering', level: 'warn' },
  RECOVERING: { text: 'Recovering', level: 'warn' },
  GAP: { text: 'Gap', level: 'warn' },
  DOWN: { text: 'Down', level: 'bad' },
}

export function feedLine(feed: Status | undefined): Line {
  if (!feed) return { text: 'No report', level: 'idle' }
  const line = FEED[feed.state] ?? { text: feed.state, level: 'warn' }
  if (feed.state !== 'GAP' && feed.state !== 'RECOVERING') return line
  return { ...line, text: `${line.text}, ${feed.missing === undefined ? 'unknown loss' : `${feed.missing} missing`}` }
}

/** The order book's own report: its log is another one than that of trades. Our own engine makes none, its books say it themselves. */
export function bookLine(status: Status | undefined, book: Book | undefined, { cause }: Freshness): Line {
  if (cause === 'connection') return { text: 'Unknown', level: 'idle' }
  if (status || !book) return feedLine(status)
  return book.q === 'stale' ? { text: 'Stale', level: 'warn' } : { text: 'In sync', level: 'ok' }
}

export function clockLine({ state, cause, clock, heardMs }: Freshness, nowMs: number): Line {
  if (state === 'waiting') return { text: 'Waiting', level: 'idle' }
  if (cause === 'connection') return { text: 'Unknown', level: 'idle' }
  if (state === 'live') return { text: 'Live', level: 'ok' }
  const since = cause === 'clock' && clock ? clock.since : heardMs
  return { text: since === undefined ? 'Stale' : `Stale ${duration(nowMs - since)}`, level: 'bad' }
}

/** What lies over the chart when it cannot be trusted; undefined when it can. */
export function alertText({ state, cause, feed }: Freshness, connection: Connection, nowMs: number): string | undefined {
  if (state !== 'stale') return undefined
  switch (cause) {
    case 'connection': {
      if (connection.state !== 'waiting' || connection.retryAtMs === undefined) return 'Connection lost. Connecting again…'
      return `Connection lost. Next attempt in ${Math.max(1, Math.ceil((connection.retryAtMs - nowMs) / 1000))} s`
    }
    case 'feed': return `Prices are not current: feed ${feedLine(feed).text.toLowerCase()}`
    default: return 'Prices are not current: nothing new from the market'
  }
}

const CONNECTION: Record<Connection['state'], string> = {
  connecting: 'Connecting', connected: 'Connected', waiting: 'Offline', closed: 'Closed',
}

/** Above this an event's time is a recording's, and its distance to now says nothing. */
const RECORDED_MS = 10 * 60_000

export function latencyText(summary: { p50: number; p99: number } | undefined): string {
  if (!summary) return '–'
  if (summary.p50 > RECORDED_MS) return 'recorded times'
  return `p50 ${latency(summary.p50)} · p99 ${latency(summary.p99)}`
}

export class StatusBar {
  private readonly connection = byId('connection')
  private readonly connectionText = byId('connection-text')
  private readonly feed = byId('feed')
  private readonly book = byId('book-state')
  private readonly clock = byId('clock')
  private readonly latency = byId('latency')
  private readonly latencyItem = byId('latency-item')
  private readonly alert = byId('alert')
  private readonly announce = byId('announce')
  private announced = ''

  draw(contract: Contract, connection: Connection, now: number): void {
    const { freshness } = contract
    const name = contract.info.id
    setText(this.connectionText, CONNECTION[connection.state])
    setData(this.connection, 'state', connection.state)
    this.connection.title = connection.reason
    const lost = connection.state !== 'connected'
    put(this.feed, lost ? { text: 'Unknown', level: 'idle' } : feedLine(freshness.feed))
    this.feed.title = freshness.feed?.reason ?? ''
    put(this.book, bookLine(contract.bookStatus, contract.book, freshness))
    this.book.title = contract.bookStatus?.reason ?? ''
    put(this.clock, clockLine(freshness, now))
    const alert = alertText(freshness, connection, now)
    setHidden(this.alert, alert === undefined)
    if (alert !== undefined) setText(this.alert, alert)
    this.say(freshness.state === 'stale' ? `${name}: ${freshness.cause === 'connection' ? 'connection lost' : 'stale'}` : freshness.state === 'live' ? `${name}: live` : '')
  }

  drawLatency(toScreen: LatencyWindow, fromServer: LatencyWindow, now: number): void {
    const text = latencyText(toScreen.summary(now))
    setText(this.latency, text)
    this.latencyItem.title = [
      'From the trade at its source to this screen, over the last minute.',
      'It contains the difference between the clocks of the source and of this device.',
      `From our server to this screen: ${latencyText(fromServer.summary(now))}`,
    ].join('\n')
  }

  /** For screen readers, and only when the state changes: prices are not read out. */
  private say(text: string): void {
    if (text === this.announced) return
    this.announced = text
    this.announce.textContent = text
  }
}

function put(element: HTMLElement, line: Line): void {
  setText(element, line.text)
  setData(element, 'level', line.level)
}
