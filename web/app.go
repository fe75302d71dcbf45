package web

import (
	"net"
	"strconv"

	"github.com/tickcast/tickcast/catalog"
)

// Origin says whether the market that a process serves is simulated.
type Origin uint8

// An edge that runs alone does not know: its page waits for the first message to say so.
const (
	OriginUnknown Origin = iota
	OriginVenue
	OriginSimulator
)

// AppOf is what the page needs to know of a catalogue, and of the WebSocket listener that is bound to wsAddr.
func AppOf(cat *catalog.Catalog, origin Origin, version, wsAddr, wsPath string) App {
	app := App{Version: version, WS: WS{Path: wsPath}}
	if _, port, err := net.SplitHostPort(wsAddr); err == nil {
		app.WS.Port, _ = strconv.Atoi(port) // a bound port is a number
	}
	var simulated *bool
	if origin != OriginUnknown {
		is := origin == OriginSimulator
		simulated = &is
	}
	for i := range cat.Contracts {
		c := &cat.Contracts[i]
		one := Contract{ID: c.ID, Source: c.Source, Simulated: simulated, Base: c.Base, Quote: c.Quote, Tick: c.Tick.String(), Step: c.Step.String()}
		for _, p := range c.Period {
			one.Periods = append(one.Periods, p.String())
		}
		for _, b := range c.Books {
			one.Books = append(one.Books, b.String())
		}
		app.Contracts = append(app.Contracts, one)
	}
	return app
}
