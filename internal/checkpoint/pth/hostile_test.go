package pth

import (
	"archive/zip"
	"bytes"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ways to run code that were published for PyTorch's files and for pickles in general. None of them is a state dict.
func TestPublishedAttacksAreRefused(t *testing.T) {
	for reason, body := range map[string]string{
		"REDUCE of os.system":            "\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.",
		"nt.system":                      "\x80\x02cnt\nsystem\n(X\x02\x00\x00\x00idtR.",
		"without a protocol":             "cos\nsystem\n(S'id'\ntR.",
		"INST":                           "(S'id'\nios\nsystem\n.",
		"OBJ":                            "\x80\x02(cos\nsystem\nX\x02\x00\x00\x00ido.",
		"NEWOBJ_EX":                      "\x80\x04csubprocess\nPopen\n)}\x92.",
		"BUILD with __setstate__":        "\x80\x02ccollections\nOrderedDict\n)Rcos\nsystem\nb0.",
		"STACK_GLOBAL from the memo":     "\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x85R.",
		"EXT1":                           "\x80\x02\x82\x01)R.",
		"EXT2":                           "\x80\x02\x83\x01\x00)R.",
		"EXT4":                           "\x80\x02\x84\x01\x00\x00\x00)R.",
		"a buffer out of band":           "\x80\x05\x97.",
		"exec":                           "\x80\x02cbuiltins\nexec\n(X\x06\x00\x00\x00import\x74R.",
		"__import__":                     "\x80\x02cbuiltins\n__import__\n(X\x02\x00\x00\x00ostR.",
		"getattr":                        "\x80\x02cbuiltins\ngetattr\n(X\x02\x00\x00\x00osX\x06\x00\x00\x00systemtR.",
		"apply":                          "\x80\x02c__builtin__\napply\n(X\x02\x00\x00\x00id)tR.",
		"runpy":                          "\x80\x02crunpy\n_run_code\n(X\x01\x00\x00\x00a}tR.",
		"webbrowser":                     "\x80\x02cwebbrowser\nopen\n(X\x01\x00\x00\x00atR.",
		"a nested pickle":                "\x80\x02c_pickle\nloads\n(C\x01.tR.",
		"numpy's own loader":             "\x80\x02cnumpy.core.multiarray\n_reconstruct\n(NNNtR.",
		"torch.hub":                      "\x80\x02ctorch.hub\nload\n(X\x01\x00\x00\x00atR.",
		"torch.load":                     "\x80\x02ctorch.serialization\nload\n(X\x01\x00\x00\x00atR.",
		"torch.jit":                      "\x80\x02ctorch.jit\n_unpickler\n(X\x01\x00\x00\x00atR.",
		"a name with a dot":              "\x80\x04\x8c\x0btorch._utils\x8c\x13_rebuild_tensor_v2.a\x93)R.",
		"a name that the allowed begins": "\x80\x02ctorch._utils\n_rebuild_tensor_v2_\n)R.",
		"a module inside another":        "\x80\x02ctorch\n_utils._rebuild_tensor_v3\n)R.",
		"a storage that is a function": "\x80\x02(X\x07\x00\x00\x00storagecos\nsystem\n" +
			"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ.",
		"a storage by a text":              "\x80\x02X\x01\x00\x00\x000Q.",
		"a storage by the old operation":   "\x80\x02P0\n.",
		"a call hidden in an entry's list": "\x80\x02}X\x01\x00\x00\x00w]cos\nsystem\n(X\x02\x00\x00\x00idtRas.",
		"a call whose result is dropped":   "\x80\x02cos\nsystem\n(X\x02\x00\x00\x00idtR0}.",
	} {
		t.Run(reason, func(t *testing.T) {
			for layout, file := range map[string][]byte{
				"zip":    archive(t, []byte(body), nil),
				"legacy": legacy([]byte(body), nil, nil, 4),
			} {
				_, err := Parse(file)
				require.Error(t, err, layout)
				require.NotContains(t, err.Error(), "holds no tensors", "the attack itself is refused")
			}
		})
	}
}

// packed writes an archive of entries as they come; deflated ones are compressed.
func packed(t *testing.T, deflated bool, names []string, text string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		if deflated {
			e, err := w.Create(name)
			require.NoError(t, err)
			_, err = e.Write([]byte(text))
			require.NoError(t, err)
			continue
		}
		e, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(text)),
			CompressedSize64: uint64(len(text)), UncompressedSize64: uint64(len(text))})
		require.NoError(t, err)
		_, err = e.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestZipBombsAreRefused(t *testing.T) {
	t.Run("a compressed entry", func(t *testing.T) {
		bomb := packed(t, true, []string{"a/data.pkl"}, strings.Repeat("\x00", 16<<20))
		require.Less(t, len(bomb), 1<<16)
		_, err := Parse(bomb)
		require.ErrorContains(t, err, "compressed")
	})
	t.Run("two entries of one name", func(t *testing.T) {
		_, err := Parse(packed(t, false, []string{"a/data.pkl", "a/data.pkl"}, "\x80\x02}."))
		require.ErrorContains(t, err, `two entries "a/data.pkl"`)
	})
	t.Run("entries that share their bytes", func(t *testing.T) {
		// Every record of the directory is made to point to the first entry's data.
		file := packed(t, false, []string{"a/data.pkl", "a/data/00", "a/data/01", "a/data/02"}, strings.Repeat("x", 999))
		directory := []byte("PK\x01\x02")
		first := bytes.Index(file, directory)
		for at := first; at < len(file); {
			copy(file[at+42:], file[first+42:first+46])
			next := bytes.Index(file[at+4:], directory)
			if next < 0 {
				break
			}
			at += 4 + next
		}
		// What lies between is cut out.
		second := bytes.Index(file[4:], []byte("PK\x03\x04")) + 4
		end := bytes.LastIndex(file, []byte("PK\x05\x06"))
		small := append(bytes.Clone(file[:second]), file[first:]...)
		copy(small[len(small)-(len(file)-end)+16:], []byte{byte(second), byte(second >> 8), 0, 0})
		_, err := Parse(small)
		require.ErrorContains(t, err, "more bytes than the file")
	})
	t.Run("more entries than any model has", func(t *testing.T) {
		list := make([]*zip.File, maxEntries+1)
		for i := range list {
			list[i] = &zip.File{}
		}
		_, err := index(list, 1<<40)
		require.ErrorContains(t, err, "entries, want at most")
	})
	t.Run("a name that leads out", func(t *testing.T) { // no entry is ever written to a disk
		_, err := Parse(packed(t, false, []string{"../../etc/data.pkl"}, "\x80\x02}."))
		require.ErrorContains(t, err, "no tensors")
	})
}

// A memo lets a byte stand for a value of any size: what is made of it is counted.
func TestAPickleCannotMultiplyItself(t *testing.T) {
	t.Run("dicts of the same pairs", func(t *testing.T) {
		p := (&pickle{}).raw("\x80\x02ccollections\nOrderedDict\nq\x01](K\x01K\x01\x86q\x02")
		p.raw(strings.Repeat("h\x02", 100_000) + "eq\x030")
		p.raw(strings.Repeat("h\x01h\x03\x85R0", 100_000) + "}.") // 10^10 pairs
		_, err := Parse(archive(t, p.Bytes(), nil))
		require.ErrorIs(t, err, errSteps)
	})
	t.Run("tensors of one long name", func(t *testing.T) {
		p := state().text("w").raw("q\x01").tensor("FloatStorage", "0", 1, 0, []int32{1}, []int32{1}).raw("q\x02")
		p.raw("h\x01h\x02")
		_, err := Parse(archive(t, p.end(), map[string]string{"0": floats(1)}))
		require.ErrorContains(t, err, "tensor w stands there twice")
	})
	t.Run("a stack of nothing", func(t *testing.T) {
		_, err := Parse(archive(t, []byte("\x80\x02"+strings.Repeat("N", maxSteps)+"."), nil))
		require.ErrorIs(t, err, errSteps)
	})
}
