package kafka

import "github.com/tickcast/tickcast/catalog"

// Specs are the topics that the catalogue wants.
func Specs(cat *catalog.Catalog) []TopicSpec {
	specs := make([]TopicSpec, len(cat.Topics))
	for i := range cat.Topics {
		t := &cat.Topics[i]
		specs[i] = TopicSpec{Name: t.Name, Partitions: t.Partitions, Config: t.Config()}
	}
	return specs
}
