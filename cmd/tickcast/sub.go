package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	"github.com/spf13/cobra"
)

func newSub() *cobra.Command {
	var server string
	var qos uint8
	var count int
	cmd := &cobra.Command{
		Use:     "sub FILTER...",
		Short:   "Print what an edge pushes, one line per message: topic, then payload",
		Example: "  tickcast sub 'candle/1m/+' 'candle/1m/+/closed'\n  tickcast sub --url ws://127.0.0.1:8083/mqtt 'status/#'",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, filters []string) error {
			u, err := url.Parse(server)
			if err != nil || u.Host == "" {
				return fmt.Errorf("--url: %q, want mqtt://host:port or ws://host:port/mqtt", server)
			}
			if qos > 1 {
				return errors.New("--qos: want 0 or 1")
			}
			return subscribe(cmd.Context(), u, filters, qos, count, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&server, "url", "mqtt://127.0.0.1:1883", "the edge: mqtt://host:port or ws://host:port/mqtt")
	cmd.Flags().Uint8Var(&qos, "qos", 1, "highest quality of service to ask for")
	cmd.Flags().IntVarP(&count, "count", "n", 0, "end after this many messages (0: go on)")
	return cmd
}

func subscribe(ctx context.Context, u *url.URL, filters []string, qos byte, count int, out io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := bufio.NewWriter(out)
	seen := 0
	var subs []paho.SubscribeOptions
	for _, f := range filters {
		subs = append(subs, paho.SubscribeOptions{Topic: f, QoS: qos})
	}
	print := func(p paho.PublishReceived) (bool, error) {
		if count > 0 && seen >= count {
			return true, nil
		}
		fmt.Fprintf(w, "%s %s\n", p.Packet.Topic, p.Packet.Payload)
		seen++
		if err := w.Flush(); err != nil {
			cancel(err)
		} else if count > 0 && seen >= count {
			cancel(nil)
		}
		return true, nil
	}
	cm, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{u}, KeepAlive: 20, CleanStartOnInitialConnection: true, ConnectTimeout: 5 * time.Second,
		ReconnectBackoff: autopaho.NewExponentialBackoff(100*time.Millisecond, 5*time.Second, 300*time.Millisecond, 2),
		OnConnectionUp: func(cm *autopaho.ConnectionManager, _ *paho.Connack) {
			if _, err := cm.Subscribe(ctx, &paho.Subscribe{Subscriptions: subs}); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("subscribe to %v: %w", filters, err))
			}
		},
		OnConnectError: func(err error) { roleLog("sub").Warn("no connection; trying again", "url", u.String(), "error", err) },
		ClientConfig:   paho.ClientConfig{ClientID: "tickcast-sub-" + fmt.Sprint(time.Now().UnixNano()), OnPublishReceived: []func(paho.PublishReceived) (bool, error){print}},
	})
	if err != nil {
		return err
	}
	<-cm.Done()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
