package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"fettle/internal/identify"
)

// Found is what lies below a directory.
type Found struct {
	Runs   []Run
	Others []Other // models, and what other programs have made
	Unread []error // directories that cannot be read
}

// Other is a directory, or a file, that is no run.
type Other struct{ Path, What string }

// depth bounds how far below a directory runs are looked for.
const depth = 4

// Find describes the runs below a directory, or the one in it. It follows links to runs, and no others. A run that
// several paths lead to is found once.
func Find(top string) (Found, error) {
	f := finder{seen: map[string]bool{}}
	if _, err := os.ReadDir(top); err != nil {
		return f.Found, err
	}
	f.visit(top, depth, false)
	return f.Found, nil
}

type finder struct {
	Found
	seen map[string]bool // runs, by their paths without links
}

func (f *finder) visit(path string, deep int, link bool) {
	d, err := open(path)
	switch {
	case err == nil:
		f.add(d)
		return
	case !errors.Is(err, ErrNoRun):
		f.Unread = append(f.Unread, fmt.Errorf("read %s: %w", path, errors.Unwrap(err)))
		return
	case deep < depth: // not the top
		switch p := identify.Of(path); p.Kind {
		case identify.Model, identify.Adapter, identify.Foreign, identify.Checkpoint:
			f.Others = append(f.Others, Other{path, p.What})
			return
		case identify.Run:
			f.Others = append(f.Others, Other{path, "a run of another program"})
			return
		}
	}
	if deep == 0 || link {
		return
	}
	entries, _ := os.ReadDir(path)
	var links []string
	for _, e := range entries {
		inside := filepath.Join(path, e.Name())
		info, err := os.Stat(inside)
		switch {
		case strings.HasPrefix(e.Name(), ".") || err != nil || !info.IsDir():
		case e.IsDir():
			f.visit(inside, deep-1, false)
		default:
			links = append(links, inside)
		}
	}
	for _, inside := range links {
		f.visit(inside, deep-1, true)
	}
}

// add adds a run that was not found yet.
func (f *finder) add(d *dir) {
	path, err := filepath.EvalSymlinks(d.path)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err == nil && f.seen[path] {
		return
	}
	f.seen[path] = true
	f.Runs = append(f.Runs, d.run())
}
