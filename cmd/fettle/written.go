package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fettle/adapter"
	"fettle/internal/atomicfile"
	"fettle/internal/compute"
	"fettle/internal/human"
	"fettle/internal/readfile"
	"fettle/model"
	"fettle/model/convert"
	"fettle/model/tokenizer"
)

// writeSettings holds the settings of a model that is written.
type writeSettings struct {
	Output  string `yaml:"output_dir" path:"written" group:"output" alias:"output,out_dir,outfile,export_dir,save_path" help:"where to write"`
	Force   bool   `yaml:"force" alias:"overwrite_output_dir" help:"replace an output that exists"`
	Certify string `yaml:"certificate" words:"true=yes,false=no" bare:"yes" help:"load the result and compare its logits with those before: yes or no"`
	Text    string `yaml:"certificate_data" path:"read" help:"text file to compare on; default: a built-in text"`
}

// form is a form in which a model is written.
type form struct {
	file    bool // one file; else a directory
	prepare func(cmd *cobra.Command, m *made) error
	write   func(m *made, path string) error
}

// check returns an error for an output, a file or a directory, that must not be written.
func (w writeSettings) check(file bool, inputs ...string) error {
	switch {
	case w.Output == "":
		return usage(errors.New("output_dir is missing: where to write"))
	case w.Certify != "yes" && w.Certify != "no":
		return usage(fmt.Errorf("certificate is %q, want yes or no", w.Certify))
	case w.Text != "" && w.Certify == "no":
		return usage(fmt.Errorf("--certificate_data %s cannot act beside --certificate no", w.Text))
	case w.Text != "" && !isThere(w.Text):
		return missingf("certificate_data %s: there is no such file", w.Text)
	case file && isDir(w.Output):
		return usage(fmt.Errorf("output_dir %s is a directory, and one file is written: give the file's name", w.Output))
	case !file && isThere(w.Output) && !isDir(w.Output):
		return usage(fmt.Errorf("output_dir %s is a file, and a directory is written: give another name", w.Output))
	}
	if err := replaces("output_dir", w.Output, w.Text); err != nil {
		return err
	}
	out := lasting(w.Output)
	for _, in := range inputs {
		if path, _, err := adapter.Locate(in); err == nil {
			in = path
		}
		if in = lasting(in); in == out || strings.HasPrefix(in, out+string(filepath.Separator)) {
			return usage(fmt.Errorf("output_dir %s is, or holds, the input %s: name another", w.Output, in))
		}
	}
	entries, err := os.ReadDir(w.Output)
	if empty := err == nil && len(entries) == 0; empty || !isThere(w.Output) {
		return nil
	}
	if !w.Force {
		return usage(fmt.Errorf("output_dir %s exists; --force replaces it", w.Output))
	}
	for _, e := range entries {
		if !ofModel(e) {
			return usage(fmt.Errorf("output_dir %s holds %s, which is no part of a model and would be lost: --force replaces "+
				"models alone", w.Output, e.Name()))
		}
	}
	return nil
}

// ofModel reports whether an entry of a directory is one that models and adapters come with.
func ofModel(e fs.DirEntry) bool {
	if e.IsDir() {
		return e.Name() == "additional_chat_templates"
	}
	return slices.Contains([]string{".json", ".safetensors", ".bin", ".model", ".jinja", ".gguf", ".md", ".txt"},
		filepath.Ext(e.Name())) ||
		slices.Contains([]string{convert.OllamaFile, "LICENSE", ".gitattributes", "hyperparameters.yaml",
			"lit_model.pth.adapter", "lit_model.pth.lora"}, e.Name())
}

// write makes a model of base and adapters and writes it in a form, with a certificate.
func (s mergeSettings) write(cmd *cobra.Command, to writeSettings, f form) error {
	if err := s.complete(); err != nil {
		return err
	}
	where, err := located(s.Model)
	if err != nil {
		return err
	}
	end := filepath.Ext(to.Output)
	if !f.file && slices.Contains([]string{".gguf", ".safetensors", ".bin", ".pth", ".pt"}, end) {
		return usage(fmt.Errorf("output_dir %s reads like a file's name, and a directory is written: give a name without %s",
			to.Output, end))
	}
	if err := to.check(f.file, append([]string{where}, s.Adapters...)...); err != nil {
		return err
	}
	if to.Certify == "yes" {
		if err := certificateFits(s.Model); err != nil {
			return err
		}
	}
	m, err := s.make()
	if err != nil {
		return err
	}
	if err := f.prepare(cmd, m); err != nil {
		return err
	}
	for _, note := range m.notes {
		fmt.Fprintln(cmd.OutOrStdout(), note)
	}
	sample, before, described := convert.Sample{}, m.before, s.String()
	if to.Certify == "yes" {
		if sample, err = to.sample(m); err != nil {
			return err
		}
	}
	m.Stop = cmd.Context().Err
	content := func(path string) error { return f.write(m, path) }
	release := hold(cmd.Context(), fmt.Sprintf("Stopping: nothing will be left of %s.", to.Output))
	defer release()
	if f.file {
		if err = atomicfile.MkdirAll(atomicfile.OS{}, filepath.Dir(to.Output)); err == nil {
			err = content(to.Output)
		}
	} else {
		err = convert.NewDirectory(to.Output, to.Force, content)
	}
	release()
	if err != nil && cmd.Context().Err() != nil {
		return stopped(fmt.Sprintf("%s: stopped; nothing was written to %s", cmd.Name(), to.Output))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", to.Output, err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s, %s.\n", to.Output, human.Bytes(bytesAt(to.Output)))
	achieved(cmd.Context(), fmt.Sprintf("%s: stopped; %s is written, its certificate is not", cmd.Name(), to.Output))
	if note := otherTokens(m.chat.Tokenizer, to.Output); note != "" {
		fmt.Fprintln(cmd.OutOrStdout(), note)
	}
	lines := m.nextOf(cmd, to.Output)
	m = nil // its memory is for the certificate
	if len(sample.Sequences) > 0 {
		if err := certify(cmd, to.Output, f.file, sample, described, before); err != nil {
			return err
		}
	}
	printNext(cmd, "", lines)
	return nil
}

// sample reads the text of the certificate.
func (w writeSettings) sample(m *made) (convert.Sample, error) {
	name, text := "a built-in text", convert.BuiltinText
	if w.Text != "" {
		data, err := readfile.Whole(w.Text, readfile.Text)
		if err != nil {
			return convert.Sample{}, input(fmt.Errorf("certificate_data: %w", err))
		}
		name, text = w.Text, string(data)
	}
	if m.chat.Tokenizer == nil && w.Text != "" {
		return convert.Sample{}, usage(fmt.Errorf("certificate_data %s needs a tokenizer, and the model has none: without "+
			"it, the certificate is on random tokens", w.Text))
	}
	if m.chat.Tokenizer == nil {
		return convert.RandomSample(m.Config), nil
	}
	before, _ := m.chat.Tokenizer.Specials()
	sample := convert.NewSample(name, text, before, m.chat.Tokenizer.Encode(text), m.Config)
	if len(sample.Sequences) == 0 {
		return sample, input(fmt.Errorf("certificate_data %s: the text is too short", name))
	}
	return sample, nil
}

// otherTokens says which text the written tokenizer encodes otherwise than the model's own, "" if it finds none.
func otherTokens(was *tokenizer.Tokenizer, path string) string {
	where, err := locatedModel(path)
	if was == nil || err != nil {
		return ""
	}
	is, err := tokenizer.Load(where)
	if err != nil {
		return fmt.Sprintf("The written tokenizer cannot be read: %v.", err)
	}
	texts := append([]string{"a  b", " a", "a ", "a\n  b\n", "a\tb"}, strings.Split(convert.BuiltinText, "\n")...)
	for _, text := range texts {
		if a, b := was.Encode(text), is.Encode(text); !slices.Equal(a, b) {
			return fmt.Sprintf("The tokenizer cannot be written as it is: %q has %d tokens in the model and %d in %s.", text,
				len(a), len(b), path)
		}
	}
	return ""
}

// certify compares a written model with what it was made of and writes the certificate beside it.
func certify(
	cmd *cobra.Command, path string, file bool, sample convert.Sample, described string,
	before func() (*model.Model, error),
) error {
	c, err := convert.Certify(sample, before, func() (*model.Model, error) {
		return loadModel(path, compute.ModeF32, "none")
	})
	if err != nil {
		return fmt.Errorf("certify %s: %w", path, err)
	}
	c.Before, c.After = described, path
	text, err := c.JSON()
	if err != nil {
		return err
	}
	beside := filepath.Join(path, convert.CertificateFile)
	if file {
		beside = strings.TrimSuffix(path, filepath.Ext(path)) + "." + convert.CertificateFile
	}
	fmt.Fprintln(cmd.OutOrStdout(), c)
	return atomicfile.Write(beside, atomicfile.Bytes(text))
}

// bytesAt returns the bytes of a file, or of the files in a directory.
func bytesAt(path string) (bytes int64) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		if err == nil {
			bytes = info.Size()
		}
		return bytes
	}
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}
