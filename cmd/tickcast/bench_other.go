//go:build !linux

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newBench() *cobra.Command {
	return &cobra.Command{Use: "bench", Short: "Measure (on Linux only)", RunE: func(*cobra.Command, []string) error {
		return errors.New("bench reads /proc and uses epoll: it runs on Linux only")
	}}
}
