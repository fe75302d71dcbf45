import { Bad, caught, envelope, integer, optionalInteger, text, type Decoded, type Envelope } from './fields.ts'
import type { StatusTopic } from './topics.ts'

export interface Status extends Envelope {
  kind: string
  state: string
  /** When this state began, ms. */
  since: number
  reason: string
  /** Last id seen by the source; undefined where there is none. */
  lastId: number | undefined
  /** How many trades are missing; undefined when unknown. */
  missing: number | undefined
}

/** Never throws for a payload, whatever it holds. */
export function decodeStatus(topic: StatusTopic, payload: string): Decoded<Status> {
  return caught(() => {
    const { fields, head } = envelope(payload)
    const kind = text(fields, 'kind')
    if (kind !== topic.kind || head.s !== topic.scope) {
      throw new Bad('mismatch', `${head.s} ${kind} on the topic of ${topic.scope} ${topic.kind}`)
    }
    const value: Status = {
      ...head,
      kind,
      state: text(fields, 'state'),
      since: integer(fields, 'since'),
      reason: fields.reason === undefined ? '' : text(fields, 'reason'),
      lastId: optionalInteger(fields, 'last_id') || undefined, // 0 on the wire means none
      missing: optionalInteger(fields, 'missing'),
    }
    return { ok: true, value, version: { epoch: head.epoch, t: 0, seq: head.seq } }
  })
}
