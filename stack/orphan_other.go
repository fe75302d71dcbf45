//go:build !linux

package stack

import "os/exec"

func endWithUs(*exec.Cmd) (release func()) { return func() {} }
