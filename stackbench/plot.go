//go:build linux

package stackbench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// The plot: one panel for each rate. Across: the share of trades that were quicker, so that each step to the right is a tenth of the trades; up: ms, both logarithmic.
const (
	panelWidth, panelHeight           = 400, 300
	marginLeft, marginTop, marginLast = 56, 64, 20
	panelGap                          = 40
	plotBottom                        = 112
	mostNines                         = 4.0 // the right edge is 99.99 %
)

// colours of the stages, told apart by who does not see red and green, too [Okabe and Ito].
var colours = [stages]string{"#0072b2", "#009e73", "#e69f00", "#d55e00"}

// Plot writes the latencies of each stage as SVG.
func (r *Result) Plot(out io.Writer) error {
	var low, high float64 = 1, 10
	var panels []Phase
	alone := map[int]durations{} // by rate, of the phase without readers of the stages
	for _, p := range r.Phases {
		if p.Staged {
			panels = append(panels, p)
		} else {
			alone[p.Rate] = p.Stages[stageClient].Since
		}
		for _, s := range p.Stages {
			if v := toMs(s.Since.at(0.05)); v > 0 {
				low = min(low, v)
			}
			high = max(high, toMs(s.Since.at(1-math.Pow(10, -mostNines))))
		}
		if g, ok := goals[p.Rate]; ok {
			high = max(high, toMs(g.p99))
		}
	}
	low, high = math.Pow(10, math.Floor(math.Log10(low)*2)/2), math.Pow(10, math.Ceil(math.Log10(high)*4)/4)
	width := marginLeft + len(panels)*(panelWidth+panelGap) - panelGap + marginLast
	height := marginTop + panelHeight + plotBottom
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#222">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="24" font-size="15" font-weight="bold">From trade to MQTT client through Kafka and Flink: ms since the trade was meant to be written</text>`+"\n", marginLeft)
	for i := range panels {
		panels[i].panel(&b, marginLeft+i*(panelWidth+panelGap), low, high, alone[panels[i].Rate])
	}
	x := marginLeft
	for i, name := range stageNames {
		fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-width="3"/><text x="%d" y="%d">%s</text>`+"\n", x, height-40, x+22, height-40, colours[i], x+28, height-36, name)
		x += 52 + 7*len(name)
	}
	fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#222" stroke-width="2" stroke-dasharray="5 3"/><text x="%d" y="%d">at the MQTT client, when nobody reads the stages</text>`+"\n", marginLeft, height-6, marginLeft+22, height-6, marginLeft+28, height-2)
	fmt.Fprintf(&b, `<path d="M%d %d l6 6 l-6 6 l-6 -6 z" fill="#fff" stroke="#222"/><text x="%d" y="%d">goals at the client</text>`+"\n", x+6, height-46, x+18, height-36)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func toMs(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (p *Phase) panel(b *strings.Builder, left int, low, high float64, alone durations) {
	x := func(nines float64) float64 { return float64(left) + nines/mostNines*panelWidth }
	y := func(ms float64) float64 {
		at := (math.Log10(max(ms, low)) - math.Log10(low)) / (math.Log10(high) - math.Log10(low))
		return marginTop + panelHeight*(1-min(at, 1))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%d trades/s</text>`+"\n", left, marginTop-10, p.Rate)
	for decade := math.Floor(math.Log10(low)); decade <= math.Log10(high); decade++ {
		for _, step := range []float64{1, 2, 5} {
			v := step * math.Pow(10, decade)
			if v < low*.999 || v > high*1.001 {
				continue
			}
			colour := "#e4e4e4"
			if step == 1 {
				colour = "#bbb"
			}
			fmt.Fprintf(b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="%s"/><text x="%d" y="%.1f" text-anchor="end" fill="#555">%g</text>`+"\n", left, y(v), left+panelWidth, y(v), colour, left-6, y(v)+4, v)
		}
	}
	for _, q := range []struct {
		share float64
		label string
	}{{.5, "50 %"}, {.9, "90 %"}, {.99, "99 %"}, {.999, "99.9 %"}, {.9999, "99.99 %"}} {
		at, anchor := x(-math.Log10(1-q.share)), "middle"
		if q.share == .9999 { // or it would run into the next panel
			anchor = "end"
		}
		fmt.Fprintf(b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#e4e4e4"/><text x="%.1f" y="%d" text-anchor="%s" fill="#555">%s</text>`+"\n", at, marginTop, at, marginTop+panelHeight, at, marginTop+panelHeight+18, anchor, q.label)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" fill="#555">share of trades that took no longer</text>`+"\n", left+panelWidth/2, marginTop+panelHeight+38)
	draw := func(d durations, style string) {
		var line []string
		for nines := 0.02; nines <= mostNines; nines += 0.02 {
			line = append(line, fmt.Sprintf("%.1f,%.1f", x(nines), y(toMs(d.at(1-math.Pow(10, -nines))))))
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke-width="2" stroke-linejoin="round" %s/>`+"\n", strings.Join(line, " "), style)
	}
	for i := range p.Stages {
		draw(p.Stages[i].Since, `stroke="`+colours[i]+`"`)
	}
	if len(alone) > 0 {
		draw(alone, `stroke="#222" stroke-dasharray="5 3"`)
	}
	if g, ok := goals[p.Rate]; ok {
		for _, goal := range []struct {
			nines float64
			at    time.Duration
		}{{-math.Log10(.5), g.p50}, {2, g.p99}} {
			fmt.Fprintf(b, `<path d="M%.1f %.1f l6 6 l-6 6 l-6 -6 z" fill="#fff" stroke="#222"/>`+"\n", x(goal.nines), y(toMs(goal.at))-6)
		}
	}
}
