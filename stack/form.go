package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	flinksql "github.com/tickcast/tickcast/flink-sql"
)

// form is what the jobs are made of beside their state.
type form struct {
	Parallelism int
	Functions   string                  // absolute path of the jar
	SQL         map[flinksql.Job]string // as package flinksql has it, with its variables; that of an absent job is this program's own
}

// chosen is the form that an upgrade has chosen, for later starts. What the configuration said then is beside it: where that has been changed since, it counts.
type chosen struct {
	Parallelism           int    `json:"parallelism"`
	ConfiguredParallelism int    `json:"configured_parallelism"`
	Functions             string `json:"functions"`
	ConfiguredFunctions   string `json:"configured_functions"`
}

func (s *Stack) chosenFile() string { return filepath.Join(s.dataDir, "form.json") }

// firstForm is the configuration's, and what an earlier run's upgrade has chosen.
func (s *Stack) firstForm() (form, error) {
	f := form{Parallelism: s.cfg.Flink.Parallelism, Functions: s.functions}
	b, err := os.ReadFile(s.chosenFile())
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	var c chosen
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return f, fmt.Errorf("read what an upgrade has chosen: %w", err)
	}
	if c.Parallelism != 0 && c.ConfiguredParallelism == s.cfg.Flink.Parallelism {
		f.Parallelism = c.Parallelism
		if err := s.cfg.Flink.fits(f.Parallelism); err != nil {
			return f, fmt.Errorf("an upgrade has chosen parallelism %d (%s): %w", c.Parallelism, s.chosenFile(), err)
		}
	}
	if c.Functions != "" && c.ConfiguredFunctions == s.functions {
		if _, err := os.Stat(c.Functions); err != nil {
			return f, fmt.Errorf("an upgrade has chosen other functions (%s): %w", s.chosenFile(), err)
		}
		f.Functions = c.Functions
	}
	return f, nil
}

// keepForm writes down what an upgrade has chosen.
func (s *Stack) keepForm(f form) error {
	b, err := json.MarshalIndent(chosen{f.Parallelism, s.cfg.Flink.Parallelism, f.Functions, s.functions}, "", " ")
	if err == nil {
		err = os.WriteFile(s.chosenFile()+".new", append(b, '\n'), 0o644)
	}
	if err == nil {
		err = os.Rename(s.chosenFile()+".new", s.chosenFile())
	}
	if err != nil {
		return fmt.Errorf("write what was chosen: %w", err)
	}
	return nil
}

// ownFunctions copies a jar into the data folder: the next build of the original must not change what runs.
func (s *Stack) ownFunctions(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("functions: %w", err)
	}
	hash := sha256.Sum256(b)
	own := filepath.Join(s.flinkDir(), "functions", hex.EncodeToString(hash[:6])+".jar")
	if _, err := os.Stat(own); err == nil {
		return own, nil
	}
	if err := writeFiles(map[string]string{own + ".new": string(b)}); err != nil {
		return "", fmt.Errorf("functions: %w", err)
	}
	return own, os.Rename(own+".new", own)
}
