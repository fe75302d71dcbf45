import type { Candle, CandleListener, Client, Connection } from '@tickcast/client'
import { describe, expect, it } from 'vitest'
import type { ContractInfo } from './config.ts'
import { Contract } from './contract.ts'
import type { History } from './history.ts'
import { Markets } from './market.ts'
import { Selection } from './selection.ts'

const info = (id: string, change: Partial<ContractInfo> = {}): ContractInfo => ({
  id, source: 'binance', simulated: true, base: 'BTC', quote: 'USDT', tick: '0.01', step: '0.1', books: ['0.01', '1'], periods: ['1s', '1m', '1d'], ...change,
})

/** A history that is asked and never answers. */
const silent: History = { klines: () => new Promise(() => {}), trades: () => new Promise(() => {}) }

const contractOf = (change: Partial<ContractInfo> = {}) => new Contract(info('A', change), silent, () => {})

function candle(seq: number, c: string, change: Partial<Candle> = {}): Candle {
  return {
    sv: 1, s: 'A', src: 'binance', sim: true, epoch: 1, seq, ts: 0, tsc: 0, q: 'ok', i: '1s', t: 1_000, T: 1_999,
    o: '1', h: '9', l: '1', c, v: '3', qv: '4', n: 1, bv: '0', bqv: '0', f: 1, L: 1, x: false, rev: 0, fill: false, ...change,
  }
}

describe('a contract', () => {
  it('has the last price and its direction from the beat, never from an older candle', () => {
    const contract = contractOf()
    const seen = [candle(1, '5.00'), candle(2, '6.00'), candle(3, '6.00'), candle(2, '1.00'), candle(4, '4.00')].map((c) => {
      contract.price(c)
      return `${contract.last} ${contract.direction} ${contract.moves}`
    })
    expect(seen).toEqual(['5.00 flat 1', '6.00 up 2', '6.00 up 2', '6.00 up 2', '4.00 down 3'])
  })

  it('begins again when its market comes from another source', () => {
    const contract = contractOf()
    contract.price(candle(1, '5'))
    contract.apply(candle(1, '5'))
    contract.price(candle(1, '7', { epoch: 2, sim: false }))
    expect(contract.simulated).toBe(false)
    expect(contract.series('1s').bars.list).toHaveLength(0)
    contract.price(candle(9, '5')) // a straggler of the old one
    expect(contract.last).toBe('7')
    expect(contract.simulated).toBe(false)
  })

  it('of an edge that does not know its source is told by the first candle', () => {
    const contract = contractOf({ simulated: undefined })
    contract.apply(candle(1, '5', { i: '1d' }))
    contract.price(candle(2, '5'))
    expect(contract.simulated).toBe(true)
    expect(contract.series('1d').bars.list).toHaveLength(1)
  })

  it('is called by its pair, or by its own name', () => {
    expect(new Contract(info('BTCUSDT'), silent, () => {}).name).toBe('BTC/USDT')
    expect(new Contract(info('BTC-PERP', { quote: 'USD' }), silent, () => {}).name).toBe('BTC-PERP')
  })
})

/** Records subscriptions; `open` are those not closed. */
class FakeClient {
  readonly open = new Set<string>()
  told: (connection: Connection) => void = () => {}
  candles = (contract: string, period: string, listener: CandleListener) =>
    this.add(`${listener.onClosed ? 'candle and closed' : 'candle'} ${period} ${contract}`)
  ticker = (contract: string) => this.add(`ticker ${contract}`)
  bbo = (contract: string) => this.add(`bbo ${contract}`)
  book = (contract: string, resolution: string) => this.add(`book ${resolution} ${contract}`)
  trades = (contract: string) => this.add(`trades ${contract}`)
  status = (contract: string, kind: string) => this.add(`status ${kind} ${contract}`)
  freshness = (contract: string) => this.add(`freshness ${contract}`)
  connection = (listener: (connection: Connection) => void) => {
    this.told = listener
    return { close: () => {} }
  }
  private add(name: string) {
    this.open.add(name)
    return { close: () => this.open.delete(name) }
  }
}

describe('subscriptions', () => {
  it('are price, ticker and freshness of every contract of the list', () => {
    const client = new FakeClient()
    new Markets([info('A'), info('B')], client as unknown as Client, silent, () => {}).start()
    expect([...client.open].sort()).toEqual(['candle 1s A', 'candle 1s B', 'freshness A', 'freshness B', 'ticker A', 'ticker B'])
  })

  it('follow what is on the screen, and nothing else stays', () => {
    const client = new FakeClient()
    const selection = new Selection(client as unknown as Client, silent, () => {})
    const [a, b] = [new Contract(info('A'), silent, () => {}), new Contract(info('B'), silent, () => {})]
    selection.show(a, '1m', '0.01')
    selection.show(a, '1d', '0.01')
    selection.show(a, '1d', '1')
    expect([...client.open].sort()).toEqual(['bbo A', 'book 1 A', 'candle and closed 1d A', 'status book A', 'trades A'])
    selection.show(b, '1d', undefined)
    expect([...client.open].sort()).toEqual(['bbo B', 'candle and closed 1d B', 'status book B', 'trades B'])
  })

  it('that began anew ask the history for what came between', () => {
    const asked: string[] = []
    const history: History = {
      klines: async (contract, period) => (asked.push(`klines ${period} ${contract}`), []),
      trades: async (contract) => (asked.push(`trades ${contract}`), []),
    }
    const client = new FakeClient()
    const selection = new Selection(client as unknown as Client, history, () => {})
    const connection = (generation: number): Connection => ({ state: 'connected', sinceMs: 0, retryAtMs: undefined, reason: '', generation })
    client.told(connection(1))
    selection.show(new Contract(info('A'), history, () => {}), '1m', undefined)
    selection.tend(1_000_000)
    expect(asked).toEqual(['klines 1m A', 'trades A'])
    return Promise.resolve().then(() => new Promise((done) => setTimeout(done))).then(() => {
      selection.tend(2_000_000)
      expect(asked).toHaveLength(2) // nothing is missing
      client.told(connection(2))
      selection.tend(3_000_000)
      expect(asked.slice(2)).toEqual(['klines 1m A', 'trades A'])
    })
  })
})
