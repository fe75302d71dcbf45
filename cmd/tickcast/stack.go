package main

import "github.com/spf13/cobra"

func newStack() *cobra.Command {
	root := &cobra.Command{Use: "stack", Short: "Real Kafka, Flink, Redis and PostgreSQL on this machine, fetched, started and kept running"}
	root.AddCommand(newStackUp(), newStackStatus(), newStackDown(), newStackSQL(), newStackUpgrade(), newStackCheck())
	return root
}
