import mqtt, { type MqttClient } from 'mqtt'
import { Backoff, DEFAULT_BACKOFF, type BackoffOptions } from './backoff.ts'

export interface LinkOptions {
  /** `ws://host:8083/mqtt`, `wss://…`, and in Node also `mqtt://host:1883`. */
  url: string
  /** Default: a random one. */
  clientId?: string
  username?: string
  password?: string
  backoff?: Partial<BackoffOptions>
}

export interface Connection {
  /** `waiting`: until `retryAtMs`, after a failure. `closed`: for good, by close(). */
  state: 'connecting' | 'connected' | 'waiting' | 'closed'
  /** When this state began, ms of Date.now(). */
  sinceMs: number
  retryAtMs: number | undefined
  /** Why the last connection ended; empty before the first failure. */
  reason: string
  /** Counts the connections that were accepted. Where it rises above 1, events and closed candles may have been missed. */
  generation: number
}

export interface Filter {
  filter: string
  qos: 0 | 1
}

/** What a link asks of its owner. Called from the link's own events, one at a time. */
export interface LinkOwner {
  /** All filters of now; asked at each connect, for the broker keeps no session. */
  filters(): Filter[]
  onMessage(topic: string, payload: string, retained: boolean): void
  onConnection(connection: Connection): void
  /** The broker refused a filter. */
  onRefused(filter: string, reason: string): void
}

/** How long a connection may take until CONNACK. */
const CONNECT_MS = 8_000
/** A silent connection is asked for a sign of life after this long, and given up after as long again. */
const PROBE_MS = 5_000
/** Filters per SUBSCRIBE packet. */
const BATCH = 50

/**
 * One MQTT connection that is always wanted: it dials again with backoff, and
 * every attempt is a fresh MQTT.js client with a clean session. MQTT.js's own
 * reconnect is off because its period is fixed and it cannot tell a half-open
 * connection before its keepalive.
 */
export class Link {
  private readonly options: LinkOptions
  private readonly owner: LinkOwner
  private readonly backoff: Backoff
  private client: MqttClient | undefined
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private probeTimer: ReturnType<typeof setInterval> | undefined
  private connectedAtMs = 0
  private lastPacketMs = 0
  private probeSentMs = 0
  connection: Connection = { state: 'connecting', sinceMs: Date.now(), retryAtMs: undefined, reason: '', generation: 0 }

  constructor(options: LinkOptions, owner: LinkOwner) {
    this.options = options
    this.owner = owner
    this.backoff = new Backoff({ ...DEFAULT_BACKOFF, ...options.backoff })
  }

  start(): void {
    this.attempt()
  }

  subscribe(filters: Filter[]): void {
    const client = this.client
    if (!client || this.connection.state !== 'connected') return // the next connect asks for all
    for (let at = 0; at < filters.length; at += BATCH) {
      const batch = filters.slice(at, at + BATCH)
      const map = Object.fromEntries(batch.map((f) => [f.filter, { qos: f.qos }]))
      client.subscribe(map, (err, asked, packet) => {
        if (client !== this.client || !err) return
        if (!packet) return this.owner.onRefused(batch.map((f) => f.filter).join(', '), err.message)
        // One code per filter, in the order asked for; 128 and above are refusals.
        packet.granted.forEach((code, i) => {
          if (Number(code) >= 128) this.owner.onRefused(asked?.[i]?.topic ?? '', err.message)
        })
      })
    }
  }

  unsubscribe(filters: string[]): void {
    if (this.connection.state === 'connected' && filters.length > 0) this.client?.unsubscribe(filters)
  }

  /** Ends a wait at once; call it when the network or the page comes back. */
  retryNow(): void {
    if (this.connection.state === 'waiting') this.attempt()
    else if (this.connection.state === 'connected') this.probe()
  }

  close(): void {
    this.drop()
    clearTimeout(this.retryTimer)
    this.set('closed', this.connection.reason)
  }

  private set(state: Connection['state'], reason: string, retryAtMs?: number): void {
    const generation = this.connection.generation + (state === 'connected' ? 1 : 0)
    this.connection = { state, sinceMs: Date.now(), retryAtMs, reason, generation }
    this.owner.onConnection(this.connection)
  }

  private attempt(): void {
    clearTimeout(this.retryTimer)
    this.set('connecting', this.connection.reason)
    const { url, username, password } = this.options
    const client = mqtt.connect(url, {
      protocolVersion: 5,
      clean: true,
      clientId: this.options.clientId ?? `tickcast-${Math.random().toString(36).slice(2, 12)}`,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      reconnectPeriod: 0,
      resubscribe: false,
      connectTimeout: CONNECT_MS,
      // Background tabs may run a timer only once a minute; a dead connection is found by probes long before.
      keepalive: 60,
      // The default runs timers in a worker made from a blob, which a strict content security policy forbids.
      timerVariant: 'native',
    })
    this.client = client
    let reason = ''
    const gone = () => {
      if (client === this.client) this.lost(reason || 'connection closed')
    }
    client.on('connect', () => {
      if (client === this.client) this.connected()
    })
    client.on('packetreceive', () => {
      if (client === this.client) this.lastPacketMs = Date.now()
    })
    client.on('message', (topic, payload, packet) => {
      if (client === this.client) this.owner.onMessage(topic, payload.toString(), packet.retain)
    })
    client.on('disconnect', (packet) => {
      reason = packet.properties?.reasonString ?? `disconnected by the broker, reason code ${packet.reasonCode ?? 0}`
    })
    client.on('error', (err) => {
      reason = err.message || reason
      // MQTT.js keeps a socket open on which CONNECT was refused.
      if (client === this.client && this.connection.state === 'connecting') gone()
    })
    client.on('close', gone)
  }

  private connected(): void {
    this.connectedAtMs = this.lastPacketMs = Date.now()
    this.probeSentMs = 0
    this.set('connected', '')
    this.probeTimer = setInterval(() => this.probe(), 1_000)
    this.subscribe(this.owner.filters())
  }

  private probe(): void {
    const now = Date.now()
    const asked = this.probeSentMs > this.lastPacketMs
    if (asked && now - this.probeSentMs >= PROBE_MS) {
      this.lost('no answer from the broker')
    } else if (!asked && now - this.lastPacketMs >= PROBE_MS) {
      this.probeSentMs = now
      this.client?.sendPing()
    }
  }

  private lost(reason: string): void {
    const livedMs = this.connection.state === 'connected' ? Date.now() - this.connectedAtMs : 0
    this.drop()
    const delayMs = this.backoff.nextMs(livedMs)
    this.retryTimer = setTimeout(() => this.attempt(), delayMs)
    this.set('waiting', reason, Date.now() + delayMs)
  }

  private drop(): void {
    clearInterval(this.probeTimer)
    const client = this.client
    this.client = undefined
    client?.on('error', () => {}) // a late error of a socket that nobody waits for
    client?.end(true)
  }
}
