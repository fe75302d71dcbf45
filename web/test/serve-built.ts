import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FakeEdge } from './fake-edge.ts'
import { answerHistory } from './fake-history.ts'
import { appJSON, runMarkets, type RandomMarket } from './random-market.ts'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.txt': 'text/plain',
}

export interface Served {
  url: string
  edge: FakeEdge
  market(id: string): RandomMarket
  /** While false the history answers 503. */
  history: boolean
  /** Requests to the history, as path and query. */
  asked: string[]
  close(): Promise<void>
}

/** The built page under the policy that ../handler.go sets, over the fake broker, the random market and its history. */
export async function serveBuilt(factor: number): Promise<Served> {
  const edge = await FakeEdge.listen()
  const { markets, stop } = runMarkets(edge, factor)
  const find = (id: string) => markets.find(({ contract }) => contract.id === id)
  const policy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://127.0.0.1:${edge.port}`
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://x').pathname)
    response.setHeader('Content-Security-Policy', policy)
    if (path === '/app.json') return void response.setHeader('Content-Type', 'application/json').end(appJSON(edge.port))
    if (path.startsWith('/api/')) {
      served.asked.push(request.url ?? '')
      if (!served.history) return void response.writeHead(503).end()
      if (answerHistory(request, response, (symbol) => find(symbol)?.history)) return
    }
    const file = join(dist, path === '/' ? 'index.html' : path)
    readFile(file).then(
      (body) => response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream').end(body),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const served: Served = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    edge,
    market: (id) => find(id) as RandomMarket,
    history: true,
    asked: [],
    async close() {
      stop()
      server.close()
      server.closeAllConnections()
      await edge.close()
    },
  }
  return served
}
