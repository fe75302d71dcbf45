package feed

// Input is a kind of input of a contract. Each has a log, and connections, of its own.
type Input uint8

// The kinds of input.
const (
	Trades Input = iota
	Books
)

func (i Input) String() string { return [...]string{"trades", "books"}[i] }
