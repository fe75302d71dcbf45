import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FakeEdge } from './fake-edge.ts'
import { appJSON, runMarkets } from './random-market.ts'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.txt': 'text/plain',
}

/** The built page under the policy that ../handler.go sets, over the fake broker and the random market. */
export async function serveBuilt(factor: number): Promise<{ url: string; close(): Promise<void> }> {
  const edge = await FakeEdge.listen()
  const stop = runMarkets(edge, factor)
  const policy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://127.0.0.1:${edge.port}`
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://x').pathname)
    response.setHeader('Content-Security-Policy', policy)
    if (path === '/app.json') return void response.setHeader('Content-Type', 'application/json').end(appJSON(edge.port))
    const file = join(dist, path === '/' ? 'index.html' : path)
    readFile(file).then(
      (body) => response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream').end(body),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      stop()
      server.close()
      server.closeAllConnections()
      await edge.close()
    },
  }
}
