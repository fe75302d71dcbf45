import { defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  ssr: { resolve: { conditions: ['tickcast-source', ...defaultServerConditions] } },
  test: {
    include: ['e2e/**/*.e2e.ts'],
    testTimeout: 120_000,
    hookTimeout: 30_000,
    maxWorkers: 2, // files wait for the market most of the time
  },
})
