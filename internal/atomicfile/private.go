package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrShared is the error of a directory in which others can put files.
var ErrShared = errors.New("not a directory that this user alone can write to")

// PrivateDir makes a directory that nobody else can write to, and returns ErrShared where there is something else, or a
// link.
func PrivateDir(dir string) error {
	if err := MkdirAll(OS{}, filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is %w: it is something else", dir, ErrShared)
	case !ours(info):
		return fmt.Errorf("%s is %w: it is another user's", dir, ErrShared)
	case shared(info):
		return fmt.Errorf("%s is %w (its mode is %#o): chmod go-w %[1]s", dir, ErrShared, info.Mode().Perm())
	}
	return nil
}
