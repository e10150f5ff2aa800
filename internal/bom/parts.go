package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"fettle/internal/readfile"
)

// program is a built program: its file and what Go's linker recorded in it.
type program struct {
	file string
	info *buildinfo.BuildInfo
}

func open(file string) (program, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return program{}, fmt.Errorf("read %s: %w", file, err)
	}
	return program{file, info}, nil
}

func (p program) setting(key string) string {
	for _, s := range p.info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// part is a module in the program, or Go's own library.
type part struct {
	path, version, sum string
	texts              []text
}

// text is one file of a licence. file is relative to the module.
type text struct {
	file, content string
	licences      []string // SPDX's names
}

// licences returns the SPDX names of all texts, each once, in order.
func (p part) licences() []string {
	names := map[string]bool{}
	for _, t := range p.texts {
		for _, name := range t.licences {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// parts returns Go's library and the modules in the program, by path, with the licences of linked packages.
func (p program) parts() ([]part, error) {
	linked, err := p.linked()
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, m := range p.info.Deps {
		folders, ok := linked[m.Path]
		if !ok {
			return nil, fmt.Errorf("module %s is in %s, and no package of it here: build the program from this tree",
				m.Path, p.file)
		}
		delete(linked, m.Path)
		part, err := newPart(m, folders)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	for path := range linked {
		return nil, fmt.Errorf("packages of %s are linked here, and not in %s: build the program from this tree",
			path, p.file)
	}
	root, err := goroot()
	if err != nil {
		return nil, err
	}
	library, err := newPart(&debug.Module{Path: "std", Version: p.info.GoVersion}, folders{root: root})
	if err != nil {
		return nil, err
	}
	parts = append(parts, library)
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.path, b.path) })
	return parts, nil
}

func goroot() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	return strings.TrimSpace(string(root)), err
}

// folders are a module's root and the packages of it that are linked.
type folders struct {
	root     string
	packages []string
}

// linked asks Go for the packages in the program, by module; its own module and Go's library are left out.
func (p program) linked() (map[string]folders, error) {
	list := exec.Command("go", "list", "-deps", "-json=Dir,Module", p.info.Path)
	list.Env = append(os.Environ(), "GOOS="+p.setting("GOOS"), "GOARCH="+p.setting("GOARCH"),
		"CGO_ENABLED="+p.setting("CGO_ENABLED"))
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	modules := map[string]folders{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg struct {
			Dir    string
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return modules, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if pkg.Module != nil && !pkg.Module.Main {
			m := modules[pkg.Module.Path]
			modules[pkg.Module.Path] = folders{pkg.Module.Dir, append(m.packages, pkg.Dir)}
		}
	}
}

// licenceFile matches the names of files that hold terms or notices.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]es?|copying|notices?)([-.].*)?$`)

// newPart reads a module's licences: those at its root, and those beside a linked package or above it.
func newPart(m *debug.Module, in folders) (part, error) {
	if m.Replace != nil {
		m = m.Replace
	}
	from := map[string]bool{in.root: true}
	for _, dir := range in.packages {
		for ; strings.HasPrefix(dir, in.root) && !from[dir]; dir = filepath.Dir(dir) {
			from[dir] = true
		}
	}
	p := part{path: m.Path, version: m.Version, sum: m.Sum}
	for _, dir := range slices.Sorted(maps.Keys(from)) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return part{}, err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !licenceFile.MatchString(e.Name()) {
				continue
			}
			content, err := readfile.Whole(filepath.Join(dir, e.Name()), readfile.Settings)
			if err != nil {
				return part{}, err
			}
			name, err := filepath.Rel(in.root, filepath.Join(dir, e.Name()))
			if err != nil {
				return part{}, err
			}
			names, err := recognise(e.Name(), string(content))
			if err != nil {
				return part{}, fmt.Errorf("%s %s: %s: %w", m.Path, m.Version, name, err)
			}
			p.texts = append(p.texts, text{filepath.ToSlash(name), string(content), names})
		}
	}
	if len(p.licences()) == 0 {
		return part{}, fmt.Errorf("%s %s: no licence in %s", m.Path, m.Version, in.root)
	}
	return p, nil
}

// noticesOf returns all texts, each below the name of its module.
func noticesOf(parts []part) string {
	var b strings.Builder
	for _, p := range parts {
		for _, t := range p.texts {
			fmt.Fprintf(&b, "==== %s %s: %s\n\n%s\n\n", p.path, p.version, t.file, strings.TrimSpace(t.content))
		}
	}
	return b.String()
}
