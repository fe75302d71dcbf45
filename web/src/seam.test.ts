import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { FakeEdge } from '../test/fake-edge.ts'
import { answerHistory } from '../test/fake-history.ts'
import { appJSON, runMarkets } from '../test/random-market.ts'
import { watchSeam } from '../test/seam.ts'
import { parseConfig } from './config.ts'

it('history and live candles are one series, also after an outage', async () => {
  const edge = await FakeEdge.listen()
  const { markets, stop } = runMarkets(edge, 4)
  const server = createServer((request, response) => {
    answerHistory(request, response, (symbol) => markets.find(({ contract }) => contract.id === symbol)?.history)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const seen = await watchSeam({
      wsPort: edge.port, wsPath: '/mqtt', rest: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      contract: parseConfig(JSON.parse(appJSON(edge.port))).contracts[0]!, period: '1s', awayMs: 3_000,
    })
    expect(seen.faults).toEqual([])
    expect(seen.compared).toBeGreaterThan(400)
    expect(seen.live).toBeGreaterThan(2)
  } finally {
    stop()
    server.close()
    await edge.close()
  }
}, 120_000)
