import type { Contract } from './contract.ts'
import { byId, make, setData, setText, stepOf } from './dom.ts'
import { grouped, signOf, signedPercent } from './format.ts'

interface Row {
  contract: Contract
  element: HTMLElement
  price: HTMLElement
  change: HTMLElement
}

/** The list of contracts: one tab stop, arrow keys select. */
export class MarketList {
  private readonly element = byId('markets')
  private readonly rows: Row[]

  constructor(contracts: Contract[], onSelect: (contract: Contract) => void) {
    this.rows = contracts.map((contract) => this.row(contract))
    this.element.replaceChildren(...this.rows.map((row) => row.element))
    this.element.addEventListener('click', (event) => {
      const hit = this.rows.find((row) => row.element.contains(event.target as Node))
      if (hit) onSelect(hit.contract)
    })
    this.element.addEventListener('keydown', (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return
      const to = stepOf(event.key, this.selected, this.rows.length)
      const row = to === undefined ? undefined : this.rows[to]
      if (!row) return
      event.preventDefault()
      onSelect(row.contract)
    })
  }

  private get selected(): number {
    return this.rows.findIndex((row) => row.element.ariaSelected === 'true')
  }

  /** The contract before (-1) or after (1) the selected one, in a circle. */
  neighbour(by: 1 | -1): Contract | undefined {
    return this.rows[(this.selected + by + this.rows.length) % this.rows.length]?.contract
  }

  select(contract: Contract): void {
    for (const row of this.rows) {
      const selected = row.contract === contract
      row.element.ariaSelected = String(selected)
      if (!selected) continue
      this.element.setAttribute('aria-activedescendant', row.element.id)
      row.element.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    }
  }

  /** Draws the rows of these contracts. */
  draw(changed: ReadonlySet<Contract>): void {
    for (const { contract, element, price, change } of this.rows) {
      if (!changed.has(contract)) continue
      const { last, ticker, direction, freshness, delisted } = contract
      setText(price, last === undefined ? '–' : grouped(last))
      setData(element, 'direction', direction)
      setData(element, 'state', delisted ? 'delisted' : freshness.state)
      const text = delisted ? 'delisted' : freshness.state === 'stale' ? 'stale' : ticker ? signedPercent(Number(ticker.P)) : '–'
      setText(change, text)
      setData(change, 'sign', signOf(text))
    }
  }

  private row(contract: Contract): Row {
    const { id, base, quote } = contract.info
    const own = id !== base + quote
    const element = make('div', 'market-row')
    element.id = `market-${id}`
    element.role = 'option'
    element.ariaSelected = 'false'
    const name = make('span', 'name')
    name.append(make('b', '', own ? id : base), make('i', '', own ? '' : `/${quote}`))
    const price = make('span', 'price', '–')
    const change = make('span', 'change', '–')
    element.append(name, price, change)
    return { contract, element, price, change }
  }
}
