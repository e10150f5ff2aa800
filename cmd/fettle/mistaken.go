package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"fettle/adapter"
	"fettle/internal/builtin"
	"fettle/internal/checkpoint/gguf"
	"fettle/internal/identify"
	"fettle/internal/readfile"
)

// missing is an error about something that is not there.
type missing struct{ error }

// Is makes missing count as fs.ErrNotExist.
func (missing) Is(target error) bool { return target == fs.ErrNotExist }

func missingf(format string, args ...any) error { return missing{fmt.Errorf(format, args...)} }

// locatedModel returns the directory or file of a model, as located does, or the error of a path that holds something
// else. A directory with nothing but one GGUF file stands for the file.
func locatedModel(name string) (string, error) { return locatedAs("model_name_or_path", name) }

// locatedAs is locatedModel for the setting of a name.
func locatedAs(key, name string) (string, error) {
	where, err := located(name)
	if err != nil || identify.Holds(where, identify.Model) {
		_, at := identify.ModelAt(where)
		if err == nil && at != where {
			_, err = readfile.Inside(where, filepath.Base(at))
		}
		return at, err
	}
	p := identify.Of(where)
	switch p.Kind {
	case identify.Adapter, identify.Checkpoint:
		return "", usage(fmt.Errorf("%s %s is %s: give it as --adapter_name_or_path; its base is found by itself, or "+
			"given as --model_name_or_path", key, name, p.What))
	case identify.Run:
		return "", usage(unfinished(key, name))
	}
	return "", mistaken(key, name, p,
		"a model: a directory in Hugging Face's layout (config.json, *.safetensors) or Meta's (params.json, "+
			"consolidated.*.pth), a GGUF file or one of llama2.c")
}

// checkAdapter returns the error of an adapter's name at which there is none.
func checkAdapter(name string) error {
	if adapter.FormOf(name) != "" {
		return nil
	}
	const key = "adapter_name_or_path"
	if name == builtin.Name && !isDir(name) {
		return usage(fmt.Errorf("%s %s is the built-in model, not an adapter: give it as --model_name_or_path", key, name))
	}
	dir, _, err := adapter.Locate(name)
	if err != nil {
		return usage(err)
	}
	if identify.File(dir) == identify.GGUF {
		f, err := gguf.Open(dir)
		if err != nil { // it may well be an adapter's
			return input(fmt.Errorf("load adapter %s: %w", dir, err))
		}
		f.Close()
	}
	p := identify.Of(dir)
	switch p.Kind {
	case identify.Model:
		return usage(fmt.Errorf("%s %s is a model, not an adapter: give it as --model_name_or_path", key, dir))
	case identify.Run:
		return usage(unfinished(key, dir))
	case identify.Checkpoint:
		return usage(fmt.Errorf("%s %s is a checkpoint of a whole model: give it as --model_name_or_path", key, dir))
	}
	return mistaken(key, dir, p, "an adapter: a directory of PEFT with adapter_config.json and "+
		"adapter_model.safetensors, one of mlx-lm or LitGPT, a GGUF file of a LoRA, or a .pth file of LLaMA-Adapter")
}

// checkResume returns the error of a path to continue from that holds no checkpoint of a run.
func checkResume(from string) error {
	if slices.Contains([]string{"auto", "none", ""}, from) || identify.Holds(from, identify.Checkpoint) {
		return nil
	}
	const key = "resume"
	p := identify.Of(from)
	if p.Kind == identify.Foreign && identify.Holds(from, identify.Adapter) {
		return input(fmt.Errorf("%s %s is %s, whose optimizer fettle does not read: start from its weights with "+
			"--adapter_name_or_path %s", key, from, p.What, from))
	}
	p.Use = "" // a directory with a model or an adapter is no checkpoint either
	return mistaken(key, from, p, "a checkpoint of fettle, such as runs/first/checkpoint-000200")
}

// unfinished explains that there is nothing in a run without a result that the setting of a key is for.
func unfinished(key, dir string) error {
	of, flag := "an adapter", "adapter_name_or_path"
	checkpoints := identify.Checkpoints(dir)
	switch {
	case len(checkpoints) == 0:
		return fmt.Errorf("%s %s is the directory of a run that has saved nothing yet: start it again, with "+
			"fettle train --config %s", key, dir, filepath.Join(dir, "config.yaml"))
	case identify.Holds(checkpoints[len(checkpoints)-1], identify.Model):
		of, flag = "a whole model", "model_name_or_path"
	}
	return fmt.Errorf("%s %s is the directory of a run of %s: give it as --%s", key, dir, of, flag)
}

// mistaken explains a path that holds none of what its setting is for.
func mistaken(key, name string, p identify.Path, want string) error {
	if f, err := readfile.Open(name); err == nil {
		f.Close()
	} else if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s %s: it may not be read: %w", key, name, fs.ErrPermission)
	}
	switch {
	case p.Kind == identify.Missing, p.Kind == identify.HubName:
		return missingf("%s %s", key, identify.Absent(name, false))
	case p.Do != "":
		return input(fmt.Errorf("%s %s is %s: %s", key, name, p.What, p.Do))
	case p.Use != "":
		return input(fmt.Errorf("%s %s is %s: give %s", key, name, p.What, p.Use))
	}
	if dir := filepath.Dir(name); !isDir(name) && dir != "." && identify.Holds(dir, kindOf(key)) {
		return input(fmt.Errorf("%s %s is %s: give %s", key, name, p.What, dir))
	}
	return input(fmt.Errorf("%s %s is %s, want %s", key, name, p.What, want))
}

// kindOf returns what the path of a setting leads to.
func kindOf(key string) identify.Kind {
	switch key {
	case "adapter_name_or_path":
		return identify.Adapter
	case "resume":
		return identify.Checkpoint
	}
	return identify.Model
}
