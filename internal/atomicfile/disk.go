package atomicfile

import (
	"io"
	"os"
)

// Disk lists the operations of a file system that replacing files needs. Tests fail its calls one by one.
type Disk interface {
	MkdirTemp(dir, pattern string) (string, error)
	WriteFile(path string, content Content) error // creates and syncs; the file must not exist
	Append(path string) (File, error)             // see Append
	SyncDir(path string) error
	Symlink(target, path string) error
	Rename(from, to string) error
	RemoveAll(path string) error
}

// OS is the operating system's file system.
type OS struct{}

func (OS) MkdirTemp(dir, pattern string) (string, error) { return os.MkdirTemp(dir, pattern) }

func (OS) WriteFile(path string, content Content) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return Fill(f, content)
}

func (OS) Append(path string) (File, error) {
	f, err := Append(path)
	if err != nil { // not a File that holds a nil
		return nil, err
	}
	return f, nil
}

// SyncDir makes the names in a directory durable, where the system can.
func (OS) SyncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncDir(f)
}

// Symlink makes path a link to target; where there are no links, a file that holds target.
func (d OS) Symlink(target, path string) error {
	if os.Symlink(target, path) == nil {
		return nil
	}
	return d.WriteFile(path, Bytes([]byte(target+"\n")))
}

func (OS) Rename(from, to string) error { return os.Rename(from, to) }

func (OS) RemoveAll(path string) error { return os.RemoveAll(path) }

// File is a new file.
type File interface {
	io.WriteCloser
	Sync() error
}

// Fill writes content to f, syncs and closes it.
func Fill(f File, content Content) error {
	err := content(f)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
