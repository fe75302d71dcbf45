import { judge, sameFreshness, type Beat, type Freshness } from './freshness.ts'
import type { Connection } from './link.ts'
import type { Status } from './status.ts'

/** Gathers what one contract's freshness is judged from, and tells when the answer changes. */
export class Watch {
  private heardMs: number | undefined
  private movedMs: number | undefined
  private feed: Status | undefined
  private clock: Status | undefined
  private clockMs = 0
  private told: Freshness | undefined
  private readonly beat: Beat
  private readonly connection: () => Connection
  private readonly listener: (freshness: Freshness) => void

  constructor(beat: Beat, connection: () => Connection, listener: (freshness: Freshness) => void) {
    this.beat = beat
    this.connection = connection
    this.listener = listener
  }

  status(status: Status, receivedMs: number): void {
    if (status.kind === 'feed') this.feed = status
    if (status.kind === 'clock') [this.clock, this.clockMs] = [status, receivedMs]
    this.judge()
  }

  /** A beat came, new or not. */
  heard(): void {
    this.heardMs = Date.now()
    if (this.told?.state !== 'live') this.judge()
  }

  /** A beat came that is new, and not what a subscription begins with. */
  moved(receivedMs: number): void {
    this.movedMs = receivedMs
  }

  judge(): void {
    const { state, sinceMs } = this.connection()
    const { heardMs, movedMs, beat, feed, clock, clockMs } = this
    const now = judge({ connection: state, connectedMs: sinceMs, heardMs, movedMs, beat, feed, clock, clockMs }, Date.now())
    if (this.told && sameFreshness(this.told, now)) return
    this.told = now
    this.listener(now)
  }
}
