// Publishes each TOPIC=PAYLOAD with MQTT.js as the user of the configuration for measuring, and ends when all are acknowledged.
import mqtt from 'mqtt'

const [url, version, qos, ...messages] = process.argv.slice(2)
const options = { protocolVersion: Number(version), reconnectPeriod: 0, username: 'publisher', password: 'publisher' }
const client = await mqtt.connectAsync(url, options)
for (const m of messages) {
  const [topic, payload] = m.split('=')
  await client.publishAsync(topic, payload, { qos: Number(qos) })
}
await client.endAsync()
