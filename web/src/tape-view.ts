import type { Contract } from './contract.ts'
import { byId, setData, setHidden, setText, setTip } from './dom.ts'
import { atScale, decimalsOf, grouped } from './format.ts'
import { Slots, slot, watchHeight, type Slot } from './slots.ts'
import { MAX_PRINTS, type Print, type Tape } from './tape.ts'
import type { Clock } from './zone.ts'

/** Height of a row in the style sheet, px. */
const ROW_PX = 20

const MARK: Record<Print['mark'], string> = { none: '', corrected: 'Corrected', busted: 'Taken back' }

/** The newest trades, as many as fit. It can be held, to be read while trades go on. */
export class TapeView {
  private readonly slots = new Slots(byId('prints'), () => slot('print', ['price', 'size', 'time']))
  private readonly element = byId('tape')
  private readonly note = byId('tape-note')
  private readonly button = byId<HTMLButtonElement>('hold')
  private readonly clock: Clock
  private readonly onChange: () => void
  private drawn: { tape: Tape; version: number; zone: string } | undefined
  private held: { tape: Tape; prints: Print[]; id: number } | undefined

  constructor(clock: Clock, onChange: () => void) {
    this.clock = clock
    this.onChange = onChange
    watchHeight(byId('prints'), (height) => {
      const rows = Math.min(MAX_PRINTS, Math.floor(height / ROW_PX))
      if (rows === this.slots.count) return
      this.slots.show(rows)
      this.drawn = undefined
      onChange()
    })
  }

  /** Holds the tape, or lets it go on. */
  hold(tape: Tape | undefined): void {
    this.held = this.held || !tape ? undefined : { tape, prints: tape.prints.slice(), id: tape.prints[0]?.id ?? 0 }
    this.drawn = undefined
    this.button.ariaPressed = String(this.held !== undefined)
    this.onChange()
  }

  draw(contract: Contract): void {
    const { info, tape, freshness } = contract
    if (this.held && this.held.tape !== tape) this.hold(undefined)
    setText(byId('tape-price-head'), `Price ${info.quote}`)
    setText(byId('tape-size-head'), `Size ${info.base}`)
    setData(this.element, 'state', freshness.state)
    const since = this.held ? (tape.prints[0]?.id ?? 0) - this.held.id : 0
    setText(this.button, this.held ? `Held · ${Math.min(999, Math.max(0, since))} new` : 'Hold')
    setHidden(this.note, tape.prints.length > 0)
    const { zone } = this.clock
    if (this.drawn?.tape === tape && this.drawn.version === tape.version && this.drawn.zone === zone) return
    if (this.held && this.drawn?.zone === zone) return
    this.drawn = { tape, version: tape.version, zone }
    const prints = this.held?.prints ?? tape.prints
    const decimals = { price: contract.decimals, size: decimalsOf(info.step) }
    for (let i = 0; i < this.slots.count; i++) this.print(this.slots.list[i] as Slot, prints[i], decimals)
  }

  private print({ row, cells }: Slot, print: Print | undefined, decimals: { price: number; size: number }): void {
    const [price, size, time] = cells as [HTMLElement, HTMLElement, HTMLElement]
    setText(price, print ? grouped(atScale(print.price, decimals.price)) : '')
    setText(size, print ? atScale(print.quantity, decimals.size) : '')
    setText(time, print ? this.clock.time(print.timeMs) : '')
    setData(row, 'side', !print ? 'none' : print.buy ? 'buy' : 'sell')
    setData(row, 'mark', print?.mark ?? 'none')
    setData(row, 'missed', String((print?.missed ?? 0) > 0))
    setTip(row, !print ? '' : print.missed > 0 ? `${print.missed} trades before this one are missing` : MARK[print.mark])
  }
}
