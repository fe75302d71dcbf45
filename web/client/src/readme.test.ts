import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { FakeEdge } from '../../test/fake-edge.ts'
import { answerHistory } from '../../test/fake-history.ts'
import { runMarkets, type Running } from '../../test/random-market.ts'
import type { Client } from './index.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const readme = readFileSync(join(here, '../README.md'), 'utf8')
const examples = [...readme.matchAll(/^## (.*)$|^```ts\n([^]*?)^```$/gm)]
  .reduce<{ title: string; list: [string, string][] }>(({ title, list }, [, heading, code]) => (
    code === undefined ? { title: heading as string, list } : { title, list: [...list, [title, code]] }
  ), { title: 'The first one', list: [] }).list

let edge: FakeEdge
let running: Running
let rest: Server
let folder: string

beforeAll(async () => {
  edge = await FakeEdge.listen()
  running = runMarkets(edge, 4)
  rest = createServer((request, response) => {
    answerHistory(request, response, (symbol) => running.markets.find(({ contract }) => contract.id === symbol)?.history)
  })
  await new Promise<void>((resolve) => rest.listen(0, '127.0.0.1', resolve))
  folder = mkdtempSync(join(here, '.readme-')) // beside the sources, so that imports resolve
})

afterAll(async () => {
  running.stop()
  rest.close()
  await edge.close()
  rmSync(folder, { recursive: true })
})

function fileOf(i: number, code: string): string {
  const file = join(folder, `example-${i}.ts`)
  writeFileSync(file, `${code
    .replaceAll("'@tickcast/client'", "'../index.ts'")
    .replaceAll('ws://localhost:8083/mqtt', edge.url)
    .replaceAll('http://localhost:8080', `http://127.0.0.1:${(rest.address() as AddressInfo).port}`)}\nexport { tc }\n`)
  return file
}

describe('the examples of README.md', () => {
  it('are there', () => expect(examples).toHaveLength(5))

  it('have right types', () => {
    const { options } = ts.convertCompilerOptionsFromJson(JSON.parse(readFileSync(join(here, '../tsconfig.json'), 'utf8')).compilerOptions, join(here, '..'))
    const program = ts.createProgram(examples.map(([, code], i) => fileOf(i, code)), { ...options, lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'] })
    expect(ts.getPreEmitDiagnostics(program).map((d) => `${d.file?.fileName}: ${ts.flattenDiagnosticMessageText(d.messageText, '\n')}`)).toEqual([])
  })

  it.each(examples.map(([title, code], i) => [title, i, code] as const))('run: %s', async (_, i, code) => {
    const lines: unknown[][] = []
    const log = vi.spyOn(console, 'log').mockImplementation((...line) => void lines.push(line))
    const { tc } = await import(/* @vite-ignore */ pathToFileURL(fileOf(i, code)).href) as { tc: Client }
    try {
      await vi.waitFor(() => expect(tc.counters.delivered).toBeGreaterThan(2), { timeout: 10_000 })
      await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0), { timeout: 10_000 })
      expect(tc.counters.refusedFilters + Object.values(tc.counters.bad).reduce((sum, n) => sum + n)).toBe(0)
    } finally {
      tc.close()
      log.mockRestore()
    }
  })
})
