package main

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/up"
)

func newUp() *cobra.Command {
	var path, venue, data, ports string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run everything in one process, with Kafka inside: the exchange simulator's market, or live",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := up.Load(path)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("data") {
				cfg.DataDir = data
			}
			if ports != "" {
				cfg.Ports = ports
			}
			if venue != "" {
				cfg.Venue = venue
			}
			if venue == up.VenueBinance {
				if err := configs.Load("ingest.binance.yaml", &roleFile{Ingest: &cfg.Ingest}); err != nil {
					return err
				}
			}
			u, err := up.New(cfg, version, roleLog("up"))
			if err != nil {
				return err
			}
			onHangup(cmd.Context(), roleLog("up"), u.Reload)
			go func() {
				select {
				case <-u.Ready():
					printAddrs(cmd, u.Addrs())
				case <-cmd.Context().Done():
				}
			}()
			return u.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "", "configuration file (default: the shipped up.yaml)")
	cmd.Flags().StringVar(&venue, "venue", "", "simulator, or binance for the live exchange (default: as configured)")
	cmd.Flags().StringVar(&data, "data", "data", "folder for everything that survives a restart; empty: in memory")
	cmd.Flags().StringVar(&ports, "ports", "", "fixed, or auto: a free port where one is taken (default: as configured)")
	return cmd
}

func printAddrs(cmd *cobra.Command, a up.Addrs) {
	port := func(addr string) string {
		_, p, err := net.SplitHostPort(addr)
		if err != nil {
			return "-"
		}
		return p
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "\nTickcast %s is up\n", version)
	fmt.Fprintf(out, "  page       http://localhost:%s\n", port(a.HTTP))
	fmt.Fprintf(out, "  MQTT       mqtt://localhost:%s        try: tickcast sub --url mqtt://localhost:%s 'candle/1m/+'\n", port(a.MQTT), port(a.MQTT))
	fmt.Fprintf(out, "  WebSocket  ws://localhost:%s/mqtt\n", port(a.WebSocket))
	if a.Admin != "" {
		fmt.Fprintf(out, "  admin      http://%s", a.Admin)
		if a.AdminKey != "" {
			fmt.Fprintf(out, "  the operator's key is in %s", a.AdminKey)
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "  Kafka      %s\n", a.Kafka)
	if a.Simulator != "" {
		fmt.Fprintf(out, "  market     simulated, %s\n", a.Simulator)
	}
	fmt.Fprintln(out)
}
