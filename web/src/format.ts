/** Decimal places of a tick or step: "0.01" has 2, "1" has 0, "0.10" has 2 as well: the catalogue means what it writes. */
export function decimalsOf(tick: string): number {
  const dot = tick.indexOf('.')
  return dot < 0 ? 0 : tick.length - dot - 1
}

/** Groups the integer digits of a decimal text by thousands. */
export function grouped(text: string): string {
  const dot = text.indexOf('.')
  const whole = dot < 0 ? text : text.slice(0, dot)
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (dot < 0 ? '' : text.slice(dot))
}

/** A price for display, at the tick's decimals. */
export function price(value: number, decimals: number): string {
  return grouped(value.toFixed(decimals))
}

const UNITS: [number, string][] = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'K']]

/** An amount in four figures or so: 0.0421, 12.47, 1.235K, 48.20M. */
export function compact(value: number): string {
  if (value === 0) return '0'
  for (const [size, unit] of UNITS) {
    if (value >= size) return `${figures(value / size)}${unit}`
  }
  return figures(value)
}

/** What a column of the book has room for. */
const AMOUNT_WIDTH = 10

/** A sum of quantities at the step's decimals; a long one in figures. */
export function amount(value: number, decimals: number): string {
  const text = grouped(value.toFixed(decimals))
  return text.length > AMOUNT_WIDTH ? compact(value) : text
}

function figures(value: number): string {
  if (value >= 100) return value.toFixed(1)
  if (value >= 10) return value.toFixed(2)
  return value >= 1 ? value.toFixed(3) : value.toFixed(4)
}

/** A percentage with its sign: +1.24%, −0.03% (a true minus, as wide as the plus). */
export function signedPercent(value: number): string {
  const text = Math.abs(value).toFixed(2)
  if (text === '0.00') return '0.00%'
  return `${value > 0 ? '+' : '−'}${text}%`
}

/** A decimal text with its sign, grouped: +1,762.38, −0.4. */
export function signedText(text: string): string {
  if (/^-?0*\.?0*$/.test(text)) return grouped(text.replace('-', ''))
  return text.startsWith('-') ? `−${grouped(text.slice(1))}` : `+${grouped(text)}`
}

/** A small share: 0.012%, below 0.001%. */
export function percentOf(value: number): string {
  return value > 0 && value < 0.001 ? '<0.001%' : `${value.toFixed(3)}%`
}

/** A decimal text cut to so many decimals: of a price bucket, or of a price over REST, the rest are zeros. */
export function atScale(text: string, decimals: number): string {
  const dot = text.indexOf('.')
  if (dot < 0) return text
  return decimals === 0 ? text.slice(0, dot) : text.slice(0, dot + 1 + decimals)
}

/** The sign that a printed change shows: what rounds to zero is neither up nor down. */
export function signOf(text: string): 'up' | 'down' | 'none' {
  return text.startsWith('+') ? 'up' : text.startsWith('−') ? 'down' : 'none'
}

/** Latency: 12 ms, 1.24 s; below zero when this device's clock is behind the source's. */
export function latency(ms: number): string {
  const size = Math.abs(ms)
  const sign = ms < 0 ? '−' : ''
  return size < 1000 ? `${sign}${Math.round(size)} ms` : `${sign}${(size / 1000).toFixed(size < 10_000 ? 2 : 1)} s`
}

/** How long something lasts, for a person: 4 s, 3 min, 2 h, 5 d. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`
}
