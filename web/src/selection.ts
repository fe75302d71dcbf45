import type { Candle, Client, Period, Subscription } from '@tickcast/client'
import type { Contract } from './contract.ts'
import type { History } from './history.ts'
import { TapePast } from './tape-past.ts'

/**
 * What is subscribed because it is on the screen: candles of one period, the
 * book at one resolution, trades. Where messages did not come, at first and
 * after each reconnection, the history is asked.
 */
export class Selection {
  contract: Contract | undefined
  period: Period = '1s'
  resolution: string | undefined
  private readonly client: Client
  private readonly history: History
  private readonly onChange: (contract: Contract) => void
  private market: Subscription[] = []
  private candles: Subscription | undefined
  private book: Subscription | undefined
  private past: TapePast | undefined
  private generation = 0

  constructor(client: Client, history: History, onChange: (contract: Contract) => void) {
    this.client = client
    this.history = history
    this.onChange = onChange
    client.connection(({ state, generation }) => {
      if (state !== 'connected' || generation === this.generation) return
      this.generation = generation
      this.contract?.series(this.period).broke()
      this.past?.broke()
    })
  }

  show(contract: Contract, period: Period, resolution: string | undefined): void {
    const other = contract !== this.contract
    if (other) this.showMarket(contract)
    if (other || period !== this.period) this.showPeriod(contract, period)
    if (other || resolution !== this.resolution) this.showBook(contract, resolution)
    this.onChange(contract)
  }

  /** Asks the history for what is missing; to be called now and then. */
  tend(nowMs: number): void {
    this.contract?.series(this.period).tend(nowMs)
    this.past?.tend(nowMs)
  }

  private showMarket(contract: Contract): void {
    for (const subscription of this.market) subscription.close()
    this.contract = contract
    const { client } = this
    const { id } = contract.info
    contract.tape.clear()
    contract.bbo = contract.bookStatus = undefined
    const past = (this.past = new TapePast(id, contract.tape, this.history, () => this.onChange(contract)))
    this.market = [
      client.trades(id, (trade, { missed }) => {
        contract.tape.add(trade, missed)
        if (missed > 0) past.missed()
        this.onChange(contract)
      }),
      client.bbo(id, (bbo) => {
        contract.bbo = bbo
        this.onChange(contract)
      }),
      client.status(id, 'book', (status) => {
        contract.bookStatus = status
        this.onChange(contract)
      }),
    ]
  }

  private showPeriod(contract: Contract, period: Period): void {
    this.candles?.close()
    this.period = period
    contract.series(period).broke() // it was not heard of while another one was shown
    const apply = (candle: Candle) => {
      contract.apply(candle)
      this.onChange(contract)
    }
    this.candles = this.client.candles(contract.info.id, period, { onCandle: apply, onClosed: apply })
  }

  private showBook(contract: Contract, resolution: string | undefined): void {
    this.book?.close()
    this.book = undefined
    this.resolution = resolution
    contract.book = undefined
    if (resolution === undefined) return
    this.book = this.client.book(contract.info.id, resolution, (book) => {
      contract.book = book
      this.onChange(contract)
    })
  }
}
