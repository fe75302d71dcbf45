// Subscribes to state/#, event/# and final/# with MQTT.js, connects again by itself, and reports as e2e/report_test.go says.
// node report.mjs URL VERSION CLIENT-ID resume|clean
import mqtt from 'mqtt'

const [url, version, clientId, session] = process.argv.slice(2)
const client = mqtt.connect(url, {
  protocolVersion: Number(version), clientId, clean: session === 'clean', keepalive: 240, reconnectPeriod: 200, resubscribe: false,
  properties: version === '5' ? { sessionExpiryInterval: 600 } : undefined,
})
client.on('packetreceive', (packet) => { // 'connect' comes when the outgoing store was read: a message may come before it
  if (packet.cmd === 'connack' && !(packet.returnCode || packet.reasonCode)) console.log('connected', packet.sessionPresent ? 1 : 0)
})
client.on('connect', async (connack) => {
  if (!connack.sessionPresent) {
    await client.subscribeAsync(['state/#', 'event/#', 'final/#'], { qos: 1 })
    console.log('subscribed')
  }
})
client.on('message', (topic, payload, packet) => {
  console.log('message', topic, packet.qos, packet.retain ? 1 : 0, packet.dup ? 1 : 0, payload.toString().split(' ')[0])
})
client.on('disconnect', (packet) => console.log('disconnected', packet.reasonCode))
client.on('error', (err) => console.error(err.message))
