import { defaultClientConditions, defaultServerConditions, type Plugin } from 'vite'
import { defineConfig } from 'vitest/config'
import { licences } from './licences.ts'

/** `npm run dev` without a server: a fake broker, a random market and its history. */
function fakeMarket(): Plugin {
  return {
    name: 'fake-market',
    apply: 'serve',
    async configureServer(server) {
      if (process.env.VITEST) return
      const { FakeEdge } = await import('./test/fake-edge.ts')
      const { answerHistory } = await import('./test/fake-history.ts')
      const { appJSON, runMarkets } = await import('./test/random-market.ts')
      const edge = await FakeEdge.listen(Number(process.env.TICKCAST_WS_PORT ?? 0))
      const { markets, stop } = runMarkets(edge, Number(process.env.TICKCAST_RATE ?? 1))
      server.httpServer?.once('close', () => {
        stop()
        void edge.close()
      })
      server.middlewares.use((request, response, next) => {
        if (!answerHistory(request, response, (symbol) => markets.find(({ contract }) => contract.id === symbol)?.history)) next()
      })
      server.middlewares.use('/app.json', (_, response) => {
        response.setHeader('Content-Type', 'application/json')
        response.end(appJSON(edge.port))
      })
    },
  }
}

export default defineConfig({
  plugins: [fakeMarket(), licences()],
  resolve: { conditions: ['tickcast-source', ...defaultClientConditions] },
  ssr: { resolve: { conditions: ['tickcast-source', ...defaultServerConditions] } }, // vitest
  build: {
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600, // MQTT.js comes as one bundle of 350 kB
  },
  server: { port: 5173, strictPort: false },
  test: {
    include: ['client/src/**/*.test.ts', 'src/**/*.test.ts'],
    testTimeout: 60_000,
  },
})
