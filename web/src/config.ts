import { PERIODS, isPeriod, type Period } from '@tickcast/client'

export interface ContractInfo {
  id: string
  source: string
  /** Absent: the page's server does not know, the first candle tells. */
  simulated: boolean | undefined
  base: string
  quote: string
  tick: string
  step: string
  /** Price resolutions of the order book, as the catalogue has them. */
  books: string[]
  /** Shortest first. */
  periods: Period[]
}

/** What the server says on /app.json. */
export interface AppConfig {
  version: string
  ws: { port: number; path: string }
  contracts: ContractInfo[]
}

/** Throws with the field's name: the server and the page are of one build, so this is a bug and not weather. */
export function parseConfig(json: unknown): AppConfig {
  const app = record(json, 'app.json')
  const ws = record(app.ws, 'ws')
  const contracts = app.contracts
  if (!Array.isArray(contracts)) throw new Error('contracts is not a list')
  if (!Number.isInteger(ws.port)) throw new Error('ws.port is not a number')
  return {
    version: text(app, 'version'),
    ws: { port: ws.port as number, path: text(ws, 'path') },
    contracts: contracts.map((entry, i) => {
      const c = record(entry, `contracts[${i}]`)
      const listed = Array.isArray(c.periods) ? c.periods.filter((p): p is Period => typeof p === 'string' && isPeriod(p)) : []
      return {
        id: text(c, 'id'),
        source: text(c, 'source'),
        simulated: typeof c.simulated === 'boolean' ? c.simulated : undefined,
        base: text(c, 'base'),
        quote: text(c, 'quote'),
        tick: text(c, 'tick'),
        step: text(c, 'step'),
        books: Array.isArray(c.books) ? c.books.filter((book): book is string => typeof book === 'string') : [],
        periods: PERIODS.filter((p) => listed.includes(p)),
      }
    }),
  }
}

/** The broker is on the host that served the page. */
export function brokerURL(app: AppConfig, location: { protocol: string; hostname: string }): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.hostname}:${app.ws.port}${app.ws.path}`
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error(`${name} is not an object`)
  return value as Record<string, unknown>
}

function text(from: Record<string, unknown>, name: string): string {
  const value = from[name]
  if (typeof value !== 'string') throw new Error(`${name} is not a string`)
  return value
}
