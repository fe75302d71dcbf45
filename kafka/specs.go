package kafka

import (
	"fmt"
	"maps"

	"github.com/tickcast/tickcast/catalog"
)

// Specs are the topics that the catalogue wants.
func Specs(cat *catalog.Catalog) []TopicSpec {
	specs := make([]TopicSpec, len(cat.Topics))
	for i := range cat.Topics {
		t := &cat.Topics[i]
		specs[i] = TopicSpec{Name: t.Name, Partitions: t.Partitions, Config: t.Config()}
	}
	return specs
}

// Specs are the topics that the catalogue wants, on this cluster.
func (c Config) Specs(cat *catalog.Catalog) []TopicSpec {
	specs := Specs(cat)
	if c.MinInSync > 0 {
		for i := range specs {
			specs[i].Config = maps.Clone(specs[i].Config)
			specs[i].Config["min.insync.replicas"] = fmt.Sprint(c.MinInSync)
		}
	}
	return specs
}
