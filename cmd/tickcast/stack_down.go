package main

import (
	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/stack"
)

func newStackDown() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use: "down", Args: cobra.NoArgs,
		Short: "Stop the stack, and whatever a crash has left of it",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return stack.Down(cmd.Context(), data, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&data, "data", stack.DefaultConfig().DataDir, "data folder of the stack")
	return cmd
}
