package stack

import (
	"reflect"
	"testing"

	"github.com/tickcast/tickcast/configs"
	"github.com/tickcast/tickcast/configs/configtest"
)

func TestShippedConfigurationIsTheDefault(t *testing.T) {
	cfg, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	if want := DefaultConfig(); !reflect.DeepEqual(cfg, want) {
		t.Errorf("stack.yaml gives %+v\nthe defaults are %+v", cfg, want)
	}
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	configtest.BadFiles(t, "testdata/config/*.bad.yaml", func(file string, data []byte) error {
		cfg := DefaultConfig()
		if err := configs.Decode(file, data, &cfg); err != nil {
			return err
		}
		return cfg.Validate()
	})
}
