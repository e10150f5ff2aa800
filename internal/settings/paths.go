package settings

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"

	"fettle/internal/readfile"
)

// Path is the use of a field that names files or directories. In all of them, ~/ begins a path in the home directory,
// and a file or variable may write ${NAME} for a variable of the environment. A relative path is one from the working
// directory, wherever it is written; an input that a file names and that is not there is taken from the file's own
// directory, if it is there.
type Path string

// The uses.
const (
	Read      Path = "read"    // an input
	ReadNamed Path = "named"   // an input, or a word with a meaning of its own, such as auto
	Written   Path = "written" // an output
)

// complete completes the paths in a field's value, which was given at a place, where dir is the directory of the file
// of settings, "" if there is none.
func (f Field) complete(place Place, dir string) error {
	if f.Path == "" || place.Strength == Default {
		return nil
	}
	var failed error
	one := func(path string) string {
		path, err := expand(path, place.Strength)
		failed = errors.Join(failed, err)
		if dir == "" || place.Strength != File || f.Path == Written ||
			f.Path == ReadNamed && !strings.ContainsAny(path, "./"+string(filepath.Separator)) {
			return path
		}
		return found(path, dir)
	}
	switch to := f.Value.Addr().Interface().(type) {
	case *string:
		*to = one(*to)
	case *[]string:
		for i, path := range *to {
			(*to)[i] = one(path)
		}
	}
	return failed
}

// inVariable matches a variable in a path.
var inVariable = regexp.MustCompile(`\$(?:\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*)`)

// expand replaces a leading ~ of a path and, if it comes from a file or from the environment, variables. Shells do so
// with flags; a path at which something is stays as it is.
func expand(path string, from Strength) (string, error) {
	path = atHome(path)
	if from == Flag || !strings.Contains(path, "$") || exists(path) {
		return path, nil
	}
	var unset error
	return inVariable.ReplaceAllStringFunc(path, func(name string) string {
		value, ok := os.LookupEnv(strings.Trim(name, "${}"))
		if !ok {
			unset = fmt.Errorf("%q has the variable %s, which is not set", path, name)
		}
		return value
	}), unset
}

// atHome replaces a leading ~ or ~NAME of a path by the home directory of the user, or of another one.
func atHome(path string) string {
	first, rest, more := strings.Cut(filepath.ToSlash(path), "/")
	name, tilde := strings.CutPrefix(first, "~")
	if !tilde || name != "" && (!more || exists(first)) {
		return path
	}
	home, err := os.UserHomeDir()
	if name != "" {
		var other *user.User
		if other, err = user.Lookup(name); err == nil {
			home = other.HomeDir
		}
	}
	if err != nil {
		return path
	}
	return filepath.Join(home, filepath.FromSlash(rest))
}

// found returns a relative path at which nothing is as one from a directory, if something is there.
func found(path, dir string) string {
	if path == "" || filepath.IsAbs(path) || exists(path) {
		return path
	}
	if beside := filepath.Join(dir, path); exists(beside) {
		return beside
	}
	return path
}

// exists reports whether there is something at a path, which may be a pattern, or name a part after a colon.
func exists(path string) bool {
	if _, err := os.Lstat(path); err == nil {
		return true
	}
	if matches, _ := readfile.Matches(path); len(matches) > 0 {
		return true
	}
	at := strings.LastIndexByte(path, ':')
	return at > 1 && exists(path[:at])
}
