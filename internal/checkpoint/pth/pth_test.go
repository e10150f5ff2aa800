package pth

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
	"fettle/internal/checkpoint"
)

// A pickle in the making.
type pickle struct{ bytes.Buffer }

func (p *pickle) text(s string) *pickle {
	p.WriteByte('X')
	binary.Write(p, binary.LittleEndian, uint32(len(s)))
	p.WriteString(s)
	return p
}

func (p *pickle) raw(s string) *pickle { p.WriteString(s); return p }

func (p *pickle) ints(values ...int32) *pickle {
	p.raw("(")
	for _, v := range values {
		p.raw("J")
		binary.Write(p, binary.LittleEndian, v)
	}
	return p.raw("t")
}

func (p *pickle) int(v int32) *pickle {
	p.raw("J")
	binary.Write(p, binary.LittleEndian, v)
	return p
}

// tensor adds a tensor over a storage.
func (p *pickle) tensor(class, key string, elements, offset int32, size, stride []int32) *pickle {
	p.raw("ctorch._utils\n_rebuild_tensor_v2\n((").text("storage").raw("ctorch\n" + class + "\n").text(key).text("cpu")
	p.int(elements).raw("tQ").int(offset).ints(size...).ints(stride...)
	return p.raw("\x89ccollections\nOrderedDict\n)RtR")
}

// state begins a pickle of an OrderedDict.
func state() *pickle {
	p := &pickle{}
	return p.raw("\x80\x02ccollections\nOrderedDict\n)Rq\x00(")
}

func (p *pickle) end() []byte { return p.raw("u.").Bytes() }

func floats(values ...float32) string {
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, values)
	return b.String()
}

// archive writes a file in the zip layout.
func archive(t testing.TB, data []byte, storages map[string]string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	add := func(name, text string) {
		h := &zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(text)),
			CompressedSize64: uint64(len(text)), UncompressedSize64: uint64(len(text))}
		e, err := w.CreateRaw(h)
		require.NoError(t, err)
		_, err = e.Write([]byte(text))
		require.NoError(t, err)
	}
	add("archive/data.pkl", string(data))
	add("archive/byteorder", "little")
	for key, text := range storages {
		add("archive/data/"+key, text)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// legacy writes a file in the layout before PyTorch 1.6.
func legacy(data []byte, keys []string, storages map[string]string, width int) []byte {
	p := &pickle{}
	p.raw("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.").raw("\x80\x02M\xe9\x03.").raw("\x80\x02}.")
	p.Write(data)
	p.raw("\x80\x02](")
	for _, k := range keys {
		p.text(k)
	}
	p.raw("e.")
	for _, k := range keys {
		binary.Write(p, binary.LittleEndian, int64(len(storages[k])/width))
		p.WriteString(storages[k])
	}
	return p.Bytes()
}

// values reads a tensor of a file.
func values(t *testing.T, f *File, name string) ([]int, []float32) {
	tensor, ok := f.Tensor(name)
	require.True(t, ok, name)
	x, err := checkpoint.Float32s(tensor)
	require.NoError(t, err)
	require.Equal(t, name, tensor.Name)
	return tensor.Shape, x
}

func TestTensorsAreWindowsIntoTheirStorages(t *testing.T) {
	data := state().
		text("whole").tensor("FloatStorage", "0", 6, 0, []int32{2, 3}, []int32{3, 1}).
		text("row").tensor("FloatStorage", "0", 6, 3, []int32{3}, []int32{1}).
		text("transposed").tensor("FloatStorage", "0", 6, 0, []int32{3, 2}, []int32{1, 3}).
		text("column").tensor("FloatStorage", "0", 6, 1, []int32{2, 1}, []int32{3, 7}).
		text("none").tensor("FloatStorage", "0", 6, 6, []int32{0, 3}, []int32{3, 1}).
		text("scalar").tensor("HalfStorage", "1", 1, 0, nil, nil).
		text("steps").int(7).end()
	storages := map[string]string{"0": floats(1, 2, 3, 4, 5, 6), "1": "\x00\x3e"}
	for name, file := range map[string][]byte{
		"zip":    archive(t, data, storages),
		"legacy": legacy(data, []string{"0", "1"}, storages, 4),
	} {
		if name == "legacy" { // the half has another width
			file = legacy(data, []string{"0"}, storages, 4)
			keys := bytes.LastIndex(file, []byte("e."))
			key := (&pickle{}).text("1").Bytes()
			half := append(binary.LittleEndian.AppendUint64(nil, 1), storages["1"]...)
			file = append(append(append(append([]byte{}, file[:keys]...), key...), file[keys:]...), half...)
		}
		f, err := Parse(file)
		require.NoError(t, err, name)
		require.Equal(t, []string{"column", "none", "row", "scalar", "transposed", "whole"}, f.Names(), name)
		for _, c := range []struct {
			name   string
			shape  []int
			values []float32
		}{
			{"whole", []int{2, 3}, []float32{1, 2, 3, 4, 5, 6}},
			{"row", []int{3}, []float32{4, 5, 6}},
			{"transposed", []int{3, 2}, []float32{1, 4, 2, 5, 3, 6}},
			{"column", []int{2, 1}, []float32{2, 5}},
			{"none", []int{0, 3}, []float32{}},
			{"scalar", nil, []float32{1.5}},
		} {
			shape, x := values(t, f, c.name)
			require.Equal(t, c.shape, shape, c.name)
			require.Equal(t, c.values, x, c.name)
		}
		require.NoError(t, f.Close())
	}
}

func TestStateDictsMayStandInsideACheckpoint(t *testing.T) {
	inner := (&pickle{}).raw("\x80\x02}(").text("epoch").int(3).text("state_dict").raw("}(").
		text("w").tensor("FloatStorage", "a/b", 2, 0, []int32{2}, []int32{1}).raw("u").end()
	f, err := Parse(archive(t, inner, map[string]string{"a/b": floats(8, 9)}))
	require.NoError(t, err)
	_, x := values(t, f, "w")
	require.Equal(t, []float32{8, 9}, x)
}

// The official LLaMA-Adapter's training saves the flags of its command line beside the tensors.
func TestSettingsBesideTheTensorsArePassedOver(t *testing.T) {
	p := &pickle{}
	p.raw("\x80\x02}(").text("model").raw("}(").text("w")
	p.tensor("FloatStorage", "0", 2, 0, []int32{2}, []int32{1}).raw("u").text("args").raw("cargparse\nNamespace\n)\x81}(")
	p.text("lr").raw("K\x01ub")
	f, err := Parse(archive(t, p.end(), map[string]string{"0": floats(1, 2)}))
	require.NoError(t, err)
	require.Equal(t, []string{"w"}, f.Names())
}

func TestNothingOfAFileIsExecuted(t *testing.T) {
	for reason, body := range map[string]string{
		"os.system":             "\x80\x02cposix\nsystem\n(X\x02\x00\x00\x00idtR.",
		"eval":                  "\x80\x02c__builtin__\neval\n(X\x01\x00\x00\x001tR.",
		"protocol 4":            "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
		"an instance":           "\x80\x02(X\x02\x00\x00\x00idiposix\nsystem\n.",
		"a new object":          "\x80\x02csubprocess\nPopen\n)\x81.",
		"an extension":          "\x80\x02\x82\x01.",
		"the state of a name":   "\x80\x02cposix\nsystem\n}b.",
		"a loader of bytes":     "\x80\x02ctorch.storage\n_load_from_bytes\n(C\x01atR.",
		"a call of a result":    "\x80\x02ccollections\nOrderedDict\n)R)R.",
		"a name in the tensors": "\x80\x02}X\x01\x00\x00\x00wcbuiltins\ngetattr\n(NNtRs.",
	} {
		t.Run(reason, func(t *testing.T) {
			_, err := Parse(archive(t, []byte(body), nil))
			require.Error(t, err)
			require.Regexp(t, "not allowed|not a function|neither a list nor a dict", err.Error())
		})
	}
}

func TestLyingSizesAreRefused(t *testing.T) {
	one := func(elements, offset int32, size, stride []int32) []byte {
		return state().text("w").tensor("FloatStorage", "0", elements, offset, size, stride).end()
	}
	good, six := one(6, 0, []int32{6}, []int32{1}), map[string]string{"0": floats(1, 2, 3, 4, 5, 6)}
	_, err := Parse(archive(t, good, six))
	require.NoError(t, err)
	for reason, file := range map[string][]byte{
		"longer than the storage":   archive(t, one(6, 0, []int32{7}, []int32{1}), six),
		"behind the storage":        archive(t, one(6, 3, []int32{4}, []int32{1}), six),
		"wide strides":              archive(t, one(6, 0, []int32{2}, []int32{6}), six),
		"more elements than it has": archive(t, one(6, 0, []int32{1000, 1000}, []int32{0, 0}), six),
		"a product beyond 64 bits": archive(t,
			one(6, 0, []int32{math.MaxInt32, math.MaxInt32, math.MaxInt32}, []int32{0, 0, 0}), six),
		"a negative size":            archive(t, one(6, 0, []int32{-1}, []int32{1}), six),
		"a negative stride":          archive(t, one(6, 5, []int32{6}, []int32{-1}), six),
		"a storage that is shorter":  archive(t, one(7, 0, []int32{6}, []int32{1}), six),
		"a storage that is missing":  archive(t, good, nil),
		"a text longer than itself":  archive(t, []byte("\x80\x02X\xff\xff\xff\x7fa."), nil),
		"bytes of 2^63":              archive(t, []byte("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa."), nil),
		"a value that is not stored": archive(t, []byte("\x80\x02h\x05."), nil),
		"an empty stack":             archive(t, []byte("\x80\x02."), nil),
		"no mark":                    archive(t, []byte("\x80\x02}u."), nil),
		"values under a mark":        archive(t, []byte("\x80\x02}X\x01\x00\x00\x00a(Ns."), nil),
		"no end":                     archive(t, []byte("\x80\x02}"), nil),
		"no tensors":                 archive(t, []byte("\x80\x02}."), nil),
		"legacy, cut":                legacy(good, []string{"0"}, six, 4)[:200],
		"legacy, another number":     []byte("\x80\x02M\xe9\x03.\x80\x02M\xe9\x03."),
		"not one":                    []byte("something"),
	} {
		_, err := Parse(file)
		require.Error(t, err, reason)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	file := archive(t, state().text("w").tensor("FloatStorage", "0", 2, 0, []int32{2}, []int32{1}).end(),
		map[string]string{"0": floats(3, 4)})
	at := bytes.Index(file, []byte(floats(3, 4)))
	require.Positive(t, at)
	for _, i := range []int{at, at + 7} {
		broken := bytes.Clone(file)
		broken[i] ^= 1
		_, err := Parse(broken)
		require.ErrorContains(t, err, "data/0 is damaged: its checksum differs")
		path := filepath.Join(t.TempDir(), "x.pth")
		require.NoError(t, os.WriteFile(path, broken, 0o644))
		f, err := Describe(path)
		require.NoError(t, err, "names and shapes are not damaged")
		require.Equal(t, []int{2}, f.ByName["w"].Shape)
	}
	for n := range file {
		_, err := Parse(file[:n])
		require.Error(t, err, "cut at %d", n)
	}
	_, err := Parse(file[:len(file)/2])
	require.ErrorContains(t, err, "the file is truncated")
}

// TestPublishedCheckpointsAreRead reads files that PyTorch wrote and compares with the same weights in another format.
func TestPublishedCheckpointsAreRead(t *testing.T) {
	shared := os.Getenv("FETTLE_DATA")
	if shared == "" {
		shared = "../../../../shared"
	}
	files := []string{
		"data/weights/stories260K/meta/consolidated.00.pth", "data/weights/stories260K/stories260K.pt",
		"data/weights/babyllama_tok361/meta/consolidated.00.pth",
		"data/weights/random_fixtures/torchtune/tiny_fair_checkpoint.pt",
		"data/weights/random_fixtures/torchtune/tiny_llama2_checkpoint.pt",
		"data/weights/random_fixtures/executorch/demo_rand_params.pth",
		"data/adapters/peft_regression/lora_opt-350m/0.6.1/adapter_model.bin",
		"data/adapters/peft_regression/adalora_mlp/0.6.1/adapter_model.bin",
		"golden/peft/adapters/lora_pickle/adapter_model.bin",
	}
	if _, err := os.Stat(filepath.Join(shared, files[0])); err != nil {
		t.Skipf("no reference data: %v", err)
	}
	for _, name := range files {
		f, err := Open(filepath.Join(shared, name))
		require.NoError(t, err, name)
		require.NotEmpty(t, f.Names(), name)
		for _, tensor := range f.Names() {
			x, _ := f.Tensor(tensor)
			require.NoError(t, x.Check(), name)
		}
		require.NoError(t, f.Close())
	}
}

func TestFilesWithoutChecksumsAreRead(t *testing.T) {
	data := state().text("w").tensor("FloatStorage", "0", 2, 0, []int32{2}, []int32{1}).end()
	file := archive(t, data, map[string]string{"0": floats(3, 4)})
	r, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	for _, e := range r.File {
		sum := binary.LittleEndian.AppendUint32(nil, e.CRC32)
		file = bytes.ReplaceAll(file, sum, make([]byte, 4))
	}
	f, err := Parse(file)
	require.NoError(t, err)
	x, err := checkpoint.Float32s(f.ByName["w"])
	require.NoError(t, err)
	require.Equal(t, []float32{3, 4}, x)
}

func FuzzParse(f *testing.F) {
	data := state().text("w").tensor("FloatStorage", "0", 6, 0, []int32{3, 2}, []int32{1, 3}).end()
	six := map[string]string{"0": floats(1, 2, 3, 4, 5, 6)}
	f.Add(data)
	f.Add(legacy(data, []string{"0"}, six, 4))
	f.Fuzz(func(t *testing.T, text []byte) {
		defer budget.Of(t, len(text))()
		if file, err := Parse(text); err == nil {
			for _, name := range file.Names() {
				tensor, _ := file.Tensor(name)
				require.NoError(t, tensor.Check())
			}
		}
		file, err := Parse(archive(t, text, six)) // the pickle of an archive
		if err != nil {
			return
		}
		for _, name := range file.Names() {
			tensor, _ := file.Tensor(name)
			require.NoError(t, tensor.Check(), fmt.Sprint(name))
		}
	})
}

func TestStridesThatOverflowAreRefused(t *testing.T) {
	const n = 1<<16 + 1 // (n − 1)·2⁴⁸ is 0 in 64 bits
	p := state().text("w").raw("ctorch._utils\n_rebuild_tensor_v2\n((").text("storage").raw("ctorch\nByteStorage\n")
	p.text("0").text("cpu").int(n).raw("tQ").int(0).ints(n).raw("(\x8a\x07\x00\x00\x00\x00\x00\x00\x01t")
	p.raw("\x89ccollections\nOrderedDict\n)RtR")
	_, err := Parse(archive(t, p.end(), map[string]string{"0": string(make([]byte, n))}))
	require.ErrorContains(t, err, "is larger than its storage")
}

// A tuple of tuples of tuples that are one and the same has 2³⁰ elements in a few hundred bytes.
func TestMessagesAboutNestedTuplesAreShort(t *testing.T) {
	nested := func(p *pickle) *pickle {
		p.raw("K\x01K\x01\x86q\x01")
		for range 30 {
			p.raw("0h\x01h\x01\x86q\x01")
		}
		return p
	}
	named := nested(state()).tensor("ByteStorage", "0", 1, 0, []int32{1}, []int32{1})
	sized := state().text("w").raw("ctorch._utils\n_rebuild_tensor_v2\n((").text("storage").raw("ctorch\nByteStorage\n")
	sized.text("0").text("cpu").int(1).raw("tQ").int(0)
	nested(sized).raw("\x85").ints(1).raw("\x89ccollections\nOrderedDict\n)RtR")
	for _, p := range []*pickle{named, sized} {
		_, err := Parse(archive(t, p.end(), map[string]string{"0": "x"}))
		require.Error(t, err)
		require.Less(t, len(err.Error()), 500)
	}
}
