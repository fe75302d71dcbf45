package broker

import (
	"errors"
	"fmt"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// listenerName is what mochi calls all our listeners.
const listenerName = "edge"

// attach answers the CONNECT in unread. It stands in the place of mochi's EstablishConnection, which needs two goroutines for each client as long as it is
// there, one of them with a stack of 16 KiB: what mochi does with a packet is done by whoever has the reading side, when there is one. CONNECT was checked
// already, and wills are ours.
func (b *Broker) attach(c *conn) error {
	cl := b.mqtt.NewClient(c, listenerName, "", false)
	c.client = cl
	if b.general != nil {
		go cl.WriteLoop() // its messages come from mochi; ends with Stop
	}
	pk, err := decode(cl)
	if err != nil {
		return fmt.Errorf("decode CONNECT: %w", err)
	}
	cl.ParseConnect(listenerName, pk)
	cl.State.TopicAliases = mqtt.TopicAliases{} // those of either side are ours: resolveAlias, flow
	if code := b.welcomes(c, pk); code != packets.CodeSuccess {
		c.refused = code
		c.setReason("refused: " + code.Reason)
		_ = b.mqtt.SendConnack(cl, code, false, nil)
		return code
	}
	c.patience = time.Duration(cl.State.Keepalive) * time.Second * 3 / 2 // [MQTT-3.1.2-22]
	resumed := b.enlist(c, pk.Connect.Clean)
	if err := b.mqtt.SendConnack(cl, packets.CodeSuccess, resumed, nil); err != nil {
		return fmt.Errorf("answer CONNECT: %w", err)
	}
	if resumed {
		if err := cl.ResendInflightMessages(true); err != nil {
			return fmt.Errorf("send again what is not acknowledged: %w", err)
		}
	}
	b.established(c)
	return nil
}

// decode has mochi decode the packet in unread; our hook sees it.
func decode(cl *mqtt.Client) (pk packets.Packet, err error) {
	var header packets.FixedHeader
	if err := cl.ReadFixedHeader(&header); err != nil {
		return pk, err
	}
	return cl.ReadPacket(&header)
}

// process has mochi act on the packet in unread.
func (b *Broker) process(c *conn) error {
	cl := c.client
	pk, err := decode(cl)
	if err != nil {
		return err
	}
	err = b.mqtt.InjectPacket(cl, pk)
	var code packets.Code
	if errors.As(err, &code) && c.v5 && code.Code >= packets.ErrUnspecifiedError.Code {
		_ = b.mqtt.DisconnectClient(cl, code)
	}
	return err
}

// enlist makes a client the one of its id, in the place of an earlier one, whose connection ends [MQTT-3.1.4-3]. resumed: mochi's part of that one's session
// goes on.
func (b *Broker) enlist(c *conn, clean bool) (resumed bool) {
	cl := c.client
	b.listing.Lock()
	defer b.listing.Unlock()
	old, ok := b.mqtt.Clients.Get(cl.ID)
	if ok {
		_ = b.mqtt.DisconnectClient(old, packets.ErrSessionTakenOver)
		resumed = !clean && !(old.Properties.Clean && old.Properties.ProtocolVersion < 5) // [MQTT-3.1.2-4]
		if resumed {
			inherit(cl, old)
		} else {
			b.mqtt.UnsubscribeClient(old)
		}
		old.ClearInflights()
	}
	b.mqtt.Clients.Add(cl)
	c.listed = true
	return resumed
}

// inherit hands over what mochi keeps of a session with its client. Its index of filters goes by client id and stays as it is.
func inherit(cl, old *mqtt.Client) {
	if old.State.Inflight.Len() > 0 {
		cl.State.Inflight = old.State.Inflight.Clone() // without its quotas
		cl.State.Inflight.ResetReceiveQuota(int32(receiveMaximum))
	}
	for filter, sub := range old.State.Subscriptions.GetAll() {
		cl.State.Subscriptions.Add(filter, sub)
		old.State.Subscriptions.Delete(filter)
	}
}

// delist makes mochi forget a client, unless a later one of its id has taken its place.
func (b *Broker) delist(cl *mqtt.Client) {
	b.listing.Lock()
	defer b.listing.Unlock()
	if latest, ok := b.mqtt.Clients.Get(cl.ID); ok && latest == cl {
		cl.ClearInflights()
		b.mqtt.UnsubscribeClient(cl)
		b.mqtt.Clients.Delete(cl.ID)
	}
}
