package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/kafka"
)

func newTopics() *cobra.Command {
	cfg := kafka.DefaultConfig()
	var path, topics, contracts, form string
	var replication int
	root := &cobra.Command{Use: "topics", Short: "Create and compare the Kafka topics of the catalogue"}
	f := root.PersistentFlags()
	f.StringVarP(&path, "config", "c", "", "configuration file with a section kafka: brokers, TLS, user, replicas (kafka.yaml is shipped)")
	f.StringVar(&cfg.Brokers, "brokers", cfg.Brokers, "Kafka, host:port separated by commas; goes before the file's")
	f.StringVar(&topics, "topics", "", "topics.yaml (default: the shipped one)")
	f.StringVar(&contracts, "contracts", "", "contracts.yaml (default: the shipped one)")
	f.StringVar(&form, "form", string(catalog.Stack), "stack (a real cluster) or embedded (of a running `tickcast up`)")

	open := func(ctx context.Context) (*kafka.Admin, []kafka.TopicSpec, error) {
		if path != "" {
			brokers := cfg.Brokers
			if err := configs.Load(path, &roleFile{Kafka: &cfg}); err != nil {
				return nil, nil, err
			}
			if root.PersistentFlags().Changed("brokers") {
				cfg.Brokers = brokers
			}
		}
		if replication > 0 {
			cfg.Replication = replication
		}
		cat, err := catalog.Load(topics, contracts, catalog.Form(form))
		if err != nil {
			return nil, nil, err
		}
		a, err := kafka.NewAdmin(ctx, cfg)
		return a, cfg.Specs(cat), err
	}
	apply := &cobra.Command{
		Use: "apply", Args: cobra.NoArgs,
		Short: "Create what is absent and set what differs; never changes the number of partitions of a topic",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, specs, err := open(cmd.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			diffs, err := a.Apply(cmd.Context(), specs, max(cfg.Replication, 1))
			if err != nil {
				return err
			}
			for _, d := range diffs {
				verb := "changed"
				if d.What == kafka.WhatReplicas {
					verb = "left as it is:"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", verb, d)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d topics are as the catalogue says\n", len(specs))
			return nil
		},
	}
	apply.Flags().IntVar(&replication, "replication", 0, "replicas of a topic that is created (default: kafka.replication, or 1)")
	check := &cobra.Command{
		Use: "check", Args: cobra.NoArgs,
		Short: "Print what differs from the catalogue; exit code 1 if anything does",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, specs, err := open(cmd.Context())
			if err != nil {
				return err
			}
			defer a.Close()
			diffs, err := a.Check(cmd.Context(), specs)
			if err != nil {
				return err
			}
			for _, d := range diffs {
				fmt.Fprintln(cmd.OutOrStdout(), d)
			}
			if len(diffs) > 0 {
				return fmt.Errorf("%d differences from the catalogue", len(diffs))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d topics are as the catalogue says\n", len(specs))
			return nil
		},
	}
	root.AddCommand(apply, check)
	return root
}
