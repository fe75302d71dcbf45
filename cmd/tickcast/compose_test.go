package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/tickcast/tickcast/catalog"
	"github.com/tickcast/tickcast/configs"
)

// composeFile is what the tests ask of deploy/compose.yaml.
type composeFile struct {
	Services map[string]struct {
		Command []string
		Image   string
		Configs []struct{ Source, Target string }
	}
	Configs map[string]struct{ Content string }
}

func readCompose(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile("../../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestComposeFileKeepsToTheSpecification(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../deploy/testdata/compose-spec.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(text []byte) error {
		var v any
		if err := yaml.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(instance)
	}
	text := readCompose(t)
	if err := check(text); err != nil {
		t.Error(err)
	}
	if err := check(bytes.Replace(text, []byte("healthcheck:"), []byte("healthchek:"), 1)); err == nil {
		t.Error("a misspelt key is not found")
	}
}

// Each role of the compose file is a subcommand, and its configuration is read as strictly as at its start.
func TestComposeFilesRolesCanBeRead(t *testing.T) {
	var f composeFile
	if err := yaml.Unmarshal(readCompose(t), &f); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for name, s := range f.Services {
		if s.Image != "tickcast" {
			continue
		}
		if _, _, err := newRoot().Find(s.Command); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, c := range s.Configs {
			seen[c.Source] = true
			role := roleFile{Form: catalog.Stack}
			if err := configs.Decode(c.Source, []byte(f.Configs[c.Source].Content), &role); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if len(s.Command) != 3 || s.Command[2] != c.Target {
				t.Errorf("%s: reads %v, its configuration is %s", name, s.Command, c.Target)
			}
		}
	}
	for name := range f.Configs {
		if !seen[name] {
			t.Errorf("configuration %s is nobody's", name)
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d roles have a configuration, want 7", len(seen))
	}
}
