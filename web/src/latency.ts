/** Samples of the last minute, bounded; quantiles by nearest rank. */
export class LatencyWindow {
  private readonly samples: { atMs: number; ms: number }[] = []
  private readonly windowMs: number
  private readonly most: number

  constructor(windowMs = 60_000, most = 20_000) {
    this.windowMs = windowMs
    this.most = most
  }

  add(atMs: number, ms: number): void {
    this.samples.push({ atMs, ms })
    if (this.samples.length > this.most) this.samples.splice(0, this.samples.length - this.most)
  }

  clear(): void {
    this.samples.length = 0
  }

  /** Undefined until there is a sample in the window. */
  summary(nowMs: number): { p50: number; p99: number; count: number } | undefined {
    const first = this.samples.findIndex((sample) => sample.atMs > nowMs - this.windowMs)
    this.samples.splice(0, first < 0 ? this.samples.length : first)
    const count = this.samples.length
    if (count === 0) return undefined
    const sorted = this.samples.map((sample) => sample.ms).sort((a, b) => a - b)
    const rank = (p: number) => sorted[Math.max(0, Math.ceil(p * count) - 1)] as number
    return { p50: rank(0.5), p99: rank(0.99), count }
  }
}
