package readfile

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Matches returns the paths that match a pattern, sorted. Directories at its beginning that are there count as they
// are, whatever their names: runs [1]/*.json names files of the directory "runs [1]".
func Matches(pattern string) ([]string, error) {
	dir, rest := filepath.Split(filepath.Clean(pattern))
	for dir = filepath.Clean(dir); !isDir(dir) && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		rest = filepath.Join(filepath.Base(dir), rest)
	}
	names, err := fs.Glob(os.DirFS(dir), filepath.ToSlash(rest))
	for i, name := range names {
		names[i] = filepath.Join(dir, filepath.FromSlash(name))
	}
	return names, err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
