package main

import (
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/stack"
)

func newStackUp() *cobra.Command {
	var path, data, ports, only string
	cmd := &cobra.Command{
		Use: "up", Args: cobra.NoArgs,
		Short: "Start everything and keep it running until Ctrl-C or `tickcast stack down`",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := stack.Load(path)
			if err != nil {
				return err
			}
			if data != "" {
				cfg.DataDir = data
			}
			if ports != "" {
				cfg.Ports = ports
			}
			if only != "" {
				cfg.Only = only
			}
			s, err := stack.New(cmd.Context(), cfg, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			signal.Ignore(syscall.SIGPIPE) // whoever reads the output may go away: it would end the supervisor and leave its parts
			return s.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "configuration file (default: the shipped stack.yaml)")
	cmd.Flags().StringVar(&data, "data", "", "folder for data, logs and settings (default: as configured)")
	cmd.Flags().StringVar(&ports, "ports", "", "fixed, or auto: free ones (default: as configured)")
	cmd.Flags().StringVar(&only, "only", "", "servers: without Tickcast's own roles, for who runs them elsewhere; flink: Kafka and Flink; kafka: that alone (default: as configured)")
	return cmd
}
