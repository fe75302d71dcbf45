// Subscribes to candle/# at QoS 1 with MQTT.js and prints each message as one line of JSON.
import mqtt from 'mqtt'

const [url, version] = process.argv.slice(2)
const client = mqtt.connect(url, { protocolVersion: Number(version), reconnectPeriod: 0 })
client.on('connect', () => client.subscribe('candle/#', { qos: 1 }))
client.on('message', (topic, payload, packet) => {
  console.log(JSON.stringify({ Topic: topic, Payload: payload.toString(), Retain: packet.retain, QoS: packet.qos }))
})
client.on('error', (err) => {
  console.error(err)
  process.exit(1)
})
