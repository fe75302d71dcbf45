package bridge

import (
	"testing"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/kafka"
)

// Every partition is read in exactly one lane, and in the stack events alone wait for each other.
func TestLanesHoldEveryPartitionOnce(t *testing.T) {
	for form, lanes := range map[catalog.Form]int{catalog.Embedded: 1, catalog.Stack: 3} {
		cat, err := catalog.Load("", "", form)
		if err != nil {
			t.Fatal(err)
		}
		var from []kafka.Position
		for _, topic := range cat.Pushed() {
			for n := range int32(2) {
				from = append(from, kafka.Position{Topic: topic.Name, Partition: n})
			}
		}
		read := map[kafka.Position]int{}
		all := (&Bridge{cat: cat}).lanes(from)
		if len(all) != lanes {
			t.Errorf("%s: %d lanes, want %d", form, len(all), lanes)
		}
		for _, l := range all {
			if len(l.from) == 0 {
				t.Errorf("%s: nothing is read as %s", form, l.reader.Name)
			}
			for _, p := range l.from {
				read[p]++
				event := cat.Topic(p.Topic).MQTT.Class == catalog.Event
				if form == catalog.Stack && event != (l.reader.GatherMs > 0) {
					t.Errorf("%s: %s is read as %s, which gathers for %d ms", form, p.Topic, l.reader.Name, l.reader.GatherMs)
				}
			}
		}
		for _, p := range from {
			if read[p] != 1 {
				t.Errorf("%s: %s partition %d is read %d times", form, p.Topic, p.Partition, read[p])
			}
		}
	}
}
