import type { Candle, Client, Freshness, Meta, Period, Subscription } from '@tickcast/client'
import { Bars } from './bars.ts'
import type { ContractInfo } from './config.ts'
import { decimalsOf } from './format.ts'

export type Direction = 'up' | 'down' | 'flat'

/** Today's candle (UTC), as far as the page shows it. */
export interface Day {
  open: number
  high: number
  low: number
  close: number
  volume: number
}

/** All that the page knows of one contract. */
export class Contract {
  readonly info: ContractInfo
  readonly decimals: number
  readonly bars = new Map<Period, Bars>()
  last: string | undefined
  direction: Direction = 'flat'
  day: Day | undefined
  source: string
  /** Undefined until it is known. */
  simulated: boolean | undefined
  quality: Candle['q'] = 'ok'
  freshness: Freshness = { state: 'waiting', cause: undefined, heardMs: undefined, feed: undefined, clock: undefined }
  delisted = false
  private lastOrder = { epoch: 0, t: 0, seq: 0 }

  constructor(info: ContractInfo) {
    this.info = info
    this.decimals = decimalsOf(info.tick)
    this.source = info.source
    this.simulated = info.simulated
  }

  /** The shortest period that the contract has: its close is the last price. */
  get beat(): Period {
    return this.info.periods[0] ?? '1s'
  }

  series(period: Period): Bars {
    let bars = this.bars.get(period)
    if (!bars) this.bars.set(period, (bars = new Bars()))
    return bars
  }

  apply(candle: Candle): void {
    // Another source is another market: its candles do not belong in one chart with the old ones.
    this.simulated ??= candle.sim
    if (candle.src !== this.source || candle.sim !== this.simulated) {
      if (candle.epoch < this.lastOrder.epoch) return
      this.bars.clear()
      this.day = undefined
      this.source = candle.src
      this.simulated = candle.sim
    }
    this.delisted = false
    this.series(candle.i).upsert(candle)
    if (candle.i === this.beat) this.price(candle)
    if (candle.i === '1d') this.today(candle)
  }

  private price(candle: Candle): void {
    const { epoch, t, seq } = candle
    const held = this.lastOrder
    if (epoch < held.epoch || (epoch === held.epoch && (t < held.t || (t === held.t && seq <= held.seq)))) return
    this.lastOrder = { epoch, t, seq }
    this.quality = candle.q
    if (candle.c === this.last) return
    if (this.last !== undefined) this.direction = Number(candle.c) > Number(this.last) ? 'up' : 'down'
    this.last = candle.c
  }

  private today(candle: Candle): void {
    const bar = this.series('1d').last
    if (bar?.t === candle.t) this.day = { open: bar.open, high: bar.high, low: bar.low, close: bar.close, volume: bar.volume }
  }
}

/** How many visited contracts keep their closed candles coming while another one is selected. */
const VISITED = 8

/**
 * Which contracts are subscribed how. All of the list: the shortest period
 * (price), 1d (change of today) and freshness. The selected one: all periods.
 * Those visited lately: their closed candles, so that coming back shows no hole.
 */
export class Markets {
  readonly contracts: Contract[]
  private readonly byId = new Map<string, Contract>()
  private readonly closed = new Map<string, Subscription>()
  private live: Subscription | undefined
  selected: Contract | undefined
  private readonly client: Client
  private readonly onChange: (contract: Contract, candle?: Candle, meta?: Meta) => void

  /** `onChange` is called for each message; whoever draws collects until the next frame. */
  constructor(infos: ContractInfo[], client: Client, onChange: (contract: Contract, candle?: Candle, meta?: Meta) => void) {
    this.client = client
    this.onChange = onChange
    this.contracts = infos.map((info) => new Contract(info))
    for (const contract of this.contracts) this.byId.set(contract.info.id, contract)
  }

  start(): void {
    for (const contract of this.contracts) {
      const { id, periods } = contract.info
      const onCandle = this.receive(contract)
      const onCleared = () => {
        contract.delisted = true
        this.onChange(contract)
      }
      this.client.candles(id, contract.beat, { onCandle, onCleared })
      if (periods.includes('1d') && contract.beat !== '1d') this.client.candles(id, '1d', { onCandle })
      this.client.freshness(id, (freshness) => {
        contract.freshness = freshness
        this.onChange(contract)
      }, contract.beat === '1s' ? 'candle' : 'ticker')
    }
  }

  get(id: string | undefined): Contract | undefined {
    return id === undefined ? undefined : this.byId.get(id)
  }

  select(contract: Contract): void {
    if (contract === this.selected) return
    const { id } = contract.info
    this.selected = contract
    this.live?.close()
    const receive = this.receive(contract)
    this.live = this.client.candles(id, '+', { onCandle: receive })
    const closed = this.closed.get(id) ?? this.client.candles(id, '+', { onClosed: receive })
    this.closed.delete(id)
    this.closed.set(id, closed) // the last in the map is the latest visited
    for (const [oldest, subscription] of this.closed) {
      if (this.closed.size <= VISITED) break
      subscription.close()
      this.closed.delete(oldest)
    }
    this.onChange(contract)
  }

  private receive(contract: Contract): (candle: Candle, meta: Meta) => void {
    return (candle, meta) => {
      contract.apply(candle)
      this.onChange(contract, candle, meta)
    }
  }
}
