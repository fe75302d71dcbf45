package simexchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tickcast/tickcast/binanceapi"
)

// connect upgrades a request to /ws… (raw) or /stream (combined) and serves the connection.
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	if f := s.handshakeFault(r.URL.Path); f != nil {
		writeStatusFault(w, f)
		return
	}
	if !s.limits.dial(hostOf(r), time.Now()) {
		w.Header().Set("Retry-After", "300")
		binanceapi.Refuse(w, http.StatusTooManyRequests, -1034, fmt.Sprintf("Too many connection attempts from IP; current limit is %d per '5 MINUTES'.", s.cfg.Limits.Connections))
		return
	}
	combined := r.URL.Path == "/stream" || strings.HasPrefix(r.URL.Path, "/stream/")
	query, err := url.ParseQuery(r.URL.RawQuery)
	unit, ok := binanceapi.ParseUnit(query.Get("timeUnit"))
	if err != nil || !ok {
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	}
	var names []string
	if combined {
		names = splitStreams(query.Get("streams"))
	} else {
		names = splitStreams(strings.TrimPrefix(strings.TrimPrefix(r.URL.EscapedPath(), "/ws"), "/"))
	}
	if len(names) > s.cfg.WebSocket.MaxStreams {
		http.Error(w, "Too many streams", http.StatusBadRequest)
		return
	}
	c, ctx := s.join(w, r, unit, combined, names)
	if c == nil {
		return
	}
	defer s.running.Done()
	defer s.leave(c)
	written := make(chan struct{})
	go func() {
		c.write(ctx)
		close(written)
	}()
	c.read()
	<-written
}

// join does the handshake and takes the connection in; nil where there is none.
func (s *Server) join(w http.ResponseWriter, r *http.Request, unit binanceapi.Unit, combined bool, names []string) (*client, context.Context) {
	s.joining.RLock()
	defer s.joining.RUnlock()
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil { // answered by the upgrader
		s.log.Debug("handshake refused", slog.Any("error", err))
		return nil, nil
	}
	c := newClient(s, conn, unit, combined)
	ctx, ok := s.admit(c)
	if !ok {
		c.end(withRST)
		return nil, nil
	}
	if err := s.subscribe(c, names); err != nil {
		s.log.Debug("subscription in the address refused", slog.Any("error", err))
	}
	return c, ctx
}

func (s *Server) handshakeFault(path string) *ActiveFault {
	for _, f := range s.faults.onAnswer(path, time.Now) {
		if f.Kind == FaultStatus {
			return f
		}
	}
	return nil
}

func (s *Server) subscribers(stream string) []*client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subs[stream]
}

var errTooManyStreams = errors.New("too many streams")

// subscribe adds streams to a connection, all or none.
func (s *Server) subscribe(c *client, names []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	added := map[string]struct{}{}
	for _, n := range names {
		if _, ok := c.streams[n]; !ok {
			added[n] = struct{}{}
		}
	}
	if len(c.streams)+len(added) > s.cfg.WebSocket.MaxStreams {
		return errTooManyStreams
	}
	for n := range added {
		c.streams[n] = struct{}{}
		s.subs.add(c, n)
	}
	if s.awaits.met(names) {
		s.letGo()
	}
	return nil
}

func (s *Server) unsubscribe(c *client, names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range names {
		if _, ok := c.streams[n]; ok {
			delete(c.streams, n)
			s.subs.remove(c, n)
		}
	}
}

func (s *Server) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.streams {
		s.subs.remove(c, n)
	}
	clear(c.streams)
}
