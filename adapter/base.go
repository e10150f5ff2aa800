package adapter

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"fettle/internal/identify"
	"fettle/internal/plainjson"
)

// ReadBase returns the base_model_name_or_path of an adapter's adapter_config.json, of whatever type the adapter is; ""
// if it has none.
func ReadBase(dir string) (string, error) {
	path := filepath.Join(dir, ConfigFile)
	text, err := os.ReadFile(path)
	var common struct {
		Base string `json:"base_model_name_or_path"`
	}
	if err == nil {
		err = identify.Damage(text)
	}
	if err == nil {
		err = json.Unmarshal(text, &common)
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, plainjson.Explain(err))
	}
	return common.Base, nil
}
