import net from 'node:net'
import { connect, type Period } from '@tickcast/client'
import type { ContractInfo } from '../src/config.ts'
import { Contract } from '../src/contract.ts'
import { RestHistory } from '../src/history.ts'
import { Selection } from '../src/selection.ts'

/** A way to a port that can be cut. */
async function cuttable(port: number): Promise<{ port: number; cut(): void; open(): void; close(): void }> {
  let isOpen = true
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    if (!isOpen) return void socket.destroy()
    const onward = net.connect(port, '127.0.0.1')
    for (const one of [socket, onward]) {
      sockets.add(one)
      one.on('error', () => {}).on('close', () => {
        sockets.delete(one)
        socket.destroy()
        onward.destroy()
      })
    }
    socket.pipe(onward).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    isOpen = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as net.AddressInfo).port,
    cut,
    open: () => (isOpen = true),
    close: () => {
      cut()
      server.close()
    },
  }
}

/** For a machine that has much else to do. */
const PATIENCE_MS = 40_000

export interface SeamPlan {
  wsPort: number
  wsPath: string
  /** Address of the REST API. */
  rest: string
  contract: ContractInfo
  period: Period
  /** How long the outage lasts. */
  awayMs: number
}

/**
 * Does what the page does: history, live candles, an outage, live candles
 * again. Returns what is wrong with the series, compared with a REST answer
 * that was asked for at the end, and how many candles were compared.
 */
export async function watchSeam({ wsPort, wsPath, rest, contract: info, period, awayMs }: SeamPlan): Promise<{ faults: string[]; compared: number; live: number }> {
  const way = await cuttable(wsPort)
  const client = connect({ url: `ws://127.0.0.1:${way.port}${wsPath}`, backoff: { minMs: 100, maxMs: 200 } })
  const history = new RestHistory(rest)
  const contract = new Contract(info, history, () => {})
  const selection = new Selection(client, history, () => {})
  const pause = (ms: number) => new Promise((done) => setTimeout(done, ms))
  const until = async (what: string, is: () => boolean) => {
    for (const end = Date.now() + PATIENCE_MS; !is(); await pause(20)) if (Date.now() > end) throw new Error(`never: ${what}`)
  }
  const tending = setInterval(() => selection.tend(Date.now()), 50)
  const faults: string[] = []
  try {
    selection.show(contract, period, info.books[0])
    const { bars } = contract.series(period)
    /** Closed by messages, and not by the history. */
    const heard = () => bars.list.filter(({ round, closed }) => round > 0 && closed)
    await until('history and live candles', () => bars.list.length >= 30 && heard().length >= 3)
    way.cut()
    await pause(awayMs)
    const away = Date.now()
    way.open()
    await until('live candles after the outage', () => heard().some(({ t }) => t > away) && bars.doubtful(-Infinity) === undefined)
    /** What was missed is asked for at most each two seconds. */
    await until('a tape without holes', () => contract.tape.prints.every(({ id }, i, all) => i === 0 || id === (all[i - 1]!.id as number) - 1))
    const list = bars.list.slice()
    const told = new Map((await history.klines(info.id, period, 1_000)).map((bar) => [bar.t, bar]))
    for (const [i, bar] of list.entries()) {
      const next = list[i + 1]
      if (next && next.t !== bar.T + 1) faults.push(`${bar.t} is followed by ${next.t}`)
      if (next && !bar.closed) faults.push(`${bar.t} is not closed`)
      const right = told.get(bar.t)
      if (!bar.closed || !right) continue
      for (const field of ['open', 'high', 'low', 'close', 'volume', 'trades'] as const) {
        if (bar[field] !== right[field]) faults.push(`${bar.t}: ${field} ${bar[field]}, the history says ${right[field]}`)
      }
    }
    const ids = contract.tape.prints.map(({ id }) => id)
    if (new Set(ids).size !== ids.length) faults.push('a trade is twice in the tape')
    return { faults, compared: list.filter(({ t }) => told.has(t)).length, live: list.filter(({ round }) => round > 0).length }
  } finally {
    clearInterval(tending)
    client.close()
    way.close()
  }
}
