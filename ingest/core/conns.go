package core

// Conns are the connections that bring one log's frames.
type Conns struct {
	up     map[int64]bool
	wasUp  bool
	reason string // for which the last one went down
}

// Up takes a connection that is subscribed; first: none was up before.
func (c *Conns) Up(conn int64) (first bool) {
	first = len(c.up) == 0
	if c.up == nil {
		c.up = map[int64]bool{}
	}
	c.up[conn], c.wasUp = true, true
	return first
}

// Down takes a connection that is gone.
func (c *Conns) Down(conn int64, reason string) {
	delete(c.up, conn)
	c.reason = reason
}

// Len is how many are up.
func (c *Conns) Len() int { return len(c.up) }

// Lost says why none is up any more; empty if one is, or none ever was.
func (c *Conns) Lost() (reason string, lost bool) {
	return c.reason, len(c.up) == 0 && c.wasUp
}

// Forget forgets all: they bring another symbol's frames.
func (c *Conns) Forget() {
	clear(c.up)
	c.wasUp = false
}
