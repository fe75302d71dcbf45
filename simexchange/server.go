package simexchange

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/tickcast/tickcast/market"
)

// Server is one simulated exchange.
type Server struct {
	cfg         Config
	log         *slog.Logger
	listener    net.Listener
	addr        string
	clock       *clock
	released    chan struct{} // closed when a held clock may go on
	release     sync.Once
	instruments []*instrument
	bySymbol    map[string]*instrument
	nextTickMs  int64 // the publishing goroutine's
	backlogMin  int
	faults      faultSet
	limits      *limiter
	outages     chan time.Duration
	upgrader    websocket.Upgrader

	joining sync.RWMutex // read-locked from a handshake until the connection is in clients: faults must not miss one that its client has already

	mu      sync.Mutex // guards what follows
	subs    subscriptions
	clients map[*client]struct{}
	awaits  awaited
	running sync.WaitGroup // connections
	life    context.Context
	ended   bool
}

// New checks the configuration, reads recordings or the data directory, makes up the past and binds the listener. Nobody is served before Run.
// A nil log discards.
func New(cfg Config, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("simexchange: %w", err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, log: log, released: make(chan struct{}), bySymbol: map[string]*instrument{}, subs: subscriptions{},
		clients: map[*client]struct{}{}, limits: newLimiter(cfg.Limits), outages: make(chan time.Duration, 16),
		upgrader: websocket.Upgrader{EnableCompression: true, HandshakeTimeout: 10 * time.Second, CheckOrigin: func(*http.Request) bool { return true }}}
	s.backlogMin = int(cfg.Market.Backlog / time.Minute)
	for _, sym := range cfg.Symbols {
		p, err := sym.params(&cfg.Market, cfg.Recording == nil)
		if err != nil {
			return nil, fmt.Errorf("simexchange: symbol %s: %w", sym.Symbol, err)
		}
		in := newInstrument(sym, p, cfg.Keep)
		s.instruments = append(s.instruments, in)
		s.bySymbol[sym.Symbol] = in
	}
	if err := s.begin(); err != nil {
		return nil, fmt.Errorf("simexchange: %w", err)
	}
	var err error
	if s.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("simexchange: listen: %w", err)
	}
	s.addr = s.listener.Addr().String()
	for _, f := range cfg.Faults {
		s.Inject(f)
	}
	return s, nil
}

// begin sets the clock and fills the event logs up to it.
func (s *Server) begin() error {
	if s.cfg.Recording == nil {
		s.clock = wallClock()
		nowUs := s.clock.nowUs()
		if err := s.startMarket(nowUs); err != nil {
			return err
		}
		// Making up the past takes time, in which the market goes on: an exchange that is behind its own clock says that there were no trades where there will be.
		for pass := 0; pass < 10 && s.clock.nowUs()-nowUs > tickMs*1000; pass++ { // each has less to make up, on a machine that can keep up at all
			nowUs = s.clock.nowUs()
			for _, in := range s.instruments {
				if err := in.catchUp(nowUs, s.backlogMin); err != nil {
					return err
				}
			}
		}
		s.nextTickMs = nextTick(nowUs)
		return nil
	}
	return s.startRecording(time.Now().UnixMilli())
}

// startRecording loads the recordings. Times are moved all by the same number of minutes.
func (s *Server) startRecording(nowMs int64) error {
	rec := s.cfg.Recording
	all := make([]*recorded, len(rec.Markets))
	var first, last int64
	for i := range rec.Markets {
		r, err := rec.Markets[i].load()
		if err != nil {
			return fmt.Errorf("recording.markets[%d]: %w", i, err)
		}
		all[i] = r
		from, to := r.events[0].TimeUs, r.events[len(r.events)-1].TimeUs
		if i == 0 || from < first {
			first = from
		}
		last = max(last, to)
	}
	var shiftMs int64
	startUs := first
	if rec.Times == "moved" {
		shiftMs = (nowMs - first/1000) / market.MinuteMs * market.MinuteMs // it began less than a minute ago
		startUs = nowMs * 1000
	}
	if rec.Preload {
		startUs = last + shiftMs*1000 + 1
	}
	for i := range rec.Markets {
		in := s.bySymbol[rec.Markets[i].Symbol]
		in.play(all[i], s.cfg.Market.Seed, shiftMs)
		if err := in.catchUp(startUs, 0); err != nil {
			return fmt.Errorf("recording of %w", err)
		}
	}
	s.clock = heldClock(startUs, rec.Speed)
	s.awaits = awaited{trades: rec.WaitForSubscriber, streams: slices.Clone(rec.WaitForStreams)}
	s.nextTickMs = nextTick(startUs)
	return nil
}

// Run serves until ctx ends; then clients get serverShutdown's close, and the market is saved. The listener is closed in any case.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.life = ctx
	if s.awaits.met(nil) {
		s.letGo()
	}
	s.mu.Unlock()
	loops := []func(context.Context) error{s.serve, s.publish}
	if s.saves() {
		loops = append(loops, s.saveLoop)
	}
	errs := make(chan error, len(loops))
	for _, loop := range loops {
		go func() { errs <- loop(ctx) }()
	}
	var err error
	for range loops { // the first one that ends, ends all
		err = errors.Join(err, <-errs)
		cancel()
	}
	s.mu.Lock()
	s.ended = true // nobody is admitted while the last ones are awaited
	s.mu.Unlock()
	s.running.Wait() // writers end with ctx, readers with their connection
	if s.saves() {   // after publish has ended: nothing is served that is not in it
		err = errors.Join(err, s.saveSnapshot())
	}
	if err != nil {
		return fmt.Errorf("simexchange: %w", err)
	}
	return nil
}

// URL is where REST is; streams are at the same address with ws instead of http.
func (s *Server) URL() string { return "http://" + s.addr }

// letGo starts a clock that was held.
func (s *Server) letGo() {
	s.release.Do(func() {
		s.clock.release()
		close(s.released)
	})
}

func (s *Server) saves() bool { return s.cfg.DataDir != "" && s.cfg.Recording == nil }

// lockStep says whether the exchange waits for its clients, also after the recording's end, for what they have not read yet.
func (s *Server) lockStep() bool { return s.cfg.Recording != nil && s.cfg.Recording.Speed == 0 }

// saveLoop saves the market while it runs, when there is a newer checkpoint. What was served since is generated again, so that a crash costs nothing.
func (s *Server) saveLoop(ctx context.Context) error {
	every := time.NewTicker(5 * time.Second)
	defer every.Stop()
	saved := noTime
	for {
		if at := s.instruments[0].firstCheckpointMs(); at != saved {
			if err := s.saveSnapshot(); err != nil {
				s.log.Error("snapshot not saved", slog.Any("error", err))
			} else {
				saved = at
			}
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// serve accepts connections; during an outage the port is closed.
func (s *Server) serve(ctx context.Context) error {
	ln := s.listener
	for {
		srv := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
		ended := make(chan error, 1)
		go func() { ended <- srv.Serve(ln) }()
		select {
		case err := <-ended:
			return fmt.Errorf("serve: %w", err)
		case <-ctx.Done():
			srv.Close()
			<-ended
			return nil
		case d := <-s.outages:
			srv.Close()
			<-ended
			s.cutAll()
			if ln = s.listenAgain(ctx, d); ln == nil {
				return nil
			}
		}
	}
}

// listenAgain waits for d and takes the same port; nil if ctx ended.
func (s *Server) listenAgain(ctx context.Context, d time.Duration) net.Listener {
	wait := time.NewTimer(d)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		ln, err := net.Listen("tcp", s.addr)
		if err == nil {
			return ln
		}
		s.log.Warn("port is taken after an outage", slog.Any("error", err))
		wait.Reset(50 * time.Millisecond)
	}
}

// admit takes a connection in, unless the server is about to end.
func (s *Server) admit(c *client) (context.Context, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, false
	}
	s.running.Add(1)
	s.clients[c] = struct{}{}
	return s.life, true
}

// Inject adds a fault while the server runs; an invalid one is a programming error and panics. Faults of connections without After and Probability,
// and outages, happen at once.
func (s *Server) Inject(f Fault) *ActiveFault {
	if err := f.validate(); err != nil {
		panic(fmt.Sprintf("simexchange: fault: %v", err))
	}
	a := s.faults.add(f, time.Now())
	if f.answers() || !f.atOnce() {
		return a
	}
	if f.Kind == FaultOutage {
		s.outages <- f.Duration
		a.counted(1)
		return a
	}
	n := 0
	for _, c := range s.matching(&f) {
		s.hitConnection(c, &f)
		n++
	}
	a.counted(n)
	return a
}

// matching are the connections with a stream that the fault means.
func (s *Server) matching(f *Fault) []*client {
	s.joining.Lock()
	defer s.joining.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	var cs []*client
	for c := range s.clients {
		if f.Stream == "" {
			cs = append(cs, c)
			continue
		}
		c.mu.Lock()
		for stream := range c.streams {
			if f.matchesStream(stream) {
				cs = append(cs, c)
				break
			}
		}
		c.mu.Unlock()
	}
	return cs
}

func (s *Server) cutAll() {
	for _, c := range s.matching(&Fault{}) {
		c.end(withRST)
	}
}

// Close frees the port of a server that was never run.
func (s *Server) Close() error {
	err := s.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
