package data

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// cacheMagic changes with the layout of cached sets.
const cacheMagic = "fettle encoded data 2\n"

// errNoCache is why a set cannot be cached; it is not a failure.
var errNoCache = errors.New("not cacheable")

// cached loads through a cache: what is kept there was made from the same
// bytes, tokenizer, recipe and options by the same program, or is not used.
func cached(tok Tokenizer, r Recipe, files []File, o Options) (*Set, error) {
	key, err := cacheKey(tok, r, files, o)
	if errors.Is(err, errNoCache) {
		return load(tok, r, files, o)
	} else if err != nil {
		return nil, err
	}
	path := filepath.Join(o.Cache, key+".fettle")
	if s, err := readCache(path); err == nil {
		return s, nil
	}
	if err := os.MkdirAll(o.Cache, 0o755); err != nil {
		return nil, fmt.Errorf("cache data set: %w", err)
	}
	s, err := load(tok, r, files, o)
	if err != nil {
		return nil, err
	}
	if err := writeCache(path, s); err != nil {
		return nil, fmt.Errorf("cache data set: %w", err)
	}
	return s, nil
}

// identified is a tokenizer whose file is known. What lies beside the file
// shows in its pieces and in how it reads a few probes.
type identified interface {
	speller
	Hash() string // of the tokenizer's file
}

// cacheKey is a SHA-256 over everything that decides what a set becomes.
func cacheKey(tok Tokenizer, r Recipe, files []File, o Options) (string, error) {
	s, ok := tok.(identified)
	if !ok || r.Render != nil && r.RenderKey == "" {
		return "", errNoCache
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", cacheMagic)
	if program, err := os.Executable(); err == nil {
		if info, err := os.Stat(program); err == nil {
			fmt.Fprintf(h, "%d %d\n", info.Size(), info.ModTime().UnixNano())
		}
	}
	fmt.Fprintln(h, s.Hash())
	for id := range int32(s.Size()) {
		fmt.Fprintf(h, "%q%t", s.Piece(id), s.Control(id))
	}
	for _, probe := range []string{" a  b", "Übung\n</s><s>1234", "<|eot_id|>"} {
		fmt.Fprintln(h, tok.BOS(), tok.EOS(), tok.Encode(probe), tok.EncodeSpecial(probe))
	}
	o.Progress, o.Cache = nil, ""
	for _, v := range []any{r, files, o.OverLong, o.TrainOn, o.OnBadRow, o.Cutoff, o.Fix, o.Clean, o.Seed, o.ParseSpecials} {
		text, err := json.Marshal(v)
		if err != nil {
			return "", fmt.Errorf("cache data set: %w", err)
		}
		fmt.Fprintf(h, "%s\n", text)
	}
	for _, f := range files {
		in, err := os.Open(f.Path)
		if err != nil {
			return "", fmt.Errorf("read data set: %w", err)
		}
		n, err := io.Copy(h, in)
		in.Close()
		if err != nil {
			return "", fmt.Errorf("read %s: %w", f.Path, err)
		}
		fmt.Fprintf(h, "\n%d\n", n)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writeCache writes a set whole or not at all.
func writeCache(path string, s *Set) error {
	f, err := os.CreateTemp(filepath.Dir(path), "writing-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	sum := sha256.New()
	b := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<16)
	err = encodeCache(b, s)
	if err == nil {
		err = b.Flush()
	}
	if err == nil {
		_, err = f.Write(sum.Sum(nil))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// encodeCache writes all of a cached set but the SHA-256 that ends it:
//
//	magic · n uint32 · n bytes of JSON, the Set without its examples ·
//	sources, a line each · lengths uint32 · tokens int32 · mask, a byte a token
//
// b keeps its first error.
func encodeCache(b *bufio.Writer, s *Set) error {
	bare := *s
	bare.Examples = nil
	head, err := json.Marshal(struct {
		Set
		Count, SourceBytes int
	}{bare, len(s.Examples), sourceBytes(s.Examples)})
	if err != nil {
		return err
	}
	b.WriteString(cacheMagic)
	binary.Write(b, binary.LittleEndian, uint32(len(head)))
	b.Write(head)
	for _, e := range s.Examples {
		b.WriteString(e.Source)
		b.WriteByte('\n')
	}
	for _, e := range s.Examples {
		binary.Write(b, binary.LittleEndian, uint32(len(e.Tokens)))
	}
	for _, e := range s.Examples {
		binary.Write(b, binary.LittleEndian, e.Tokens)
	}
	for _, e := range s.Examples {
		for _, l := range e.Labels {
			learn := byte(0)
			if l != Ignore {
				learn = 1
			}
			b.WriteByte(learn)
		}
	}
	return nil
}

func sourceBytes(examples []Example) int {
	n := 0
	for _, e := range examples {
		n += len(e.Source) + 1
	}
	return n
}

// readCache reads what writeCache wrote; anything else is an error.
func readCache(path string) (*Set, error) {
	all, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return decodeCache(all, filepath.Dir(path))
}

// decodeCache takes a cached set apart; dir is where much of it may be kept.
func decodeCache(all []byte, dir string) (*Set, error) {
	text := len(all) - sha256.Size
	if text < len(cacheMagic)+4 || !bytes.HasPrefix(all, []byte(cacheMagic)) {
		return nil, errors.New("not a cached set")
	}
	if sum := sha256.Sum256(all[:text]); !bytes.Equal(sum[:], all[text:]) {
		return nil, errors.New("damaged")
	}
	r := reader{rest: all[len(cacheMagic):text]}
	var head struct {
		Set
		Count, SourceBytes int
	}
	if err := json.Unmarshal(r.take(int(r.number())), &head); err != nil {
		return nil, err
	}
	if head.Count < 0 {
		return nil, errors.New("not a cached set")
	}
	s, sources, lengths := &head.Set, strings.Split(string(r.take(head.SourceBytes)), "\n"), make([]int, 0, min(head.Count, text))
	total := 0
	for range cap(lengths) {
		lengths = append(lengths, int(r.number()))
		total += lengths[len(lengths)-1]
	}
	rest := r.rest
	if r.short || len(rest) != 5*total || len(sources) != head.Count+1 || len(lengths) != head.Count {
		return nil, errors.New("not a cached set")
	}
	a, mask := &arena{dir: dir}, rest[4*total:]
	s.Examples = make([]Example, head.Count)
	var e Example
	for i, at := 0, 0; i < head.Count; i++ {
		e.Tokens, e.Labels, e.Source = e.Tokens[:0], e.Labels[:0], strings.Clone(sources[i])
		for range lengths[i] {
			id := int32(binary.LittleEndian.Uint32(rest[4*at:]))
			e.Tokens, e.Labels = append(e.Tokens, id), append(e.Labels, Ignore)
			if mask[at] != 0 {
				e.Labels[len(e.Labels)-1] = id
			}
			at++
		}
		s.Examples[i] = a.keep(e)
	}
	return s, nil
}

// reader takes bytes off, and notes where there are too few.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.short = true
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) number() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}
