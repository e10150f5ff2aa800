package adapter

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"fettle/internal/identify"
	"fettle/internal/plainjson"
	"fettle/internal/readfile"
)

// ReadBase returns the base's name or path that an adapter's own file has, of whatever type the adapter is; "" if it
// has none.
func ReadBase(name string) (string, error) {
	path, _, err := Locate(name)
	if err != nil {
		return "", err
	}
	if form := FormOf(path); form != PEFT && form != unknownForm {
		s, err := open(path)
		if err != nil {
			return "", fmt.Errorf("load adapter %s: %w", path, err)
		}
		return s.base, nil
	}
	text, err := readfile.WholeIn(path, ConfigFile, readfile.Settings)
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
		return "", fmt.Errorf("read %s: %w", filepath.Join(path, ConfigFile), plainjson.In(text, err))
	}
	return common.Base, nil
}
