package catalog

import "github.com/tickcast/tickcast/market"

// Message is one message on its way from Kafka to MQTT clients. The payload is the Kafka value, untouched; whoever holds a Message must not change it.
type Message struct {
	Topic   string // MQTT topic
	Class   Class
	Version market.Version
	Payload []byte // empty: the retained value is cleared
}

// KindName is the Kafka header with what a record is: trade, clock, candle, ….
const KindName = "kind"

// How a bridge talks to an edge in another process, over MQTT 5.
const (
	// VersionName is the Kafka header with a record's version (24 bytes), and the MQTT 5 user property with the same as 48 hexadecimal digits.
	VersionName = "ver"
	// BridgeTopic is where a bridge says BridgeReady when every key's newest state is in the edge. Clients cannot subscribe to it.
	BridgeTopic = "$tickcast/bridge"
	BridgeReady = "ready"
)
