// Package configs holds the shipped configuration files and the one strict way to read YAML: an unknown key, a wrong type or a second document is an
// error with file and line.
package configs

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Shipped are the files of this folder, as built into the binary.
//
//go:embed *.yaml
var Shipped embed.FS

// Load reads the file at path into v. A name without a folder that is no file in the working folder is looked up among the shipped ones.
func Load(path string, v any) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && !strings.ContainsRune(path, '/') {
		if shipped, e := Shipped.ReadFile(path); e == nil {
			b, err = shipped, nil
		}
	}
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	return Decode(path, b, v)
}

var (
	unknownKey = regexp.MustCompile(`^line (\d+): field (\S+) not found in type .*$`)
	atLine     = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
)

// Decode reads YAML strictly. Keys that are absent leave v as it was, so that defaults can stand in v beforehand.
func Decode(name string, b []byte, v any) error {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return nil // an empty file: all defaults
		}
		return place(name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: more than one YAML document", name)
	}
	return nil
}

// place turns the library's messages into "file:line: what".
func place(name string, err error) error {
	lines := []string{err.Error()}
	var te *yaml.TypeError
	if errors.As(err, &te) {
		lines = te.Errors
	}
	for i, l := range lines {
		switch {
		case unknownKey.MatchString(l):
			m := unknownKey.FindStringSubmatch(l)
			lines[i] = fmt.Sprintf("%s:%s: unknown key %q", name, m[1], m[2])
		case atLine.MatchString(l):
			m := atLine.FindStringSubmatch(l)
			lines[i] = fmt.Sprintf("%s:%s: %s", name, m[1], m[2])
		default:
			lines[i] = name + ": " + l
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

// Duration is a time.Duration that YAML writes as Go does ("250ms", "72h"), or in days ("7d").
type Duration time.Duration

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	if days, ok := strings.CutSuffix(n.Value, "d"); ok {
		if v, err := strconv.ParseUint(days, 10, 16); err == nil {
			*d = Duration(time.Duration(v) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %q is no duration such as 250ms, 72h or 7d", n.Line, n.Value)
	}
	*d = Duration(v)
	return nil
}

// MarshalYAML implements yaml.Marshaler.
func (d Duration) MarshalYAML() (any, error) { return d.D().String(), nil }

// D returns the time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return d.D().String() }

// Bytes is a size that YAML writes with a binary unit: 256KiB, 4MiB, 1GiB; a plain number is bytes.
type Bytes int64

// UnmarshalYAML implements yaml.Unmarshaler.
func (b *Bytes) UnmarshalYAML(n *yaml.Node) error {
	digits, factor := n.Value, int64(1)
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if d, ok := strings.CutSuffix(n.Value, unit); ok {
			digits, factor = d, 1<<(10*(i+1))
		}
	}
	v, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
	if err != nil || v < 0 {
		return fmt.Errorf("line %d: %q is no size such as 256KiB, 4MiB or 1GiB", n.Line, n.Value)
	}
	*b = Bytes(v * factor)
	return nil
}
