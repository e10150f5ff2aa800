package powerloss

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// most is the default of Disk.Most.
const most = 256

// left is what is durable of an inode and what was done to it since.
type left struct {
	names   map[string]*inode
	content []byte
	changes []map[string]*inode
	written []byte // the content as it is now
}

// choice is something that a loss of power decides: the change number change of a directory, or with change -1 a
// file's content.
type choice struct {
	at     *inode
	change int
	ways   int
}

// States calls visit with each different directory that a loss of power after any operation may leave, and with what
// was acknowledged by then: all of them where there are at most d.Most after an operation, a seeded sample with the
// extremes otherwise. It ends at the first error. work is an empty directory.
func (d *Disk) States(work string, visit func(dir string, said []string) error) (states int, err error) {
	seen := map[string]bool{}
	var said []string
	disk := map[*inode]*left{}
	var order []*inode
	of := func(i *inode) *left {
		if disk[i] == nil {
			disk[i] = &left{names: map[string]*inode{}}
			order = append(order, i)
		}
		return disk[i]
	}
	for n, note := range append(d.notes, note{}) {
		for _, decided := range decisions(disk, order, cmp.Or(d.Most, most), uint64(n)) {
			tree := map[string][]byte{}
			survive(tree, disk, decided, d.top, "")
			key := fmt.Sprintf("%q %q", said, sorted(tree))
			if seen[key] {
				continue
			}
			seen[key] = true
			dir := filepath.Join(work, fmt.Sprint(len(seen)))
			if err := build(dir, tree); err != nil {
				return len(seen), err
			}
			if err := visit(dir, said); err != nil {
				return len(seen), fmt.Errorf("after operation %d, %q: %w", n, said, err)
			}
			if err := os.RemoveAll(dir); err != nil {
				return len(seen), err
			}
		}
		switch l := (*left)(nil); {
		case note.said != "":
			said = append(said, note.said)
		case note.at == nil:
		case note.sync:
			l = of(note.at)
			for _, c := range l.changes {
				apply(l.names, c)
			}
			l.changes, l.content = nil, bytes.Clone(l.written)
		case note.changes != nil:
			l = of(note.at)
			l.changes = append(l.changes, note.changes)
		default:
			l = of(note.at)
			l.written = append(l.written, note.data...)
		}
	}
	return len(seen), nil
}

func apply(names, changes map[string]*inode) {
	for name, to := range changes {
		if to == nil {
			delete(names, name)
		} else {
			names[name] = to
		}
	}
}

// decisions returns the ways in which a loss of power may decide about what is not durable of the inodes in order.
func decisions(disk map[*inode]*left, order []*inode, most int, seed uint64) (all []map[choice]int) {
	var choices []choice
	total := 1
	for _, at := range order {
		l := disk[at]
		for i := range l.changes {
			choices = append(choices, choice{at, i, 2})
		}
		if !bytes.Equal(l.content, l.written) {
			choices = append(choices, choice{at, -1, 4})
		}
	}
	for _, c := range choices {
		total = min(total*c.ways, most+1)
	}
	add := func(way func(i int) int) {
		one := map[choice]int{}
		for i, c := range choices {
			one[c] = way(i) % c.ways
		}
		all = append(all, one)
	}
	if total <= most {
		for n := range total {
			rest := n
			add(func(i int) int {
				way := rest % choices[i].ways
				rest /= choices[i].ways
				return way
			})
		}
		return all
	}
	random := rand.New(rand.NewPCG(seed, 1))
	add(func(int) int { return 0 })
	add(func(int) int { return 1 })
	for one := range choices { // all but one, and one alone
		add(func(i int) int { return (map[bool]int{true: 1})[i != one] })
		add(func(i int) int { return (map[bool]int{true: 1})[i == one] })
	}
	for range most / 4 {
		add(func(int) int { return random.IntN(4) })
	}
	return all
}

// survive adds what is left of a directory to tree: the contents of files, "→" and the target of links, nil for
// directories.
func survive(tree map[string][]byte, disk map[*inode]*left, decided map[choice]int, at *inode, path string) {
	names := map[string]*inode{}
	if l := disk[at]; l != nil {
		apply(names, l.names)
		for i, c := range l.changes {
			if decided[choice{at, i, 2}] == 1 {
				apply(names, c)
			}
		}
	}
	for name, to := range names {
		below := filepath.Join(path, name)
		switch {
		case to.link != "":
			tree[below] = []byte("→" + to.link)
		case to.names != nil:
			tree[below] = nil
			survive(tree, disk, decided, to, below)
		default:
			tree[below] = content(disk[to], decided[choice{to, -1, 4}])
		}
	}
}

// content returns what is left of a file: what was synced, with all that was written since, its first half, or zeros in
// the second.
func content(l *left, way int) []byte {
	if l == nil {
		return []byte{}
	}
	half := (len(l.content) + len(l.written)) / 2
	switch way {
	case 1:
		return append([]byte{}, l.written...)
	case 2:
		return append([]byte{}, l.written[:half]...)
	case 3:
		return append(append([]byte{}, l.written[:half]...), make([]byte, len(l.written)-half)...)
	}
	return append([]byte{}, l.content...)
}

func sorted(tree map[string][]byte) (lines []string) {
	for path, text := range tree {
		lines = append(lines, fmt.Sprintf("%s %t %s", path, text == nil, text))
	}
	slices.Sort(lines)
	return lines
}

// build makes the tree in dir.
func build(dir string, tree map[string][]byte) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	paths := make([]string, 0, len(tree))
	for path := range tree {
		paths = append(paths, path)
	}
	slices.Sort(paths) // directories before what is in them
	for _, path := range paths {
		to, text := filepath.Join(dir, path), tree[path]
		target, link := strings.CutPrefix(string(text), "→")
		var err error
		switch {
		case text == nil:
			err = os.Mkdir(to, 0o755)
		case link:
			err = os.Symlink(target, to)
		default:
			err = os.WriteFile(to, text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
