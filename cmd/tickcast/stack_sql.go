package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
	flinksql "github.com/tickcast/tickcast/flink-sql"
	"github.com/tickcast/tickcast/kafka"
)

func newStackSQL() *cobra.Command {
	var state, path string
	var p flinksql.Params
	cmd := &cobra.Command{
		Use: "sql JOB", Args: cobra.ExactArgs(1), ValidArgs: []string{string(flinksql.Candles), string(flinksql.Books), string(flinksql.CheckCandles)},
		Short: "Print a Flink job's SQL for a cluster that is not started here: candles, books, or check_candles",
		RunE: func(cmd *cobra.Command, args []string) error {
			cat, err := catalog.Load("", "", catalog.Stack)
			if err != nil {
				return err
			}
			if path != "" {
				k := kafka.DefaultConfig()
				if err := configs.Load(path, &roleFile{Kafka: &k}); err != nil {
					return err
				}
				if p.Kafka, err = k.JavaProperties(); err != nil {
					return err
				}
				if !cmd.Flags().Changed("brokers") {
					p.Brokers = k.Brokers
				}
			}
			p.StartMs, p.Checkpoints, p.Savepoints = time.Now().UnixMilli(), state+"/checkpoints", state+"/savepoints"
			sql, err := flinksql.Render(flinksql.Job(args[0]), cat, p)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), sql)
			return err
		},
	}
	cmd.Flags().StringVar(&p.Brokers, "brokers", "127.0.0.1:19092", "Kafka, host:port separated by commas")
	cmd.Flags().StringVarP(&path, "config", "c", "", "configuration file with a section kafka; with a user or a key in it what is printed holds the secret")
	cmd.Flags().StringVar(&state, "state", "", "URI of the folder with the job's checkpoints and savepoints")
	cmd.Flags().StringVar(&p.Recover, "recover", "", "URI of the checkpoint or savepoint that the job begins with")
	cmd.Flags().BoolVar(&p.Explain, "explain", false, "print the statement that prints the plan instead")
	if err := cmd.MarkFlagRequired("state"); err != nil {
		panic(err) // the flag is above
	}
	return cmd
}
