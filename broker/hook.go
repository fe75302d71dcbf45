package broker

import (
	"errors"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/tickcast/tickcast/broker/wire"
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/market"
)

// hook is the edge's half of mochi. Every method runs in the goroutine that has the connection's reading side, whose panics are recovered by Broker.contains.
type hook struct {
	mqtt.HookBase
	b *Broker
}

// ID implements mqtt.Hook.
func (*hook) ID() string { return "tickcast" }

// Provides implements mqtt.Hook.
func (*hook) Provides(event byte) bool {
	switch event {
	case mqtt.OnACLCheck, mqtt.OnSubscribe, mqtt.OnSubscribed, mqtt.OnUnsubscribed,
		mqtt.OnPublish, mqtt.OnRetainMessage, mqtt.OnQosPublish, mqtt.OnPacketRead, mqtt.OnPacketEncode, mqtt.OnPacketProcessed:
		return true
	}
	return false
}

// connOf returns a client's connection; nil for the sender of a will, which has none.
func connOf(cl *mqtt.Client) *conn {
	c, _ := cl.Net.Conn.(*conn)
	return c
}

// welcomes checks who the client is and keeps for us what mochi must not act on.
func (b *Broker) welcomes(c *conn, pk packets.Packet) packets.Code {
	cl := c.client
	props := &cl.Properties.Props
	c.v5 = cl.Properties.ProtocolVersion == 5
	c.maxPacket = int(props.MaximumPacketSize)
	c.window = b.cfg.InflightWindow
	if rm := int(pk.Properties.ReceiveMaximum); c.v5 && rm > 0 {
		c.window = min(c.window, rm)
	}
	c.keep = !expires(cl)
	if b.general != nil {
		c.flow = &flow{window: int(props.ReceiveMaximum), most: int(props.TopicAliasMaximum), unsent: c.unsent}
	}
	// mochi's own windowing deadlocks and its topic aliases go out of step: with these at zero neither is ever used.
	props.ReceiveMaximum, props.TopicAliasMaximum = 0, 0
	cl.State.Inflight.ResetSendQuota(0)
	limit := uint16(b.cfg.MaxKeepalive.D().Seconds())
	if c.v5 && (cl.State.Keepalive == 0 || cl.State.Keepalive > limit) {
		cl.State.Keepalive, cl.State.ServerKeepalive = limit, true
	}
	if code := b.admit(c, cl.ID, pk); code != packets.CodeSuccess {
		return code
	}
	b.limitRequests(c)
	messages, bytes := b.cfg.ClientMessages, int(b.cfg.ClientBytes)
	if n := c.who.limits.MessagesPerSecond; n > 0 {
		messages = n
	}
	if n := c.who.limits.BytesPerSecond; n > 0 {
		bytes = n
	}
	if messages+bytes > 0 {
		c.limitRates(messages, bytes)
	}
	if c.who.publisher {
		c.publish = func(pk *wire.Packet) bool { return b.takePublish(c, pk) }
		c.pumpAll = b.hub.start
	}
	return packets.CodeSuccess
}

// OnPacketEncode completes what mochi answers.
func (h *hook) OnPacketEncode(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	switch pk.FixedHeader.Type {
	case packets.Connack:
		return h.connack(c, pk)
	case packets.Puback, packets.Pubrec:
		if pk.ReasonCode == packets.ErrNotAuthorized.Code {
			pk.Properties.ReasonString = "" // says no more than the code
		}
		if pk.ReasonCode == packets.CodeGrantedQos1.Code { // mochi's success; a PUBACK knows no such code
			pk.ReasonCode = packets.CodeSuccess.Code
		}
		if c.notNewer {
			c.notNewer = false
			pk.ReasonCode = packets.CodeNoMatchingSubscribers.Code
			pk.Properties.ReasonString = "not newer than the topic's version"
		}
	case packets.Disconnect:
		h.refer(&pk)
	}
	return pk
}

// refer tells a client that is sent away where to [MQTT 5, 4.11].
func (h *hook) refer(pk *packets.Packet) {
	if pk.ReasonCode == packets.ErrServerMoved.Code {
		pk.Properties.ServerReference = h.b.drainer.reference()
	}
}

func (h *hook) connack(c *conn, pk packets.Packet) packets.Packet {
	if pk.ReasonCode != packets.CodeSuccess.Code {
		if !c.v5 {
			pk.ReasonCode = connackV3(pk.ReasonCode, c.refused)
		}
		h.refer(&pk)
		return pk
	}
	pk.Properties.MaximumPacketSize = uint32(h.b.cfg.MaxPacket)
	pk.SessionPresent = h.b.claim(c)
	if h.b.general != nil {
		h.b.general.connack(h.b, c.client, &pk.Properties, pk.SessionPresent)
	} else {
		pk.Properties.SharedSubAvailableFlag, pk.Properties.SharedSubAvailable = true, 0
	}
	return pk
}

// connackV3 returns the MQTT 3.1.1 return code for our refusal, or for mochi's if we had none. mochi has translated some already, those stay.
func connackV3(code byte, ours packets.Code) byte {
	if ours.Code != 0 {
		code = ours.Code
	}
	switch code {
	case packets.ErrUnsupportedProtocolVersion.Code:
		return packets.Err3UnsupportedProtocolVersion.Code
	case packets.ErrClientIdentifierNotValid.Code:
		return packets.Err3ClientIdentifierNotValid.Code
	case packets.ErrBadUsernameOrPassword.Code:
		return packets.ErrMalformedUsernameOrPassword.Code
	case packets.ErrNotAuthorized.Code, packets.ErrBanned.Code:
		return packets.Err3NotAuthorized.Code
	}
	if code < packets.ErrUnspecifiedError.Code {
		return code
	}
	return packets.Err3ServerUnavailable.Code
}

// established comes after CONNACK: from here on the session may send.
func (b *Broker) established(c *conn) {
	s := c.session.Load()
	if s == nil {
		c.closeFor("session takeover")
		return
	}
	if b.general != nil {
		b.general.wills.connected(c.client.ID, !c.client.Properties.Clean)
	}
	b.hub.catchUp(s, c)
	s.setHold(c, false)
	c.expiry = b.endAtExpiry(c)
}

// OnPacketRead sees each packet before mochi acts on it.
func (h *hook) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	c := connOf(cl)
	if !h.b.charge(c, 1+len(pk.Filters)) { // acknowledgements of our messages do not come here
		return pk, packets.ErrRejectPacket
	}
	switch pk.FixedHeader.Type {
	case packets.Publish:
		resolveAlias(c, &pk)
		if code := h.b.mayPublish(c, &pk); code != packets.CodeSuccess {
			h.b.stats.refusedPublishes.Add(1)
			c.setReason("publish refused: " + code.Reason)
			_ = h.b.mqtt.DisconnectClient(cl, code)
			return pk, packets.ErrRejectPacket
		}
	case packets.Disconnect:
		// mochi takes any interval here, and sessions would never end.
		limit := h.b.mqtt.Options.Capabilities.MaximumSessionExpiryInterval
		pk.Properties.SessionExpiryInterval = min(pk.Properties.SessionExpiryInterval, limit)
	}
	return pk, nil
}

// mayPublish says whether a PUBLISH is to be answered by ending the connection. What mochi can answer with a PUBACK is left to OnACLCheck.
func (b *Broker) mayPublish(c *conn, pk *packets.Packet) packets.Code {
	switch {
	case b.general != nil && pk.FixedHeader.Qos == 0: // what it may not publish is dropped
		return packets.CodeSuccess
	case !mqtt.IsValidFilter(pk.TopicName, true): // $SYS, at which mochi says nothing
		return packets.ErrTopicNameInvalid
	case b.general != nil:
		return packets.CodeSuccess
	case !c.who.publisher && (!c.v5 || pk.FixedHeader.Qos == 0):
		return packets.ErrNotAuthorized
	}
	return packets.CodeSuccess
}

// OnACLCheck implements mqtt.Hook. Reading was decided in OnSubscribe; mochi asks again at each message.
func (h *hook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	if !write || h.b.general.owns(topic) {
		return true
	}
	c := connOf(cl)
	_, _, known := h.b.classify(topic)
	if c.who.publisher && (known || topic == catalog.BridgeTopic) {
		return true
	}
	h.b.stats.refusedPublishes.Add(1)
	return h.b.general != nil && !c.v5 // acknowledged and dropped in OnPublish, since MQTT 3.1.1 has no code for it [3.1.1: MQTT-3.3.5-2]
}

var errIgnore = packets.CodeSuccessIgnore // mochi acknowledges and does nothing else

// OnPublish takes a publisher's message into the hub.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	c := connOf(cl)
	if h.b.general.owns(pk.TopicName) {
		h.b.general.publishing(h.b, c, &pk)
		return pk, nil
	}
	if !c.who.publisher {
		return pk, errIgnore
	}
	if pk.TopicName == catalog.BridgeTopic {
		if string(pk.Payload) == catalog.BridgeReady {
			if !c.ready {
				c.ready = true
				h.b.ready.gain()
			}
		}
		return pk, errIgnore
	}
	class, byArrival, _ := h.b.classify(pk.TopicName)
	if byArrival {
		h.b.hub.arrive(&Message{Topic: pk.TopicName, Class: class, Payload: pk.Payload})
		h.b.hub.start()
		return pk, errIgnore
	}
	v, err := versionOf(&pk)
	if err != nil {
		h.b.stats.refusedPublishes.Add(1)
		h.b.log.Warn("message refused", "client", cl.ID, "topic", pk.TopicName, "error", err)
		if pk.FixedHeader.Qos == 0 {
			return pk, packets.ErrRejectPacket
		}
		return pk, packets.ErrPayloadFormatInvalid
	}
	c.notNewer = !h.b.Publish(Message{Topic: pk.TopicName, Class: class, Version: v, Payload: pk.Payload}) && pk.FixedHeader.Qos > 0
	return pk, errIgnore
}

// OnRetainMessage comes when mochi has retained a message.
func (*hook) OnRetainMessage(cl *mqtt.Client, _ packets.Packet, _ int64) {
	if c := connOf(cl); c != nil {
		c.done()
	}
}

// OnQosPublish comes when mochi keeps a message until it is acknowledged.
func (h *hook) OnQosPublish(cl *mqtt.Client, pk packets.Packet, _ int64, _ int) {
	if h.b.general != nil {
		h.b.general.number(cl, pk)
	}
}

func versionOf(pk *packets.Packet) (v market.Version, err error) {
	for _, u := range pk.Properties.User {
		if u.Key == catalog.VersionName {
			return market.ParseVersionHex(u.Val)
		}
	}
	return v, errors.New("no user property " + catalog.VersionName)
}

// OnSubscribe begins the work on a SUBSCRIBE: nothing is sent until its SUBACK is. A filter that is refused is made one that mochi refuses.
func (h *hook) OnSubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	c.interval, c.badRate = askedInterval(&pk)
	c.asked, c.verdicts = 0, c.verdicts[:0]
	for i := range pk.Filters {
		code := h.b.maySubscribe(c, pk.Filters[i].Filter)
		if c.badRate != nil {
			code = packets.ErrImplementationSpecificError
		}
		c.verdicts = append(c.verdicts, code)
		if code != packets.CodeSuccess {
			h.b.stats.refusedFilters.Add(1)
			pk.Filters[i].Filter = ""
		}
	}
	if s := c.session.Load(); s != nil {
		s.setHold(c, true)
	}
	return pk
}

// OnSubscribed comes before SUBACK is written. codes is what mochi will write, so a refusal gets its reason here. The snapshot is put in line here and sent
// when SUBACK is written: what is published once the client has its SUBACK would otherwise come twice, from the publisher and with the snapshot.
func (h *hook) OnSubscribed(cl *mqtt.Client, pk packets.Packet, codes []byte) {
	c := connOf(cl)
	s := c.session.Load()
	var snapshots []string
	for i, f := range pk.Filters {
		if codes[i] > 2 {
			if code := c.verdicts[i]; code != packets.CodeSuccess && c.v5 {
				codes[i] = code.Code
			}
			continue
		}
		if wire.IsShared(f.Filter) {
			continue
		}
		qos := codes[i]
		if h.b.general != nil {
			qos = 0 // packet identifiers are mochi's there
		}
		sub := subscription{filter: f.Filter, qos: qos, asPublished: f.RetainAsPublished, id: f.Identifier, interval: c.interval}
		existed, ok := h.b.hub.subscribe(s, c, sub)
		if ok && (f.RetainHandling == 0 || f.RetainHandling == 1 && !existed) {
			snapshots = append(snapshots, f.Filter)
		}
	}
	for _, filter := range snapshots {
		h.b.hub.sendSnapshot(s, c, filter, true)
	}
	if h.b.general != nil {
		h.b.general.subscribed(h.b, c, pk)
	}
}

// OnPacketProcessed comes after SUBACK was written.
func (h *hook) OnPacketProcessed(cl *mqtt.Client, pk packets.Packet, _ error) {
	if pk.FixedHeader.Type != packets.Subscribe {
		return
	}
	c := connOf(cl)
	c.done()
	s := c.session.Load()
	if s == nil {
		return // taken over before it had begun
	}
	s.setHold(c, false)
}

// OnUnsubscribed comes before UNSUBACK is written, and when mochi cleans up after a session.
func (h *hook) OnUnsubscribed(cl *mqtt.Client, pk packets.Packet) {
	c := connOf(cl)
	s := c.session.Load()
	if s == nil {
		return
	}
	for _, f := range pk.Filters {
		h.b.hub.unsubscribe(s, c, f.Filter)
	}
}
