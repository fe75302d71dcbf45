import type { Candle, Client, Meta } from '@tickcast/client'
import type { ContractInfo } from './config.ts'
import { Contract } from './contract.ts'
import type { History } from './history.ts'

/**
 * The contracts of the list. All of them have their price (the shortest
 * period's candle), ticker and freshness; what else the selected one needs is in
 * selection.ts.
 */
export class Markets {
  readonly contracts: Contract[]
  private readonly byId = new Map<string, Contract>()
  private readonly client: Client
  private readonly onChange: (contract: Contract, candle?: Candle, meta?: Meta) => void

  /** `onChange` is called for each message; whoever draws collects until the next frame. */
  constructor(infos: ContractInfo[], client: Client, history: History, onChange: (contract: Contract, candle?: Candle, meta?: Meta) => void) {
    this.client = client
    this.onChange = onChange
    this.contracts = infos.map((info) => {
      const contract: Contract = new Contract(info, history, () => onChange(contract))
      this.byId.set(info.id, contract)
      return contract
    })
  }

  start(): void {
    for (const contract of this.contracts) {
      const { id } = contract.info
      this.client.candles(id, contract.beat, {
        onCandle: (candle, meta) => {
          contract.price(candle)
          this.onChange(contract, candle, meta)
        },
        onCleared: () => {
          contract.delisted = true
          this.onChange(contract)
        },
      })
      this.client.ticker(id, (ticker) => {
        contract.ticker = ticker
        this.onChange(contract)
      })
      this.client.freshness(id, (freshness) => {
        contract.freshness = freshness
        this.onChange(contract)
      }, contract.beat === '1s' ? 'candle' : 'ticker')
    }
  }

  get(id: string | undefined): Contract | undefined {
    return id === undefined ? undefined : this.byId.get(id)
  }
}
