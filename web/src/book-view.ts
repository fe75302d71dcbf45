import type { Contract } from './contract.ts'
import { byId, make, setData, setHidden, setText, stepOf } from './dom.ts'
import { amount, atScale, decimalsOf, grouped, percentOf } from './format.ts'
import { ladder, spread, type Rung } from './ladder.ts'
import { Slots, slot, watchHeight, type Slot } from './slots.ts'

/** Height of a row in the style sheet, px. */
const ROW_PX = 20
/** The catalogue's depth is 50; more rows than this no screen shows. */
const MAX_ROWS = 40

/** The order book: asks above, bids below, the spread between; as many levels as fit. */
export class BookView {
  private readonly element = byId('book')
  private readonly asks: Slots
  private readonly bids: Slots
  private readonly spread = byId('spread')
  private readonly middle = byId('book-last')
  private readonly note = byId('book-note')
  private readonly resolutions = byId('resolutions')
  private readonly bars = new WeakMap<HTMLElement, HTMLElement>()
  private drawn: unknown
  private readonly onSelect: (resolution: string) => void
  private offered: readonly string[] = []

  constructor(onSelect: (resolution: string) => void, onResize: () => void) {
    this.onSelect = onSelect
    const row = () => this.row()
    this.asks = new Slots(byId('asks'), row)
    this.bids = new Slots(byId('bids'), row)
    watchHeight(byId('asks'), (height) => {
      const rows = Math.min(MAX_ROWS, Math.floor(height / ROW_PX))
      if (rows === this.asks.count) return
      this.asks.show(rows)
      this.bids.show(rows)
      this.drawn = undefined
      onResize()
    })
    this.resolutions.addEventListener('click', (event) => {
      const value = (event.target as HTMLElement).closest('button')?.value
      if (value !== undefined) onSelect(value)
    })
    this.resolutions.addEventListener('keydown', (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) return
      const to = stepOf(event.key, this.selected, this.offered.length)
      if (to === undefined) return
      event.preventDefault()
      onSelect(this.offered[to] as string)
      this.buttons[to]?.focus()
    })
  }

  /** A contract's resolutions, and the one that is shown. */
  offer(books: readonly string[], chosen: string | undefined): void {
    if (books.join() !== this.offered.join()) {
      this.resolutions.replaceChildren(...books.map((resolution) => {
        const button = make('button', 'choice', resolution)
        button.type = 'button'
        button.role = 'radio'
        button.value = resolution
        button.ariaLabel = `Price steps of ${resolution}`
        return button
      }))
    }
    this.offered = books
    for (const button of this.buttons) {
      button.ariaChecked = String(button.value === chosen)
      button.tabIndex = button.value === chosen ? 0 : -1
    }
  }

  /** The next coarser (1) or finer (-1) resolution. */
  step(by: 1 | -1): void {
    const resolution = this.offered[this.selected + by]
    if (resolution !== undefined) this.onSelect(resolution)
  }

  draw(contract: Contract, resolution: string | undefined): void {
    const { book, bbo, info, freshness, bookStatus } = contract
    setText(byId('book-price-head'), `Price ${info.quote}`)
    setText(byId('book-size-head'), `Size ${info.base}`)
    setText(byId('book-total-head'), `Total ${info.base}`)
    setText(this.middle, contract.last === undefined ? '–' : grouped(contract.last))
    setData(this.middle, 'direction', contract.direction)
    const gap = spread(bbo?.b, bbo?.a)
    setText(this.spread, gap ? `Spread ${grouped(gap.text)} · ${percentOf(gap.percent)}` : 'Spread –')
    const late = book?.q === 'stale' || (bookStatus !== undefined && bookStatus.state !== 'SYNCED')
    setData(this.element, 'state', !book ? 'waiting' : late || freshness.state === 'stale' ? 'stale' : 'live')
    const note = info.books.length === 0 ? 'This contract has no order book.' : !book ? 'Waiting for the order book…' : late && freshness.state !== 'stale' ? 'Updates were lost: synchronising again' : ''
    setHidden(this.note, note === '')
    setText(this.note, note)
    if (this.drawn === book) return
    this.drawn = book
    const decimals = { price: decimalsOf(resolution ?? info.tick), size: decimalsOf(info.step) }
    const { bids, asks } = ladder(book?.b ?? [], book?.a ?? [], this.bids.count)
    this.side(this.asks, asks, decimals)
    this.side(this.bids, bids, decimals)
  }

  private get buttons(): HTMLButtonElement[] {
    return [...this.resolutions.querySelectorAll('button')]
  }

  private get selected(): number {
    return this.buttons.findIndex((button) => button.ariaChecked === 'true')
  }

  private row(): Slot {
    const made = slot('rung', ['price', 'size', 'total'])
    const bar = make('i', 'depth')
    bar.ariaHidden = 'true'
    made.row.prepend(bar)
    this.bars.set(made.row, bar)
    return made
  }

  private side(slots: Slots, rungs: Rung[], decimals: { price: number; size: number }): void {
    for (let i = 0; i < slots.count; i++) {
      const { row, cells } = slots.list[i] as Slot
      const [price, size, total] = cells as [HTMLElement, HTMLElement, HTMLElement]
      const rung = rungs[i]
      setText(price, rung ? grouped(atScale(rung.price, decimals.price)) : '')
      setText(size, rung?.quantity ?? '')
      setText(total, rung ? amount(rung.total, decimals.size) : '')
      const bar = this.bars.get(row) as HTMLElement
      bar.style.transform = `scaleX(${rung ? rung.share.toFixed(3) : 0})`
    }
  }
}
