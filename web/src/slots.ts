import { make, setHidden } from './dom.ts'

/** A row of cells that is written again and again; rows never move. */
export interface Slot {
  row: HTMLElement
  cells: HTMLElement[]
}

/** As many rows as fit, made once and kept: what does not fit is hidden and not written. */
export class Slots {
  readonly list: Slot[] = []
  /** How many are shown. */
  count = 0
  private readonly parent: HTMLElement
  private readonly make: () => Slot

  constructor(parent: HTMLElement, make: () => Slot) {
    this.parent = parent
    this.make = make
  }

  show(count: number): void {
    this.count = count
    while (this.list.length < count) {
      const slot = this.make()
      this.list.push(slot)
      this.parent.append(slot.row)
    }
    for (const [i, { row }] of this.list.entries()) setHidden(row, i >= count)
  }
}

/** A row of a table for screen readers, with so many cells. */
export function slot(className: string, cellNames: string[]): Slot {
  const row = make('div', className)
  row.role = 'row'
  const cells = cellNames.map((name) => {
    const cell = make('span', name)
    cell.role = 'cell'
    return cell
  })
  row.append(...cells)
  return { row, cells }
}

/** Calls back with the height of an element's content box, now and when it changes. */
export function watchHeight(element: HTMLElement, onHeight: (height: number) => void): void {
  new ResizeObserver(([entry]) => {
    if (entry) onHeight(entry.contentRect.height)
  }).observe(element)
}
