import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import mqtt, { type Packet, type IPublishPacket } from 'mqtt-packet'
import { WebSocketServer, type WebSocket } from 'ws'
import { filterMatches } from '../client/src/topics.ts'

interface Peer {
  socket: WebSocket
  version: number
  filters: Map<string, 0 | 1>
  packetId: number
}

/**
 * A broker for tests and `npm run dev`: WebSocket only, MQTT 3.1.1 and 5,
 * retained values, QoS 1 without redelivery. The real one is ../broker.
 */
export class FakeEdge {
  private readonly retained = new Map<string, { payload: string; qos: 0 | 1 }>()
  private readonly peers = new Set<Peer>()
  private readonly sockets: WebSocketServer
  /** When true the edge is half open: it takes everything and answers nothing. */
  mute = false
  /** Filters that are refused with reason code 0x8F. */
  refuse: (filter: string) => boolean = () => false
  /** All filters asked for, in order. */
  readonly asked: string[] = []
  connects = 0

  private constructor(private readonly server: Server, readonly port: number) {
    this.sockets = new WebSocketServer({ server, path: '/mqtt', handleProtocols: () => 'mqtt' })
    this.sockets.on('connection', (socket) => this.accept(socket))
  }

  static async listen(port = 0, host = '127.0.0.1'): Promise<FakeEdge> {
    const server = createServer((_, response) => response.writeHead(426).end())
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
    return new FakeEdge(server, (server.address() as AddressInfo).port)
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/mqtt`
  }

  /** Keeps the value as the topic's retained one and sends it; an empty payload clears it. */
  publish(topic: string, payload: string, qos: 0 | 1 = 0): void {
    if (payload === '') this.retained.delete(topic)
    else this.retained.set(topic, { payload, qos })
    for (const peer of this.peers) this.deliver(peer, topic, payload, qos, false)
  }

  /** Sends it to whoever listens, and keeps nothing. */
  event(topic: string, payload: string): void {
    for (const peer of this.peers) this.deliver(peer, topic, payload, 0, false)
  }

  /** Whether somebody listens: what nobody hears need not be made. */
  wanted(topic: string): boolean {
    for (const peer of this.peers) for (const filter of peer.filters.keys()) if (filterMatches(filter, topic)) return true
    return false
  }

  /** Cuts all connections; clients may come back. */
  cut(): void {
    for (const peer of this.peers) peer.socket.terminate()
  }

  async close(): Promise<void> {
    this.cut()
    this.sockets.close()
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }

  private accept(socket: WebSocket): void {
    const peer: Peer = { socket, version: 4, filters: new Map(), packetId: 0 }
    this.peers.add(peer)
    socket.on('close', () => this.peers.delete(peer))
    const parser = mqtt.parser()
    parser.on('packet', (packet: Packet) => this.handle(peer, packet))
    parser.on('error', () => socket.terminate())
    socket.on('message', (data: Buffer) => {
      if (!this.mute) parser.parse(data)
    })
  }

  private send(peer: Peer, packet: Packet): void {
    if (!this.mute && peer.socket.readyState === peer.socket.OPEN) {
      peer.socket.send(mqtt.generate(packet, { protocolVersion: peer.version }))
    }
  }

  private deliver(peer: Peer, topic: string, payload: string, qos: 0 | 1, retain: boolean): void {
    let granted: 0 | 1 | undefined
    for (const [filter, at] of peer.filters) if (filterMatches(filter, topic)) granted = at > (granted ?? 0) ? at : (granted ?? 0)
    if (granted === undefined) return
    const packet: IPublishPacket = { cmd: 'publish', topic, payload, qos: qos && granted ? 1 : 0, retain, dup: false }
    if (packet.qos) {
      peer.packetId = (peer.packetId % 65_535) + 1
      packet.messageId = peer.packetId
    }
    this.send(peer, packet)
  }

  private handle(peer: Peer, packet: Packet): void {
    switch (packet.cmd) {
      case 'connect':
        this.connects++
        peer.version = packet.protocolVersion ?? 4
        return this.send(peer, { cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: false })
      case 'subscribe': {
        const granted = packet.subscriptions.map(({ topic, qos }) => {
          this.asked.push(topic)
          if (this.refuse(topic)) return 0x8f
          peer.filters.set(topic, qos === 0 ? 0 : 1)
          return qos === 0 ? 0 : 1
        })
        this.send(peer, { cmd: 'suback', messageId: packet.messageId as number, granted })
        for (const [topic, { payload, qos }] of this.retained) {
          if (packet.subscriptions.some((s) => filterMatches(s.topic, topic))) this.deliver(peer, topic, payload, qos, true)
        }
        return
      }
      case 'unsubscribe':
        for (const filter of packet.unsubscriptions) peer.filters.delete(filter)
        return this.send(peer, { cmd: 'unsuback', messageId: packet.messageId as number, granted: packet.unsubscriptions.map(() => 0) })
      case 'pingreq':
        return this.send(peer, { cmd: 'pingresp' })
      case 'disconnect':
        return peer.socket.close()
    }
  }
}
