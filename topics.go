// Package tickcast carries the files of the repository's root that are built into the binary.
package tickcast

import _ "embed"

// TopicsYAML is the catalogue of topics as shipped; package catalog reads it.
//
//go:embed topics.yaml
var TopicsYAML []byte
