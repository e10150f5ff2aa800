package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"fettle/internal/human"
	"fettle/internal/readfile"
)

// callBy makes help, examples and commandLine call the program by the name that the user has called it by.
func callBy(root *cobra.Command, name string) {
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: name}
	callExamplesBy(root, name)
}

func callExamplesBy(cmd *cobra.Command, name string) {
	cmd.Example = strings.ReplaceAll(cmd.Example, "  fettle ", "  "+name+" ")
	for _, c := range cmd.Commands() {
		callExamplesBy(c, name)
	}
}

// commandLine returns the line that runs this program with other arguments, as the user has called it, for a shell.
func commandLine(cmd *cobra.Command, args ...string) string {
	words := []string{cmd.Root().DisplayName()}
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "--") { // a path that would be a flag
			arg = "." + string(filepath.Separator) + arg
		}
		words = append(words, quote(arg, runtime.GOOS))
	}
	return strings.Join(words, " ")
}

// plainWord matches words that no shell changes.
var plainWord = regexp.MustCompile(`^[\p{L}\p{N}_@%+=:,./-]+$`)

// plainWindows is plainWord for the shells of Windows.
var plainWindows = regexp.MustCompile(`^[\p{L}\p{N}_+:./\\-]+$`)

// quote writes a word for the shells of a system: sh and its kind, or those of Windows.
func quote(word, system string) string {
	if system == "windows" {
		if plainWindows.MatchString(word) {
			return word
		}
		return `"` + word + `"` // no name of a file has a quote
	}
	if plainWord.MatchString(word) {
		return word
	}
	if human.Plain(word) != word { // as bash, zsh and ksh have it: no terminal takes it for a command of its own
		var b strings.Builder
		for _, c := range []byte(word) {
			if c < ' ' || c > '~' || c == '\'' || c == '\\' {
				fmt.Fprintf(&b, `\%03o`, c)
			} else {
				b.WriteByte(c)
			}
		}
		return "$'" + b.String() + "'"
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// listed writes a path for a setting that is a list, which commas separate.
func listed(path string) string {
	if strings.ContainsAny(path, `,"`) {
		return `"` + strings.ReplaceAll(path, `"`, `""`) + `"`
	}
	return path
}

// invoked returns how the user called this program, given its name as the system passes it: go run and the package,
// or the name, quoted.
func invoked(name string) string {
	if !byGoRun(name) {
		return quote(name, runtime.GOOS)
	}
	where := "." + string(filepath.Separator) + filepath.Join("cmd", "fettle")
	info, known := debug.ReadBuildInfo()
	dir, err := os.Getwd()
	if !known || err != nil {
		return "go run " + where
	}
	return "go run " + quote(packageFrom(dir, info.Main.Path, where), runtime.GOOS)
}

// cached matches the directory of a program in the cache of Go's builds.
var cached = regexp.MustCompile(`^[0-9a-f]{64}-d$`)

// byGoRun reports whether go run has built the program: it is then in a directory of the build or in the cache.
func byGoRun(name string) bool {
	dir := filepath.Dir(name)
	above := filepath.Base(filepath.Dir(filepath.Dir(dir)))
	return filepath.Base(dir) == "exe" && strings.HasPrefix(above, "go-build") || cached.MatchString(filepath.Base(dir))
}

// packageFrom returns the path of the package at where in a module, as go run takes it in a directory of the module;
// where itself in any other directory.
func packageFrom(dir, module, where string) string {
	for top := dir; ; top = filepath.Dir(top) {
		text, err := readfile.Whole(filepath.Join(top, "go.mod"), readfile.Settings)
		if err != nil && filepath.Dir(top) != top {
			continue
		}
		first, _, _ := strings.Cut(string(text), "\n")
		rel, err := filepath.Rel(dir, filepath.Join(top, where))
		if err != nil || strings.TrimSpace(first) != "module "+module {
			return where
		}
		if !strings.HasPrefix(rel, ".") {
			rel = "." + string(filepath.Separator) + rel
		}
		return rel
	}
}
