package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/model/chat"
	"fettle/model/convert"
	"fettle/model/tokenizer"
	"fettle/train"
)

// usesOf lists the commands that use a model or an adapter, which flags give: those with a prompt template chat, others
// continue a text.
func usesOf(cmd *cobra.Command, hasTemplate bool, flags ...string) []string {
	if !hasTemplate {
		line := append(append([]string{"generate"}, flags...), "--raw", "--prompt", "Once upon a time")
		return []string{commandLine(cmd, line...)}
	}
	return []string{commandLine(cmd, append([]string{"chat"}, flags...)...),
		commandLine(cmd, append([]string{"serve"}, flags...)...)}
}

// printNext prints a sentence, if there is one, and the commands that go on from there, if there are any.
func printNext(cmd *cobra.Command, done string, lines []string) {
	if len(lines) > 0 {
		done += " Next:\n  " + strings.Join(lines, "\n  ")
	}
	if done != "" {
		fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSpace(done))
	}
}

// tryRun prints the commands that use the result of a run.
func tryRun(cmd *cobra.Command, c train.Config) {
	flags := []string{"--adapter_name_or_path", c.OutputDir}
	if c.Type == adapter.TypeFull {
		flags[0] = "--model_name_or_path"
	}
	format := detected(&c)
	lines := usesOf(cmd, format != "text" && format != "tokenized", flags...)
	if format == "tokenized" && c.Shape == "" {
		where, err := locatedModel(c.ModelName)
		if err == nil {
			_, err = tokenizer.Load(tokenizerDir(partDirs(c.Adapter, where)))
		}
		if err != nil { // nothing can read what it would say
			lines = nil
		}
	}
	printNext(cmd, "Saved in "+c.OutputDir+".", lines)
}

// nextOf lists the commands that use a model that was written, in the form of Ollama too.
func (m *made) nextOf(cmd *cobra.Command, path string) []string {
	if m.chat.Tokenizer == nil {
		return nil
	}
	lines := usesOf(cmd, m.chat.Recipe != nil, "--model_name_or_path", path)
	if file := filepath.Join(path, convert.OllamaFile); isThere(file) {
		name := strings.ToLower(strings.ReplaceAll(filepath.Base(lasting(path)), " ", "-"))
		lines = append(lines, "ollama create "+quote(name, runtime.GOOS)+" -f "+quote(file, runtime.GOOS))
	}
	return lines
}

// nextOfAdapter lists the commands that use an adapter that was written, for a base. The base is given where the
// adapter does not name it.
func nextOfAdapter(cmd *cobra.Command, path, base string) []string {
	flags := []string{"--adapter_name_or_path", path}
	if named, err := baseOf(path); err != nil || lasting(named) != lasting(base) {
		flags = append(flags, "--model_name_or_path", base)
	}
	record, _ := adapter.ReadRecord(path)
	hasTemplate := record.Recipe != ""
	if where, err := locatedModel(base); err == nil && !hasTemplate {
		t, err := chat.ReadTemplate(partDirs(path, where)...)
		hasTemplate = err == nil && t.Path != ""
	}
	return usesOf(cmd, hasTemplate, flags...)
}
