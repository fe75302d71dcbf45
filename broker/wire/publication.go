package wire

// Publication is what a PUBLISH says, as far as whoever passes it on needs to know. Its bytes are the packet's.
type Publication struct {
	Topic   []byte
	Payload []byte

	properties []byte
}

// Publication takes a PUBLISH of this client apart, which was let through.
func (r *Reader) Publication(p *Packet) (out Publication) {
	c := cursor{b: p.Body}
	out.Topic = c.field()
	if p.QoS() > 0 {
		c.uint16()
	}
	if r.v.version == 5 {
		out.properties = c.take(c.varint())
	}
	out.Payload = c.b
	return out
}

// User returns the value of the first User Property of a name [3.3.2.3.7].
func (p *Publication) User(name string) (value []byte, ok bool) {
	for c := (cursor{b: p.properties}); len(c.b) > 0 && !c.bad; {
		id := c.varint()
		if id == propUser {
			if key, value := c.field(), c.field(); string(key) == name {
				return value, true
			}
			continue
		}
		_ = c.value(id, properties[id].form, &propertyValues{})
	}
	return nil, false
}

// HasAlias says whether the topic is given, or asked for, by a Topic Alias.
func (p *Publication) HasAlias() bool {
	var v propertyValues
	for c := (cursor{b: p.properties}); len(c.b) > 0 && !c.bad; {
		id := c.varint()
		v.seen |= 1 << id
		_ = c.value(id, properties[id].form, &v)
	}
	return v.has(propTopicAlias)
}
