/** Deterministic noise in 0..1 of two integers. */
export function noise(a: number, b: number): number {
  let h = (a * 0x9e3779b1) ^ (b * 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d)
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39)
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32
}

export interface BookShape {
  /** Price in ticks, and the change of the noise: what has the same turn looks the same. */
  price: number
  turn: number
  /** Ticks per bucket. */
  bucket: number
  depth: number
  /** Typical quantity at the touch, in steps. */
  size: number
}

/** Levels of a book around a price, as [ticks, steps], best first: thin at the touch, thicker behind, with a wall here and there. */
export function randomBook({ price, turn, bucket, depth, size }: BookShape): { bids: [number, number][]; asks: [number, number][] } {
  const side = (best: number, step: number): [number, number][] => Array.from({ length: depth }, (_, k) => {
    const level = best + k * step * bucket
    // A level changes about every fourth turn, near ones more often.
    const seen = Math.floor((turn + 7 * noise(level, 1)) / (1 + Math.min(6, k)))
    const wall = noise(level, 3) > 0.93 ? 6 : 1
    const quantity = size * (0.15 + noise(level, seen)) * (1 + k * 0.12) * wall * Math.sqrt(bucket)
    return [level, Math.max(1, Math.round(quantity))]
  })
  const bid = Math.floor((price - 1) / bucket) * bucket
  const ask = Math.max(bid + bucket, Math.ceil(price / bucket) * bucket)
  return { bids: side(bid, -1), asks: side(ask, 1) }
}
