// Follows one contract: candle, closed candles, order book, trades.
//
//	go run follow.go [edge] [rest] [contract] [period] [resolution]
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

// head has what the version rule needs. encoding/json ignores case, so T must be declared where t is, and L where l is.
type head struct {
	Epoch, Seq int64
	OpenMs     int64 `json:"t"` // candles only: 0 elsewhere
	CloseMs    int64 `json:"T"`
}

func (h head) newer(than head) bool {
	return cmp.Or(cmp.Compare(h.Epoch, than.Epoch), cmp.Compare(h.OpenMs, than.OpenMs), cmp.Compare(h.Seq, than.Seq)) > 0
}

type candle struct {
	head
	Close string `json:"c"` // decimals stay text; calculate with a decimal library
}

type book struct{ B, A [][2]string }

type trade struct {
	K string
	A int64
	P string
}

// known is a closed candle that this program has.
type known struct {
	version head
	close   string
}

type follower struct {
	rest, contract, period         string
	candles, closed, books, trades string // topics
	held                           map[string]head
	have                           map[int64]known // closed candles by open time
	asked                          bool            // REST was asked for closed candles since the connection began
	newest                         candle          // the newest closed one
	lastID                         int64           // of the newest trade
}

func (f *follower) connected() { f.asked = false }

func (f *follower) receive(topic string, payload []byte) {
	if len(payload) == 0 { // the contract was delisted
		return
	}
	var h head
	must(json.Unmarshal(payload, &h))
	if topic == f.closed {
		var c candle
		must(json.Unmarshal(payload, &c))
		f.receiveClosed(c)
		return
	}
	if !h.newer(f.held[topic]) {
		return
	}
	f.held[topic] = h
	switch topic {
	case f.candles:
		var c candle
		must(json.Unmarshal(payload, &c))
		fmt.Println("candle", c.Epoch, c.OpenMs, c.Seq, c.Close)
	case f.books:
		var b book
		must(json.Unmarshal(payload, &b))
		if len(b.B) > 0 && len(b.A) > 0 {
			fmt.Println("book", h.Epoch, h.Seq, b.B[0][0], b.A[0][0])
		}
	case f.trades:
		var t trade
		must(json.Unmarshal(payload, &t))
		f.receiveTrade(t)
	}
}

func (f *follower) receiveClosed(c candle) {
	if !c.newer(f.have[c.OpenMs].version) { // the rule holds per t
		return
	}
	f.have[c.OpenMs] = known{c.head, plain(c.Close)}
	fmt.Println("closed", c.OpenMs, c.Close, "live")
	first := f.newest
	if first.Epoch == 0 {
		first = c
	}
	if !f.asked || c.OpenMs > first.CloseMs+1 {
		f.asked = true
		f.fillCandles(first.OpenMs-11*60_000, c.head) // candles up to ten minutes old may have been revised meanwhile
	}
	if c.OpenMs >= first.OpenMs {
		f.newest = c
	}
}

func (f *follower) fillCandles(from int64, message head) {
	until := message.OpenMs
	for from < until {
		var rows [][]any
		f.ask(&rows, "klines?symbol=%s&interval=%s&startTime=%d&endTime=%d&limit=1000", f.contract, f.period, from, until)
		end := from
		for i, row := range rows {
			openMs, err := row[0].(json.Number).Int64()
			must(err)
			end = openMs
			if i == len(rows)-1 { // it may still be open
				break
			}
			version := message // it is as new as the message that made us ask
			version.OpenMs = openMs
			was, closes := f.have[openMs], row[4].(string)
			if !version.newer(was.version) {
				continue
			}
			f.have[openMs] = known{version, plain(closes)}
			if was.close != plain(closes) {
				fmt.Println("closed", openMs, closes, "rest")
			}
		}
		if end <= from {
			time.Sleep(500 * time.Millisecond) // REST is a moment behind
		}
		from = end
	}
}

func (f *follower) receiveTrade(t trade) {
	if t.K != "trade" {
		fmt.Println(t.K, t.A) // a bust or a correction of trade a
		return
	}
	if f.lastID > 0 && t.A > f.lastID+1 {
		f.fillTrades(f.lastID+1, t.A)
	}
	f.lastID = t.A
	fmt.Println("trade", t.A, t.P, "live")
}

func (f *follower) fillTrades(from, until int64) {
	for from < until {
		var rows []trade
		f.ask(&rows, "aggTrades?symbol=%s&fromId=%d&limit=%d", f.contract, from, min(until-from, 1000))
		for _, t := range rows {
			if t.A < until {
				fmt.Println("trade", t.A, t.P, "rest")
			}
			from = t.A + 1
		}
		if len(rows) == 0 {
			time.Sleep(500 * time.Millisecond) // REST is a moment behind
		}
	}
}

// ask tries until there is an answer: the server may be away, or want a pause.
func (f *follower) ask(answer any, format string, args ...any) {
	for wait := time.Duration(0); ; time.Sleep(wait) {
		wait = time.Second
		res, err := http.Get(f.rest + "/api/v3/" + fmt.Sprintf(format, args...))
		if err != nil {
			continue
		}
		if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
			wait = time.Duration(s) * time.Second
		}
		if res.StatusCode >= 400 && res.StatusCode < 429 {
			log.Fatalf("%s: %s", res.Request.URL, res.Status)
		}
		numbers := json.NewDecoder(res.Body)
		numbers.UseNumber()
		err = numbers.Decode(answer)
		res.Body.Close()
		if err == nil && res.StatusCode == http.StatusOK {
			return
		}
	}
}

// plain takes zeros at the end away: REST has 8 decimals, MQTT those of the tick.
func plain(decimal string) string {
	if strings.Contains(decimal, ".") {
		return strings.TrimSuffix(strings.TrimRight(decimal, "0"), ".")
	}
	return decimal
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	args := []string{"mqtt://localhost:1883", "http://localhost:8080", "BTCUSDT", "1m", "1"}
	copy(args, os.Args[1:])
	edge, err := url.Parse(args[0])
	must(err)
	f := &follower{rest: args[1], contract: args[2], period: args[3], held: map[string]head{}, have: map[int64]known{}, asked: true}
	f.candles, f.books, f.trades = "candle/"+f.period+"/"+f.contract, "orderbook/"+args[4]+"/"+f.contract, "trade/"+f.contract
	f.closed = f.candles + "/closed"

	events := make(chan func(), 1024) // the library's goroutine must not wait for REST
	ctx := context.Background()
	_, err = autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{edge}, KeepAlive: 20, CleanStartOnInitialConnection: true,
		ReconnectBackoff: autopaho.NewExponentialBackoff(500*time.Millisecond, 15*time.Second, time.Second, 2),
		OnConnectionUp: func(cm *autopaho.ConnectionManager, _ *paho.Connack) {
			events <- f.connected
			s := &paho.Subscribe{}
			for _, topic := range []string{f.candles, f.closed, f.books, f.trades} {
				s.Subscriptions = append(s.Subscriptions, paho.SubscribeOptions{Topic: topic, QoS: 1})
			}
			if _, err := cm.Subscribe(ctx, s); err != nil {
				log.Print("subscribe: ", err)
			}
		},
		OnConnectError: func(err error) { log.Print(err) },
		ClientConfig: paho.ClientConfig{ClientID: fmt.Sprint("follow-", time.Now().UnixNano()), OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(p paho.PublishReceived) (bool, error) {
				events <- func() { f.receive(p.Packet.Topic, p.Packet.Payload) }
				return true, nil
			},
		}},
	})
	must(err)
	for event := range events {
		event()
	}
}
