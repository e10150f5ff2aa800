package identify

import (
	"encoding/binary"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Layout names how a model lies on disk.
type Layout string

// The layouts that this program reads. A model in one of the last two is a file.
const (
	HuggingFace Layout = "huggingface" // a directory with config.json and safetensors or PyTorch files
	Meta        Layout = "meta"        // a directory with params.json and consolidated.*.pth
	GGUFModel   Layout = "gguf"
	Llama2CFile Layout = "llama2c"
)

// ModelAt finds a model: its layout and the directory or file that holds it, which is path itself or, where that is a
// directory with nothing but one GGUF file, the file. The layout is "" where there is none.
func ModelAt(path string) (Layout, string) {
	if !isDir(path) {
		switch File(path) {
		case GGUF:
			return GGUFModel, path
		case Llama2C:
			return Llama2CFile, path
		}
		return "", path
	}
	names := namesIn(path)
	for _, s := range signs {
		if s.layout == "" || !s.match(names) {
			continue
		}
		if s.layout != GGUFModel {
			return s.layout, path
		}
		if files := ggufFiles(names); len(files) == 1 {
			return GGUFModel, filepath.Join(path, files[0])
		}
	}
	return "", path
}

// ggufFiles lists the GGUF files among names; of a file in parts, the first.
func ggufFiles(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		i, _ := Part(name)
		return i > 1 || !strings.HasSuffix(name, ".gguf")
	})
}

// Part returns the numbers of a name that ends in -00002-of-00005.gguf; zeros for any other.
func Part(name string) (i, of int) {
	const end = len("-00002-of-00005.gguf")
	if len(name) < end || !strings.HasSuffix(name, ".gguf") {
		return 0, 0
	}
	digits := func(text string) (n int) {
		for _, c := range text {
			if c < '0' || c > '9' {
				return 0
			}
			n = 10*n + int(c-'0')
		}
		return n
	}
	tail := name[len(name)-end:]
	if i, of = digits(tail[1:6]), digits(tail[10:15]); tail[0] != '-' || tail[6:10] != "-of-" || i < 1 || i > of {
		return 0, 0
	}
	return i, of
}

// isLegacyLlama2C recognizes the first format of llama2.c, which has no magic number: seven numbers of 32 bits, and
// float32 weights that fill the rest of the file exactly.
func isLegacyLlama2C(head []byte, size int64) bool {
	var n [7]uint64 // dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len
	if len(head) < 4*len(n) {
		return false
	}
	for i := range n {
		v := int32(binary.LittleEndian.Uint32(head[4*i:]))
		if i == 5 && v < 0 { // the head is not the embedding
			v = -v
		}
		if v < 1 || v > 1<<24 {
			return false
		}
		n[i] = uint64(v)
	}
	shared := int32(binary.LittleEndian.Uint32(head[20:])) > 0
	d, f, layers, heads, kv, vocab, positions := n[0], n[1], n[2], n[3], n[4], n[5], n[6]
	if d%heads != 0 || heads%kv != 0 || layers > 1<<12 {
		return false
	}
	block := 2*d + 2*d*d + 2*d*(d/heads*kv) + 3*d*f // below 2^52
	over, total := bits.Mul64(layers, block)
	total += vocab*d + d + positions*(d/heads)
	if !shared {
		total += vocab * d
	}
	return over == 0 && total < 1<<60 && 4*(total+uint64(len(n))) == uint64(size)
}

// isLegacyFile applies isLegacyLlama2C to a file of a name that such files have.
func isLegacyFile(f *os.File, head []byte) bool {
	info, err := f.Stat()
	return err == nil && filepath.Ext(f.Name()) == ".bin" && isLegacyLlama2C(head, info.Size())
}
