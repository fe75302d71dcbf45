import type { Level } from '@tickcast/client'

/** One price of one side as it is shown; quantities are for bars, texts are as they came. */
export interface Rung {
  price: string
  quantity: string
  /** Sum of the quantities from the best price to here. */
  total: number
  /** total as a share of the greatest shown, 0 to 1. */
  share: number
}

/** The best `rows` levels of both sides, with their sums; shares are of the deeper side. */
export function ladder(bids: readonly Level[], asks: readonly Level[], rows: number): { bids: Rung[]; asks: Rung[] } {
  const sides = [bids, asks].map((levels) => {
    let total = 0
    return levels.slice(0, rows).map(([price, quantity]): Rung => {
      total += Number(quantity)
      return { price, quantity, total, share: 0 }
    })
  }) as [Rung[], Rung[]]
  const most = Math.max(...sides.map((side) => side[side.length - 1]?.total ?? 0))
  for (const side of sides) for (const rung of side) rung.share = most > 0 ? rung.total / most : 0
  return { bids: sides[0], asks: sides[1] }
}

/** Difference of two decimals as text, at the scale of the finer one. Undefined where a side is empty. */
export function spread(bid: string | null | undefined, ask: string | null | undefined): { text: string; percent: number } | undefined {
  if (!bid || !ask) return undefined
  const scale = Math.max(scaleOf(bid), scaleOf(ask))
  const units = toUnits(ask, scale) - toUnits(bid, scale)
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  const text = `${units < 0n ? '−' : ''}${whole}${scale === 0 ? '' : `.${digits.slice(-scale)}`}`
  const middle = (Number(bid) + Number(ask)) / 2
  return { text, percent: middle > 0 ? ((Number(ask) - Number(bid)) / middle) * 100 : 0 }
}

function scaleOf(text: string): number {
  const dot = text.indexOf('.')
  return dot < 0 ? 0 : text.length - dot - 1
}

function toUnits(text: string, scale: number): bigint {
  const [whole = '0', part = ''] = text.split('.')
  return BigInt(whole + part.padEnd(scale, '0'))
}
