//go:build !linux

package broker

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// intake is for Linux; elsewhere a goroutine waits for each client.
type intake struct{ arrived func(*conn) }

type seat struct{}

func newIntake(_, _ func(*conn)) (*intake, error) { return nil, nil }
func (*intake) add(*conn) error                   { return errors.ErrUnsupported }
func (*intake) remove(*conn)                      {}
func (*intake) Run(context.Context) error         { return nil }
func (*seat) expect(time.Time)                    {}
func receiveNow(int, []byte) (int, error)         { return 0, syscall.ENOTSUP }
