package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/bridge"
	"github.com/tickcast/tickcast/broker"
	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/compute"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/engine"
	"github.com/tickcast/tickcast/history"
	"github.com/tickcast/tickcast/ingest"
	"github.com/tickcast/tickcast/kafka"
	"github.com/tickcast/tickcast/public"
	"github.com/tickcast/tickcast/simexchange"
	"github.com/tickcast/tickcast/sinks/redis"
	"github.com/tickcast/tickcast/sinks/store"
)

// roleFile is the configuration file of one role that runs alone: the section of that role, and which catalogue it uses.
type roleFile struct {
	Topics    string              `yaml:"topics"`    // path; empty: the shipped catalogue
	Contracts string              `yaml:"contracts"` // path; empty: the shipped contracts
	Form      catalog.Form        `yaml:"form"`      // stack (default) or embedded
	API       string              `yaml:"api"`       // URL of a history elsewhere: a broker's page asks for the past below its own address
	Kafka     *kafka.Config       `yaml:"kafka"`
	HTTP      *public.Config      `yaml:"http"`
	Simulator *simexchange.Config `yaml:"simulator"`
	Ingest    *ingest.Config      `yaml:"ingest"`
	Engine    *engine.Config      `yaml:"engine"`
	Compute   *compute.Config     `yaml:"compute"`
	Bridge    *bridge.Config      `yaml:"bridge"`
	Broker    *broker.Config      `yaml:"broker"`
	Store     *store.Config       `yaml:"store"`
	History   *history.Config     `yaml:"history"`
	Redis     *redis.Config       `yaml:"redis"`
}

// newRole makes the subcommand of one role: prepare sets the defaults, run builds the role and runs it.
func newRole(name, short, shipped string, prepare func(*roleFile), run func(context.Context, *roleFile, *slog.Logger) error) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: name, Short: short, Args: cobra.NoArgs,
		Long: short + ".\n\nThe configuration is a file; shipped ones are found by their name in any folder.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := roleFile{Form: catalog.Stack}
			prepare(&f)
			if err := configs.Load(path, &f); err != nil {
				return err
			}
			return run(cmd.Context(), &f, roleLog(name))
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", shipped, "configuration file")
	return cmd
}

func (f *roleFile) catalog() (*catalog.Catalog, error) {
	return catalog.Load(f.Topics, f.Contracts, f.Form)
}
