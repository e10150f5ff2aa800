package data

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"fettle/data/encode"
	"fettle/data/recipe"
	"fettle/data/source"
	"fettle/internal/atomicfile"
	"fettle/internal/readfile"
)

// cacheMagic changes with the layout of cached sets, and with what the tokens of a record are.
const cacheMagic = "fettle encoded data 4\n"

// errNoCache reports a set that cannot be cached, which is not a failure.
var errNoCache = errors.New("not cacheable")

// cached loads through a cache. A set in the cache is used only if the same program
// made it from the same bytes, tokenizer, recipe and options.
func cached(tok encode.Tokenizer, r recipe.Recipe, files []source.File, o Options) (*Set, error) {
	key, err := cacheKey(tok, r, files, o)
	if errors.Is(err, errNoCache) {
		return load(tok, r, files, o)
	} else if err != nil {
		return nil, err
	}
	if target, err := filepath.EvalSymlinks(o.Cache); err == nil {
		o.Cache = target
	}
	if err := atomicfile.PrivateDir(o.Cache); errors.Is(err, atomicfile.ErrShared) {
		return nil, fmt.Errorf("data_cache: %w, as what others put there would be taken for data; or name another directory",
			err)
	} else if err != nil {
		return nil, fmt.Errorf("cache data set: %w", err)
	}
	path := filepath.Join(o.Cache, key+".fettle")
	if s, err := readCache(path); err == nil {
		return s, nil
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

// identified is a tokenizer with the hash of its file. cacheKey covers its side files
// by hashing the pieces and the encodings of a few probes.
type identified interface {
	encode.Speller
	Hash() string // of the tokenizer's file
}

// cacheKey returns a SHA-256 over everything that a set depends on.
func cacheKey(tok encode.Tokenizer, r recipe.Recipe, files []source.File, o Options) (string, error) {
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
	probes := []string{" a  b", "Übung\n</s><s>1234", "<|eot_id|>"}
	for id := range int32(s.Size()) {
		fmt.Fprintf(h, "%q%t", s.Piece(id), s.Control(id))
		if s.Control(id) {
			probes = append(probes, "a "+s.Piece(id)+" a"+s.Piece(id)+"a")
		}
	}
	before, after := tok.Specials()
	fmt.Fprintln(h, tok.BOS(), tok.EOS(), before, after)
	for _, probe := range probes {
		fmt.Fprintln(h, tok.Encode(probe), tok.EncodeSpecial(probe))
	}
	o.Progress, o.Cache = nil, ""
	for _, v := range []any{r, files, o} {
		text, err := json.Marshal(v)
		if err != nil {
			return "", fmt.Errorf("cache data set: %w", err)
		}
		fmt.Fprintf(h, "%s\n", text)
	}
	for _, f := range files {
		in, err := readfile.Open(f.Path)
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
