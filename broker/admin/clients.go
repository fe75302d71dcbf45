package admin

import "net/netip"

func (s *Server) clients(c *call) (answer, error) {
	q := c.query("page", "limit", "clientid", "like_clientid", "username", "ip_address", "conn_state")
	want := ClientQuery{ID: q.text("clientid"), Like: q.text("like_clientid"), User: q.text("username"), Address: q.text("ip_address")}
	if i := q.choice("conn_state", "connected", "disconnected"); i >= 0 {
		connected := i == 0
		want.Connected = &connected
	}
	if want.Address != "" {
		a, err := netip.ParseAddr(want.Address)
		if err != nil {
			q.fail("ip_address: %v", err)
		}
		want.Address = a.Unmap().String()
	}
	p := q.page()
	if q.err != nil {
		return answer{}, q.err
	}
	data, total := s.edge.Clients(want, p)
	return listed(data, total, p), nil
}

func (s *Server) client(c *call) (answer, error) {
	if q := c.query(); q.err != nil {
		return answer{}, q.err
	}
	id := c.PathValue("id")
	cl, ok := s.edge.Client(id)
	if !ok {
		return answer{}, clientNotFound(id)
	}
	return answer{body: cl}, nil
}

func (s *Server) kick(c *call) (answer, error) {
	id := c.PathValue("id")
	if !s.edge.Kick(id) {
		return answer{}, clientNotFound(id)
	}
	return answer{}, nil
}

func (s *Server) clientSubscriptions(c *call) (answer, error) {
	q := c.query("page", "limit")
	p := q.page()
	if q.err != nil {
		return answer{}, q.err
	}
	id := c.PathValue("id")
	if _, ok := s.edge.Client(id); !ok {
		return answer{}, clientNotFound(id)
	}
	data, total := s.edge.Subscriptions(SubscriptionQuery{ClientID: id}, p)
	return listed(data, total, p), nil
}

func (s *Server) subscriptions(c *call) (answer, error) {
	q := c.query("page", "limit", "clientid", "topic", "qos")
	want := SubscriptionQuery{ClientID: q.text("clientid"), Filter: q.text("topic")}
	if i := q.choice("qos", "0", "1"); i >= 0 {
		want.QoS = &i
	}
	p := q.page()
	if q.err != nil {
		return answer{}, q.err
	}
	data, total := s.edge.Subscriptions(want, p)
	return listed(data, total, p), nil
}

func (s *Server) slowSubscriptions(c *call) (answer, error) {
	q := c.query("page", "limit")
	p := q.page()
	if q.err != nil {
		return answer{}, q.err
	}
	data, total := s.edge.SlowSubscriptions(p)
	return listed(data, total, p), nil
}
