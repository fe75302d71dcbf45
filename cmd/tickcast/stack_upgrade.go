package main

import (
	"github.com/spf13/cobra"

	flinksql "github.com/tickcast/tickcast/flink-sql"
	"github.com/tickcast/tickcast/stack"
)

func newStackUpgrade() *cobra.Command {
	var data string
	var change stack.Change
	cmd := &cobra.Command{
		Use: "upgrade", Args: cobra.NoArgs,
		Short: "Stop the Flink jobs of the running stack with a savepoint, and go on from it with another parallelism, other functions or this program's SQL",
		Long: "Stops the Flink jobs of the running stack with a savepoint and submits them again from it: with another parallelism, with other functions, and with the SQL of the program that this is.\n" +
			"Clients see no change for some seconds, the ledger loses nothing and has nothing twice. A job that does not come up goes on in its old form, and so do the others; the exit code is then 1.\n" +
			"What was chosen counts for later starts too, until the configuration's own value is changed.",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if change.SQL, err = flinksql.Templates(); err != nil {
				return err
			}
			return stack.Upgrade(cmd.Context(), data, change, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&data, "data", stack.DefaultConfig().DataDir, "data folder of the stack")
	cmd.Flags().IntVar(&change.Parallelism, "parallelism", 0, "of each job (default: as it is)")
	cmd.Flags().StringVar(&change.Functions, "functions", "", "jar with the functions (default: as it is)")
	return cmd
}
