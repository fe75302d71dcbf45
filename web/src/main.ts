import { connect, isPeriod, type Candle, type Connection, type Meta, type Period } from '@tickcast/client'
import { BookView } from './book-view.ts'
import { CandleChart } from './chart.ts'
import { brokerURL, parseConfig, type AppConfig } from './config.ts'
import type { Contract } from './contract.ts'
import { byId, setHidden, setText } from './dom.ts'
import { grouped } from './format.ts'
import { isDays } from './gaps.ts'
import { Headline, Legend } from './headline.ts'
import { RestHistory } from './history.ts'
import { Keys } from './keys.ts'
import { LatencyWindow } from './latency.ts'
import { MarketList } from './market-list.ts'
import { Markets } from './market.ts'
import { Panes } from './panes.ts'
import { PeriodBar, periodName, periodOfKey } from './periods.ts'
import { recall, remember } from './prefs.ts'
import { Selection } from './selection.ts'
import type { Series } from './series.ts'
import { StatusBar } from './status-bar.ts'
import { TabTitle } from './tab-title.ts'
import { TapeView } from './tape-view.ts'
import { startTheme } from './theme.ts'
import { Clock, startZone } from './zone.ts'

/** What a newcomer sees: a minute's candles say more than a second's. */
const FIRST_PERIOD: Period = '1m'
/** How often is looked whether the history has to be asked, and staleness counted on. */
const TEND_MS = 250
/** How often the latency and the tab's title are written, for eyes' sake. */
const CALM_MS = 1_000

function start(app: AppConfig): void {
  const client = connect({ url: brokerURL(app, location), onWarning: (text) => console.warn(text) })
  const history = new RestHistory()
  const clock = new Clock()
  const changed = new Set<Contract>()
  const toScreen = new LatencyWindow()
  const fromServer = new LatencyWindow()
  let awaiting: { ts: number; tsc: number }[] = []
  let connection: Connection | undefined
  let frame = 0
  let calmMs = 0

  const draws = () => {
    frame ||= requestAnimationFrame(draw)
  }
  const change = (contract: Contract) => {
    changed.add(contract)
    draws()
  }
  const selection = new Selection(client, history, change)
  const markets = new Markets(app.contracts, client, history, (contract, candle, meta) => {
    if (candle && meta && contract === selection.contract) sample(candle, meta)
    change(contract)
  })
  const headline = new Headline()
  const legend = new Legend(clock)
  const status = new StatusBar()
  const title = new TabTitle()
  const series = () => selection.contract?.series(selection.period)
  const chart = new CandleChart(byId('chart'), clock, { onChange: draws, onLeft: () => series()?.older(Date.now()) })
  const list = new MarketList(markets.contracts, (contract) => select({ contract }))
  const bar = new PeriodBar((period) => select({ period }))
  const book = new BookView((resolution) => select({ resolution }), draws)
  const tape = new TapeView(clock, draws)
  new Panes(draws)

  /** Only what a trade has just caused is timed: not snapshots, clock ticks or corrections. */
  function sample(candle: Candle, meta: Meta): void {
    if (candle.x || candle.n === 0 || candle.rev > 0) return
    if (!meta.snapshot && !document.hidden) awaiting.push({ ts: candle.ts, tsc: candle.tsc })
  }

  /** Shows another contract, period or resolution; what is not said stays. */
  function select(to: { contract?: Contract; period?: Period; resolution?: string }): void {
    const contract = to.contract ?? selection.contract
    if (!contract) return
    const { id, periods, books } = contract.info
    if (contract !== selection.contract) {
      awaiting = []
      toScreen.clear()
      fromServer.clear()
      bar.offer(periods)
      list.select(contract)
      remember('contract', id)
    }
    let period = to.period ?? selection.period
    if (!periods.includes(period)) period = contract.beat
    const kept = to.resolution ?? recall(`book.${id}`) ?? ''
    const resolution = books.includes(kept) ? kept : books[0]
    if (to.period) remember('period', period)
    if (to.resolution !== undefined) remember(`book.${id}`, to.resolution)
    bar.select(period)
    book.offer(books, resolution)
    document.documentElement.dataset.period = period
    // At once, not with the next frame: the chart paints in a frame of its own, and its axis must not change its width later.
    chart.show(contract.series(period).bars, period, contract.decimals)
    selection.show(contract, period, resolution)
    selection.tend(Date.now())
  }

  function draw(): void {
    frame = 0
    const now = Date.now()
    for (const { ts, tsc } of awaiting) {
      toScreen.add(now, now - ts)
      if (tsc > 0) fromServer.add(now, now - tsc)
    }
    awaiting = []
    list.draw(changed)
    changed.clear()
    const { contract, period, resolution } = selection
    if (!contract) return
    const shown = contract.series(period)
    headline.draw(contract)
    if (chart.shown !== shown.bars) chart.show(shown.bars, period, contract.decimals)
    chart.draw()
    const { bars } = shown
    legend.draw((chart.hovered === undefined ? undefined : bars.at(chart.hovered)) ?? bars.last, contract.decimals, isDays(period))
    setHidden(byId('newest'), chart.atNewest)
    drawEmpty(shown)
    book.draw(contract, resolution)
    tape.draw(contract)
    if (connection) status.draw(contract, connection, now)
    if (now - calmMs < CALM_MS) return
    calmMs = now
    status.drawLatency(toScreen, fromServer, now)
    title.draw(contract)
    const last = contract.last === undefined ? '' : `, last price ${grouped(contract.last)}`
    byId('chart').ariaLabel = `Candles of ${contract.name}, ${periodName(period)}${last}`
  }

  function drawEmpty({ bars, state }: Series): void {
    const few = bars.list.length < 3
    setHidden(byId('empty'), !few)
    if (few) setText(byId('empty'), state === 'new' ? 'Loading history…' : state === 'away' ? 'The history does not answer: the chart begins now.' : 'There is no history yet: the chart begins now.')
  }

  client.connection((now) => {
    connection = now
    draws()
  })
  markets.start()
  const switchTheme = startTheme(() => {
    chart.paint()
    draws()
  })
  const switchZone = startZone(clock, () => {
    chart.retime()
    draws()
  })
  const hold = () => tape.hold(selection.contract?.tape)
  byId('hold').addEventListener('click', hold)
  byId('newest').addEventListener('click', () => chart.toNewest())
  const step = (by: 1 | -1) => select({ ...(list.neighbour(by) ? { contract: list.neighbour(by) as Contract } : {}) })
  new Keys([
    { keys: ['j'], label: 'j', help: 'Next contract', run: () => step(1) },
    { keys: ['k'], label: 'k', help: 'Contract before', run: () => step(-1) },
    {
      keys: [...'1234567890'], label: '1 … 9 0', help: 'Candles of 1s, 1m, 3m … 2h, 4h, 6h',
      run: (key) => {
        const period = periodOfKey(key)
        if (period && selection.contract?.info.periods.includes(period)) select({ period })
      },
    },
    { keys: ['['], label: '[', help: 'Finer order book', run: () => book.step(-1) },
    { keys: [']'], label: ']', help: 'Coarser order book', run: () => book.step(1) },
    { keys: ['h'], label: 'h', help: 'Hold the trades, or let them go on', run: hold },
    { keys: ['n'], label: 'n', help: 'Chart: back to the newest candle', run: () => chart.toNewest() },
    { keys: ['u'], label: 'u', help: 'Local time or UTC', run: switchZone },
    { keys: ['l'], label: 'l', help: 'Light or dark', run: switchTheme },
  ])

  const wanted = recall('period')
  const contract = markets.get(recall('contract')) ?? markets.contracts[0]
  if (contract) select({ contract, period: wanted !== undefined && isPeriod(wanted) ? wanted : FIRST_PERIOD })

  setInterval(() => {
    selection.tend(Date.now())
    draws()
  }, TEND_MS)
  addEventListener('online', () => client.retryNow())
  document.addEventListener('visibilitychange', () => {
    awaiting = []
    if (!document.hidden) client.retryNow()
  })
  byId('version').title = `Tickcast ${app.version}`
}

async function load(): Promise<void> {
  const response = await fetch('/app.json')
  if (!response.ok) throw new Error(`app.json: ${response.status}`)
  start(parseConfig(await response.json()))
}

load().catch((err: unknown) => {
  setText(byId('connection-text'), 'Not available')
  setText(byId('empty'), 'The page could not load its settings. Reload to try again.')
  setHidden(byId('empty'), false)
  console.error(err)
})
