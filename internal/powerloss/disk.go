// Package powerloss simulates file systems that lose what was not synced, for tests.
//
// A Disk carries out the operations of atomicfile.Disk in a directory and notes them. States then builds the
// directories that a loss of power may leave. What the rules promise is the least that POSIX and the file systems in
// use promise (Pillai et al. 2014): the content of a file is durable after its fsync, the names in a directory after
// the directory's. Before that, each change of a name is there or not whatever happened to the others, and of a file's
// content nothing, a part, zeros or all. A rename within a directory is one change; between two, one in each.
package powerloss

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"fettle/internal/atomicfile"
)

// Disk is an atomicfile.Disk below one directory, without real fsyncs.
type Disk struct {
	// Lazy tells which syncs do nothing, by their number from 1: a negative control. nil: none.
	Lazy func(sync int) bool
	// Most is the number of states after one operation up to which all of them are visited. 0: 256.
	Most int

	mu    sync.Mutex
	root  string
	top   *inode
	notes []note
	syncs int
}

// inode is a file, a directory or a link.
type inode struct {
	names map[string]*inode // of a directory, as they are now
	link  string
}

// note is one operation: changes of names in a directory, bytes written to a file, a sync or an acknowledgement.
type note struct {
	at      *inode
	changes map[string]*inode // nil: the name is removed
	data    []byte
	sync    bool
	said    string
}

// New returns a disk that works in dir, which is empty.
func New(dir string) *Disk { return &Disk{root: dir, top: &inode{names: map[string]*inode{}}} }

// Acknowledge notes that what was promised is done. States gives what was said before the power was lost.
func (d *Disk) Acknowledge(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, note{said: what})
}

// Syncs returns the number of syncs so far.
func (d *Disk) Syncs() int { return d.syncs }

// find returns the inode at path, nil if the disk did not make it.
func (d *Disk) find(path string) *inode {
	below, err := filepath.Rel(d.root, path)
	if err != nil || below == "." {
		return d.top
	}
	at := d.top
	for _, name := range strings.Split(below, string(filepath.Separator)) {
		if at = at.names[name]; at == nil {
			return nil
		}
	}
	return at
}

// name notes that the names in the directory at dir change.
func (d *Disk) name(dir string, changes map[string]*inode) {
	at := d.find(dir)
	if at == nil {
		return
	}
	for name, to := range changes {
		if to == nil {
			delete(at.names, name)
		} else {
			at.names[name] = to
		}
	}
	d.notes = append(d.notes, note{at: at, changes: changes})
}

// sync notes a sync unless it is left out.
func (d *Disk) sync(at *inode) {
	d.syncs++
	if at != nil && (d.Lazy == nil || !d.Lazy(d.syncs)) {
		d.notes = append(d.notes, note{at: at, sync: true})
	}
}

func (d *Disk) MkdirTemp(dir, pattern string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	path, err := os.MkdirTemp(dir, pattern)
	if err == nil {
		d.name(dir, map[string]*inode{filepath.Base(path): {names: map[string]*inode{}}})
	}
	return path, err
}

// file notes what is written to a file. atomicfile.Fill decides about its syncs, as on a real disk.
type file struct {
	*os.File
	disk *Disk
	at   *inode
}

func (f *file) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.notes = append(f.disk.notes, note{at: f.at, data: append([]byte{}, p...)})
	return f.File.Write(p)
}

func (f *file) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.sync(f.at)
	return nil
}

func (d *Disk) WriteFile(path string, content atomicfile.Content) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	d.mu.Lock()
	at := &inode{}
	d.name(filepath.Dir(path), map[string]*inode{filepath.Base(path): at})
	d.mu.Unlock()
	return atomicfile.Fill(&file{f, d, at}, content)
}

func (d *Disk) Append(path string) (atomicfile.File, error) {
	f, err := atomicfile.Append(path)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.find(path)
	if at == nil {
		at = &inode{}
		d.name(filepath.Dir(path), map[string]*inode{filepath.Base(path): at})
	}
	return &file{f, d, at}, nil
}

func (d *Disk) SyncDir(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sync(d.find(path))
	return nil
}

func (d *Disk) Symlink(target, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := os.Symlink(target, path)
	if err == nil {
		d.name(filepath.Dir(path), map[string]*inode{filepath.Base(path): {link: target}})
	}
	return err
}

func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	moved := d.find(from)
	if err := os.Rename(from, to); err != nil || moved == nil {
		return err
	}
	if filepath.Dir(from) == filepath.Dir(to) {
		d.name(filepath.Dir(to), map[string]*inode{filepath.Base(to): moved, filepath.Base(from): nil})
		return nil
	}
	d.name(filepath.Dir(to), map[string]*inode{filepath.Base(to): moved})
	d.name(filepath.Dir(from), map[string]*inode{filepath.Base(from): nil})
	return nil
}

// RemoveAll removes name by name, so that the power may be lost between any two.
func (d *Disk) RemoveAll(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var paths []string
	err := filepath.WalkDir(path, func(p string, _ fs.DirEntry, err error) error {
		if err == nil {
			paths = append(paths, p)
		}
		return nil
	})
	for i := len(paths) - 1; err == nil && i >= 0; i-- {
		if err = os.Remove(paths[i]); err == nil {
			d.name(filepath.Dir(paths[i]), map[string]*inode{filepath.Base(paths[i]): nil})
		}
	}
	return err
}
