package readfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// ErrOutside is returned for a name or a link that leads out of the directory of a model, an adapter or a data set.
var ErrOutside = errors.New("it leads out of its directory")

// outside is the explanation of an ErrOutside.
type outside string

func (o outside) Error() string { return string(o) }

// Is makes outside count as ErrOutside.
func (outside) Is(target error) bool { return target == ErrOutside }

// blob matches a file of the Hugging Face cache, to which the links of its snapshots lead.
var blob = regexp.MustCompile(`[/\\](models|datasets|spaces)--[^/\\]+[/\\]blobs[/\\]([0-9a-f]{40}|[0-9a-f]{64})$`)

// Inside returns the path of a file of a directory, which need not be there. The directory is the user's word, links on
// the way to it included; below it, links may lead to other files of the directory or to blobs of the Hugging Face
// cache, and nowhere else: a model from a stranger must not make a secret of this machine a part of what is read, shown
// or copied.
func Inside(dir, name string) (string, error) {
	if err := Local(name); err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	to, err := target(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil // opening it says so
	} else if err != nil {
		return "", err
	}
	root, err := target(dir)
	if err != nil {
		return "", err
	}
	if within(root, to) || blob.MatchString(to) {
		return path, nil
	}
	return "", wrong(path, outside(fmt.Sprintf("it is a link to %s, outside of %s: if you made it yourself, put the file "+
		"itself there, as a hard link or a copy", to, dir)))
}

// target returns the absolute path without links.
func target(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// within reports whether a path is below a directory.
func within(dir, path string) bool {
	rest, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rest)
}

// Local returns an error unless a name, with / between its parts, is of a file below its directory on every system.
func Local(name string) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\\:\x00") {
		return outside(fmt.Sprintf("%.200q leads out of the directory that names it", name))
	}
	return nil
}

// WholeIn is Whole of a file Inside a directory.
func WholeIn(dir, name string, most int64) ([]byte, error) {
	path, err := Inside(dir, name)
	if err != nil {
		return nil, err
	}
	return Whole(path, most)
}

// Beside returns an error unless a name is that of a file in the same directory.
func Beside(name string) error {
	if err := Local(name); err != nil || !strings.Contains(name, "/") {
		return err
	}
	return outside(fmt.Sprintf("%.200q is not the name of a file in the same directory", name))
}
