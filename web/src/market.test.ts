import type { Candle, CandleListener, Client } from '@tickcast/client'
import { describe, expect, it } from 'vitest'
import { Contract, Markets } from './market.ts'
import type { ContractInfo } from './config.ts'
import { alertText, clockLine, feedLine, latencyText } from './status-bar.ts'

const info = (id: string, change: Partial<ContractInfo> = {}): ContractInfo => ({
  id, source: 'binance', simulated: true, base: 'BTC', quote: 'USDT', tick: '0.01', step: '0.1', books: [], periods: ['1s', '1m', '1d'], ...change,
})

function candle(seq: number, c: string, change: Partial<Candle> = {}): Candle {
  return {
    sv: 1, s: 'A', src: 'binance', sim: true, epoch: 1, seq, ts: 0, tsc: 0, q: 'ok', i: '1s', t: 1_000, T: 1_999,
    o: '1', h: '9', l: '1', c, v: '3', qv: '4', n: 1, bv: '0', bqv: '0', f: 1, L: 1, x: false, rev: 0, fill: false, ...change,
  }
}

describe('a contract', () => {
  it('has the last price and its direction from the shortest period, never from an older candle', () => {
    const contract = new Contract(info('A'))
    const seen = [candle(1, '5.00'), candle(2, '6.00'), candle(3, '6.00'), candle(2, '1.00'), candle(4, '4.00'), candle(9, '8.00', { i: '1m', t: 0 })]
      .map((c) => {
        contract.apply(c)
        return `${contract.last} ${contract.direction}`
      })
    expect(seen).toEqual(['5.00 flat', '6.00 up', '6.00 up', '6.00 up', '4.00 down', '4.00 down'])
  })

  it('has its day from the newest 1d candle', () => {
    const contract = new Contract(info('A'))
    contract.apply(candle(1, '5', { i: '1d', t: 86_400_000, o: '4' }))
    contract.apply(candle(1, '2', { i: '1d', t: 0, x: true }))
    expect(contract.day).toMatchObject({ open: 4, close: 5 })
  })

  it('begins again when its market comes from another source', () => {
    const contract = new Contract(info('A'))
    contract.apply(candle(1, '5'))
    contract.apply(candle(1, '7', { epoch: 2, sim: false }))
    expect(contract.simulated).toBe(false)
    expect(contract.series('1s').list).toHaveLength(1)
    contract.apply(candle(9, '5')) // a straggler of the old one
    expect(contract.last).toBe('7')
    expect(contract.simulated).toBe(false)
  })
})

describe('a contract of an edge that does not know its source', () => {
  it('is told by the first candle', () => {
    const contract = new Contract(info('A', { simulated: undefined }))
    contract.apply(candle(1, '5', { i: '1d' }))
    contract.apply(candle(2, '5'))
    expect(contract.simulated).toBe(true)
    expect(contract.series('1d').list).toHaveLength(1)
  })
})

/** Records subscriptions; `open` are those not closed. */
class FakeClient {
  readonly open = new Set<string>()
  candles(contract: string, period: string, listener: CandleListener) {
    return this.add(`${listener.onClosed ? 'closed' : 'candle'} ${period} ${contract}`)
  }
  freshness(contract: string) {
    return this.add(`freshness ${contract}`)
  }
  private add(name: string) {
    this.open.add(name)
    return { close: () => this.open.delete(name) }
  }
}

describe('markets', () => {
  it('subscribe all periods of the selected contract, closed candles of those visited lately, prices of all', () => {
    const client = new FakeClient()
    const ids = Array.from({ length: 12 }, (_, i) => `C${i}`)
    const markets = new Markets(ids.map((id) => info(id)), client as unknown as Client, () => {})
    markets.start()
    for (const contract of markets.contracts) markets.select(contract)
    markets.select(markets.contracts[5]!)
    const open = [...client.open]
    expect(open.filter((s) => s.startsWith('candle +'))).toEqual(['candle + C5'])
    expect(open.filter((s) => s.startsWith('closed')).map((s) => s.slice(9)).sort()).toEqual(['C10', 'C11', 'C4', 'C5', 'C6', 'C7', 'C8', 'C9'])
    expect(open.filter((s) => s.startsWith('candle 1s'))).toHaveLength(12)
    expect(open.filter((s) => s.startsWith('candle 1d'))).toHaveLength(12)
  })
})

describe('status lines', () => {
  const fresh = { state: 'stale' as const, cause: undefined, heardMs: 1_000, feed: undefined, clock: undefined }
  const up = { state: 'connected' as const, sinceMs: 0, generation: 1, retryAtMs: undefined, reason: '' }
  const feed = (state: string, missing?: number) => ({ state, missing }) as never

  it('say what is missing, and call unknown loss unknown', () => {
    expect(feedLine(feed('SYNCED')).text).toBe('In sync')
    expect(feedLine(feed('GAP', 12)).text).toBe('Gap, 12 missing')
    expect(feedLine(feed('GAP')).text).toBe('Gap, unknown loss')
    expect(feedLine(feed('LATER'))).toEqual({ text: 'LATER', level: 'warn' })
  })

  it('say since when nothing came', () => {
    expect(clockLine({ ...fresh, cause: 'silence' }, 6_000).text).toBe('Stale 5 s')
    expect(clockLine({ ...fresh, cause: 'clock', clock: { since: 4_000 } as never }, 6_000).text).toBe('Stale 2 s')
  })

  it('alert only where prices are not current', () => {
    expect(alertText({ ...fresh, state: 'live' }, up, 0)).toBeUndefined()
    expect(alertText({ ...fresh, cause: 'connection' }, { ...up, state: 'waiting', retryAtMs: 2_400 }, 0)).toBe('Connection lost. Next attempt in 3 s')
    expect(alertText({ ...fresh, cause: 'feed', feed: feed('DOWN') }, up, 0)).toBe('Prices are not current: feed down')
  })

  it('does not call the age of a recording latency', () => {
    expect(latencyText({ p50: 12, p99: 80 })).toBe('p50 12 ms · p99 80 ms')
    expect(latencyText({ p50: 1e11, p99: 2e11 })).toBe('recorded times')
  })
})
