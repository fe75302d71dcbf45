import { describe, expect, it } from 'vitest'
import { parseConfig } from '../src/config.ts'
import { watchSeam } from '../test/seam.ts'
import { given } from './setup.ts'

describe.skipIf(!given)('history and live candles of the whole system', () => {
  for (const at of [0, -1]) {
    it(`are one series, also after an outage: the ${at === 0 ? 'first' : 'last'} contract`, async () => {
      const rest = (given as string).replace(/\/$/, '')
      const app = parseConfig(await (await fetch(`${rest}/app.json`)).json())
      const seen = await watchSeam({ wsPort: app.ws.port, wsPath: app.ws.path, rest, contract: app.contracts.at(at)!, period: '1s', awayMs: 5_000 })
      console.log(`${app.contracts.at(at)!.id}: ${seen.compared} candles compared with the history, ${seen.live} of them live`)
      expect(seen.faults).toEqual([])
      expect(seen.compared).toBeGreaterThan(30) // a system that has just started has 1s candles from the start of its minute on
    }, 120_000)
  }
})
