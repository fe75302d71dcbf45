import { describe, expect, it } from 'vitest'
import { alertText, bookLine, clockLine, feedLine, latencyText } from './status-bar.ts'

describe('status lines', () => {
  const fresh = { state: 'stale' as const, cause: undefined, heardMs: 1_000, feed: undefined, clock: undefined }
  const up = { state: 'connected' as const, sinceMs: 0, generation: 1, retryAtMs: undefined, reason: '' }
  const feed = (state: string, missing?: number) => ({ state, missing }) as never

  it('say what is missing, and call unknown loss unknown', () => {
    expect(feedLine(feed('SYNCED')).text).toBe('In sync')
    expect(feedLine(feed('GAP', 12)).text).toBe('Gap, 12 missing')
    expect(feedLine(feed('GAP')).text).toBe('Gap, unknown loss')
    expect(feedLine(feed('LATER'))).toEqual({ text: 'LATER', level: 'warn' })
  })

  it('have the book from its own report, or from the book', () => {
    expect(bookLine(feed('RECOVERING', 2), { q: 'ok' } as never, fresh).text).toBe('Recovering, 2 missing')
    expect(bookLine(undefined, { q: 'ok' } as never, fresh).level).toBe('ok')
    expect(bookLine(undefined, { q: 'stale' } as never, fresh).level).toBe('warn')
    expect(bookLine(undefined, undefined, fresh).text).toBe('No report')
    expect(bookLine(feed('SYNCED'), undefined, { ...fresh, cause: 'connection' }).text).toBe('Unknown')
  })

  it('say since when nothing came', () => {
    expect(clockLine({ ...fresh, cause: 'silence' }, 6_000).text).toBe('Stale 5 s')
    expect(clockLine({ ...fresh, cause: 'clock', clock: { since: 4_000 } as never }, 6_000).text).toBe('Stale 2 s')
  })

  it('alert only where prices are not current', () => {
    expect(alertText({ ...fresh, state: 'live' }, up, 0)).toBeUndefined()
    expect(alertText({ ...fresh, cause: 'connection' }, { ...up, state: 'waiting', retryAtMs: 2_400 }, 0)).toBe('Connection lost. Next attempt in 3 s')
    expect(alertText({ ...fresh, cause: 'feed', feed: feed('DOWN') }, up, 0)).toBe('Prices are not current: feed down')
  })

  it('does not call the age of a recording latency', () => {
    expect(latencyText({ p50: 12, p99: 80 })).toBe('p50 12 ms · p99 80 ms')
    expect(latencyText({ p50: 1e11, p99: 2e11 })).toBe('recorded times')
  })
})
