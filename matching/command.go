// Package matching is a limit order book with price-time priority, and a seeded flow of orders to drive it.
//
// It is pure: no clock, no I/O, no goroutine, no map. The same commands give the same outcomes on every machine, from the beginning or from a snapshot.
// Prices are whole ticks, quantities whole lots; what a tick and a lot are is the caller's. Time comes with each command. A Book and a Flow belong to one
// goroutine.
package matching

import "fmt"

// Side is the side of an order: a buyer's order rests among the bids, a seller's among the asks.
type Side uint8

// The sides.
const (
	Buy Side = iota
	Sell
)

func (s Side) String() string {
	if s == Buy {
		return "buy"
	}
	return "sell"
}

// Other is the side that s trades with.
func (s Side) Other() Side { return s ^ 1 }

// Kind is what a command asks for.
type Kind uint8

// The kinds of commands.
const (
	Limit  Kind = iota // trades at its price or better; the rest stays in the book until it is cancelled (good till cancelled)
	IOC                // immediate or cancel: a limit order whose rest does not stay
	Market             // trades at any price; its rest does not stay
	Cancel             // takes a resting order out
)

func (k Kind) String() string {
	if k > Cancel {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return [...]string{"limit", "ioc", "market", "cancel"}[k]
}

// Command is one input of a Book.
type Command struct {
	Kind   Kind
	Side   Side  // not for Cancel
	TimeUs int64 // logical time, microseconds; must not go back
	ID     int64 // the order's id, given by the caller: each order's is greater than those of all accepted orders before it. Cancel: the order to take out
	Price  int64 // ticks; Limit and IOC only
	Qty    int64 // lots; not for Cancel
}

// Status is what became of a command.
type Status uint8

// The statuses.
const (
	Accepted  Status = iota // the order was taken: Filled, Rested and Killed say how it ended
	Cancelled               // the Cancel took its order out
	Rejected                // nothing changed but the command count; Reason says why
)

func (s Status) String() string { return [...]string{"accepted", "cancelled", "rejected"}[s] }

// Reason says why a command was rejected.
type Reason uint8

// The reasons, in the order in which they are checked.
const (
	ReasonNone         Reason = iota
	ReasonKind                // no such command
	ReasonTime                // the time is before that of an earlier command
	ReasonUnknownOrder        // Cancel: no such order rests in the book
	ReasonOrderID             // the id is not above that of every accepted order before
	ReasonSide                // neither buy nor sell
	ReasonQty                 // the quantity is not between 1 and Config.MaxQty
	ReasonPrice               // the price is not between 1 and Config.MaxPrice
	ReasonNoLiquidity         // Market: the other side is empty
	ReasonOrders              // Limit: the book has Config.MaxOrders orders
	ReasonLevels              // Limit: its side has Config.MaxLevels price levels, and its price is none of them
)

func (r Reason) String() string {
	return [...]string{"none", "no such command", "time goes back", "no such order", "order id is not above the last", "no such side", "quantity is out of range",
		"price is out of range", "the other side is empty", "the book has no room for another order", "the side has no room for another price level"}[r]
}

// Fill is one match of the taker's order with one resting order: a single trade.
type Fill struct {
	ID         int64 // counts the book's single trades without holes
	Price      int64 // ticks: the maker's
	Qty        int64 // lots
	Maker      int64 // order ids
	Taker      int64
	TakerSide  Side
	MakerRests int64 // what is left of the maker's order
}

// Trade is the aggregate of the fills of one taker order at one price: what Binance calls an aggregate trade.
type Trade struct {
	ID              int64 // counts the book's aggregate trades without holes
	FirstID, LastID int64 // its fills
	Price, Qty      int64
	TakerSide       Side // Sell: the buyer was the maker
}

// LevelChange is a price level's new state; Qty 0: the level is gone.
type LevelChange struct {
	Side  Side
	Price int64
	Qty   int64 // the sum of its orders now
}

// Level is one price level of the book.
type Level struct {
	Price, Qty int64
	Orders     int
}

// Order is a resting order.
type Order struct {
	ID         int64
	Side       Side
	Price, Qty int64 // Qty: what is left
}

// Outcome is what one command caused. Its slices are the book's own and hold until the next Apply.
type Outcome struct {
	Seq    int64 // counts the book's commands, rejected ones too, from 1
	Status Status
	Reason Reason // Rejected only

	Filled int64 // lots of the command's order that traded
	Rested int64 // lots that went into the book
	Killed int64 // lots that neither traded nor rest: the rest of an IOC or Market order; of a Cancel what its order had left

	Fills    []Fill        // in the order in which they happened
	Trades   []Trade       // the same, one per price
	Levels   []LevelChange // each changed level once: those taken from, best first, then the order's own
	UpdateID int64         // of the book after this command: counts the commands that changed levels
}
