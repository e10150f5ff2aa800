package main

import (
	"path/filepath"

	"fettle/adapter"
	"fettle/internal/checkpoint"
	"fettle/internal/readfile"
	"fettle/model"
	"fettle/model/convert"
	"fettle/train"
)

// keepConfig lets a fully tuned model keep its base's config.json, with all keys that fettle does not read, and gives
// the result the type of save_dtype.
func (m *runData) keepConfig(job *train.Job, c train.Config) error {
	if c.Type != adapter.TypeFull {
		return nil
	}
	name := c.ModelName + c.Shape
	where, err := located(name)
	if err != nil {
		return err
	}
	if job.SaveAs, err = savedType(c, where); err != nil {
		return err
	}
	if isDir(where) {
		where = filepath.Join(where, "config.json")
	}
	var text []byte
	if filepath.Base(where) == "config.json" && isThere(where) {
		text, err = readfile.WholeIn(filepath.Dir(where), filepath.Base(where), readfile.Settings)
	} else { // a base in another layout, whose file may be large
		text, err = job.Model.Config().JSON()
	}
	if err != nil {
		return err
	}
	kept, err := convert.Configured(text, job.Model.Config(), checkpoint.F32)
	if err != nil {
		return input(err)
	}
	result, err := convert.Configured(text, job.Model.Config(), job.SaveAs)
	job.Beside["config.json"], job.Final = kept, map[string][]byte{"config.json": result}
	return input(err)
}

// savedType returns the type of save_dtype.
func savedType(c train.Config, base string) (checkpoint.Type, error) {
	switch {
	case c.SaveDType != "base":
		return convert.ParseDType(c.SaveDType)
	case c.Shape != "":
		return checkpoint.F32, nil
	}
	stored, err := model.StoredType(base)
	if err != nil {
		return "", input(err)
	}
	if as, err := convert.ParseDType(stored.String()); err == nil {
		return as, nil
	}
	return checkpoint.F16, nil // of blocks
}
