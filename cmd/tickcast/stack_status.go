package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/stack"
)

func newStackStatus() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use: "status", Args: cobra.NoArgs,
		Short: "Print each part: state, process, memory, restarts; exit code 1 if the stack does not run",
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, running, err := stack.ReadStatus(data)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "PART\tSTATE\tFOR\tSTART s\tRESTARTS\tPROCESS\tMiB\tADDRESS\tLOG")
			for _, p := range st.Parts {
				state, process, mib := p.State, "-", "-"
				switch {
				case p.Alive():
					process, mib = fmt.Sprint(p.Process.PID), fmt.Sprint(p.ResidentKiB()/1024)
					if !running {
						state = "left over"
					}
				case !running:
					state = "stopped"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%.1f\t%d\t%s\t%s\t%s\t%s\n", p.Name, state, time.Since(p.Since).Round(time.Second), float64(p.StartedMs)/1000, p.Restarts, process, mib, p.Address, p.Log)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if !running {
				return errors.New("the stack does not run")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", stack.DefaultConfig().DataDir, "data folder of the stack")
	return cmd
}
