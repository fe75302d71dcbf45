import { connect, isPeriod, type Candle, type Connection, type Meta, type Period } from '@tickcast/client'
import { CandleChart } from './chart.ts'
import { brokerURL, parseConfig, type AppConfig } from './config.ts'
import { byId, setHidden, setText } from './dom.ts'
import { grouped, minuteStamp } from './format.ts'
import { Headline, Legend } from './headline.ts'
import { LatencyWindow } from './latency.ts'
import { MarketList } from './market-list.ts'
import { Markets, type Contract } from './market.ts'
import { PeriodBar, periodName } from './periods.ts'
import { recall, remember } from './prefs.ts'
import { StatusBar } from './status-bar.ts'
import { startTheme } from './theme.ts'

/** With fewer candles than this the chart explains itself. */
const FEW = 3

function start(app: AppConfig): void {
  const client = connect({ url: brokerURL(app, location), onWarning: (text) => console.warn(text) })
  const changed = new Set<Contract>()
  const toScreen = new LatencyWindow()
  const fromServer = new LatencyWindow()
  let awaiting: { ts: number; tsc: number }[] = []
  let connection: Connection | undefined
  let frame = 0
  let period: Period = '1s'

  const draws = () => {
    frame ||= requestAnimationFrame(draw)
  }
  const markets = new Markets(app.contracts, client, (contract, candle, meta) => {
    changed.add(contract)
    if (candle && meta && contract === markets.selected) sample(candle, meta)
    draws()
  })
  const headline = new Headline()
  const legend = new Legend()
  const status = new StatusBar()
  const chart = new CandleChart(byId('chart'), draws)
  const list = new MarketList(markets.contracts, selectContract)
  const bar = new PeriodBar(selectPeriod)

  /** Only what a trade has just caused is timed: not snapshots, clock ticks or corrections. */
  function sample(candle: Candle, meta: Meta): void {
    if (candle.i !== markets.selected?.beat || candle.x || candle.n === 0 || candle.rev > 0) return
    if (!meta.snapshot && !document.hidden) awaiting.push({ ts: candle.ts, tsc: candle.tsc })
  }

  function selectContract(contract: Contract): void {
    if (contract === markets.selected) return
    awaiting = []
    toScreen.clear()
    fromServer.clear()
    markets.select(contract)
    list.select(contract)
    bar.offer(contract.info.periods)
    if (!contract.info.periods.includes(period)) period = contract.beat
    remember('contract', contract.info.id)
    selectPeriod(period)
  }

  function selectPeriod(to: Period): void {
    period = to
    bar.select(to)
    remember('period', to)
    document.documentElement.dataset.period = to
    const contract = markets.selected
    if (contract) chart.show(contract.series(to), to, contract.decimals)
    draws()
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
    const contract = markets.selected
    if (!contract) return
    headline.draw(contract)
    const bars = contract.series(period)
    if (chart.shown !== bars) chart.show(bars, period, contract.decimals)
    chart.draw()
    legend.draw((chart.hovered === undefined ? undefined : bars.at(chart.hovered)) ?? bars.last, contract.decimals)
    drawStatus(contract)
    const last = bars.last
    const few = bars.list.length < FEW && contract.freshness.state !== 'stale'
    setHidden(byId('empty'), !few)
    if (few) {
      const next = last && period !== '1s' ? ` The next ${period} candle opens on ${minuteStamp(last.T + 1)}.` : ''
      setText(byId('empty'), `There is no history yet: the chart begins now.${next}`)
    }
  }

  function drawStatus(contract: Contract): void {
    if (connection) status.draw(contract.freshness, connection, contract.info.id)
  }

  client.connection((now) => {
    connection = now
    draws()
  })
  markets.start()
  startTheme(() => {
    chart.paint()
    draws()
  })
  const wanted = recall('period')
  if (wanted !== undefined && isPeriod(wanted)) period = wanted
  const first = markets.get(recall('contract')) ?? markets.contracts[0]
  if (first) selectContract(first)

  setInterval(() => {
    status.drawLatency(toScreen, fromServer)
    const contract = markets.selected
    if (!contract) return
    drawStatus(contract)
    const { base, quote } = contract.info
    const last = contract.last === undefined ? '' : grouped(contract.last)
    document.title = last ? `${last} ${base}/${quote} · Tickcast` : 'Tickcast'
    byId('chart').ariaLabel = `Candles of ${base}/${quote}, ${periodName(period)}${last ? `, last price ${last}` : ''}`
  }, 1_000)

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
