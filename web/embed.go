// Package web is the page: its built files, embedded into the binary, and the
// HTTP handler that serves them. The sources are TypeScript; `npm run build`
// in this folder fills dist before the binary is compiled.
package web

import "embed"

//go:embed all:dist
var dist embed.FS

// App is what the page must know before its first MQTT message; it is served
// as /app.json.
type App struct {
	Version   string     `json:"version"`
	WS        WS         `json:"ws"`
	Contracts []Contract `json:"contracts"`
}

// WS is where the broker's WebSocket listener is reached, on the host that
// served the page.
type WS struct {
	Port int    `json:"port"`
	Path string `json:"path"` // usually "/mqtt"
}

// Contract is a catalogue entry as the page needs it.
type Contract struct {
	ID        string   `json:"id"`
	Source    string   `json:"source"`              // a venue, or "engine"
	Simulated *bool    `json:"simulated,omitempty"` // the source is a simulator; nil: its messages will tell
	Base      string   `json:"base"`
	Quote     string   `json:"quote"`
	Tick      string   `json:"tick"` // a decimal, such as "0.01"
	Step      string   `json:"step"`
	Books     []string `json:"books,omitempty"` // price resolutions of its order books, as the catalogue writes them
	Periods   []string `json:"periods"`         // shortest first
}
