package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/checkpoint"
)

// pieces returns a tensor whose data come in pieces of three bytes.
func pieces(name string, as checkpoint.Type, shape []int, data []byte) checkpoint.Lazy {
	return checkpoint.Lazy{Name: name, Type: as, Shape: shape, Write: func(w io.Writer) error {
		for len(data) > 0 {
			n := min(3, len(data))
			if _, err := w.Write(data[:n]); err != nil {
				return err
			}
			data = data[n:]
		}
		return nil
	}}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	keys := []Key{
		{"general.architecture", "llama"}, {"u8", uint8(200)}, {"i8", int8(-3)}, {"u16", uint16(60000)},
		{"i16", int16(-30000)}, {"u32", uint32(4e9)},
		{"i32", int32(-2e9)}, {"f32", float32(1e-5)}, {"yes", true}, {"no", false},
		{"text", "hügel"},
		{"u64", uint64(1 << 63)}, {"i64", int64(-1 << 63)}, {"f64", 0.1}, {"texts", []string{"x", "", "yz"}},
		{"bytes", []byte{1, 2}}, {"numbers", []int32{7, -8}}, {"scores", []float32{0.5, -1}}, {"flags", []bool{true, false}},
		{"none", []string{}},
	}
	blocks := make([]byte, 2*3*34)
	for i := range blocks {
		blocks[i] = byte(i)
	}
	tensors := []checkpoint.Lazy{
		pieces("blk.0.attn_q.weight", checkpoint.Q8_0, []int{3, 64}, blocks),
		checkpoint.FromFloat32s("output_norm.weight", []int{5}, []float32{1, 2, 3, 4, 5}).Lazy(),
		pieces("a", checkpoint.F16, []int{3, 1, 1}, []byte{1, 2, 3, 4, 5, 6}),
	}
	path := filepath.Join(t.TempDir(), "x.gguf")
	require.NoError(t, Write(path, keys, tensors))
	f, err := Open(path)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, Metadata{
		"general.architecture": "llama", "u8": uint64(200), "i8": int64(-3), "u16": uint64(60000), "i16": int64(-30000),
		"u32": uint64(4e9), "i32": int64(-2e9), "f32": float64(float32(1e-5)), "yes": true, "no": false, "text": "hügel",
		"u64": uint64(1 << 63), "i64": int64(-1 << 63), "f64": 0.1, "texts": []string{"x", "", "yz"},
		"bytes": []uint8{1, 2}, "numbers": []int64{7, -8}, "scores": []float64{0.5, -1}, "flags": []bool{true, false},
		"none": []string{},
	}, f.Metadata)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, keys, keysOf(data))
	require.Len(t, f.Names(), 3)
	q, _ := f.Tensor("blk.0.attn_q.weight")
	require.Equal(t, checkpoint.Tensor{Name: q.Name, Type: checkpoint.Q8_0, Shape: []int{3, 64}, Data: blocks}, q)
	norm, _ := f.Tensor("output_norm.weight")
	x, err := checkpoint.Float32s(norm)
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2, 3, 4, 5}, x)
	a, _ := f.Tensor("a")
	require.Equal(t, []int{3, 1, 1}, a.Shape)
	require.Equal(t, []byte{1, 2, 3, 4, 5, 6}, a.Data)
}

func TestTheSmallestFileHasTheBytesOfTheFormat(t *testing.T) {
	var got bytes.Buffer
	w := pieces("w", checkpoint.F32, []int{1, 2}, make([]byte, 8))
	require.NoError(t, Encode(&got, []Key{{"k", uint32(7)}}, []checkpoint.Lazy{w}))
	want := begin(1, 1).put("k", uint32(4), uint32(7))
	want.put("w", uint32(2), uint64(2), uint64(1), uint32(0), uint64(0)).align(32).put(make([]byte, 8)).align(32)
	require.Equal(t, want.Bytes(), got.Bytes())
}

func TestEachTensorBeginsAtAMultipleOfTheAlignment(t *testing.T) {
	for _, align := range []uint32{0, 1, 32, 256} {
		var keys []Key
		if align > 0 {
			keys = []Key{{alignKey, align}}
		} else {
			align = 32
		}
		var out bytes.Buffer
		one := []byte{1, 0, 0, 0}
		require.NoError(t, Encode(&out, keys, []checkpoint.Lazy{
			pieces("a", checkpoint.F32, []int{1}, one), pieces("b", checkpoint.F32, []int{1}, one),
		}))
		_, err := Parse(out.Bytes())
		require.NoError(t, err)
		require.Zero(t, out.Len()%int(align))
		b := bytes.LastIndex(out.Bytes(), one)
		require.Zero(t, b%int(align), "alignment %d: tensor b begins at %d", align, b)
	}
}

func TestAFileIsWrittenWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gguf")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	disk := errors.New("disk full")
	fails := pieces("w", checkpoint.F32, []int{1}, nil)
	fails.Write = func(io.Writer) error { return disk }
	err := Write(path, nil, []checkpoint.Lazy{fails})
	require.ErrorIs(t, err, disk)
	require.EqualError(t, err, "write gguf: tensor w: disk full")
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(old))
}

func TestWhatTheFormatCannotHoldIsNotWritten(t *testing.T) {
	w := func(name string, as checkpoint.Type, bytes int, shape ...int) []checkpoint.Lazy {
		return []checkpoint.Lazy{pieces(name, as, shape, make([]byte, bytes))}
	}
	long := string(bytes.Repeat([]byte{'x'}, 64))
	for _, c := range []struct {
		keys    []Key
		tensors []checkpoint.Lazy
		want    string
	}{
		{[]Key{{"n", 7}}, nil, "key n: a value of type int, want a number of fixed width"},
		{[]Key{{"n", [][]int32{{1}}}}, nil, "key n: a value of type [][]int32, want"},
		{[]Key{{"n", nil}}, nil, "key n: no value"},
		{[]Key{{"n", true}, {"n", true}}, nil, `key "n" occurs twice`},
		{[]Key{{alignKey, uint32(48)}}, nil, "general.alignment is 48, want a power of two"},
		{[]Key{{alignKey, uint64(64)}}, nil, "general.alignment is of type uint64, want uint32"},
		{nil, append(w("a", checkpoint.F32, 4, 1), w("a", checkpoint.F32, 4, 1)...), `tensor "a": want names`},
		{nil, w(long, checkpoint.F32, 4, 1), "want names of 1 to 63 bytes that occur once"},
		{nil, w("a", checkpoint.U8, 1, 1), "tensor a: type U8 does not exist in GGUF"},
		{nil, w("a", checkpoint.Q4_K, 144, 128), "tensor a: shape [128]: rows of 128 elements, want a multiple of 256"},
		{nil, w("a", checkpoint.F32, 4, 1, 1, 1, 1, 1), "want at most 4 dimensions"},
		{nil, w("a", checkpoint.F32, 4, 2), "tensor a: 4 bytes of data, want 8 for F32 [2]"},
		{nil, w("a", checkpoint.F32, 12, 2), "tensor a: more data than its type and shape require"},
	} {
		require.ErrorContains(t, Encode(io.Discard, c.keys, c.tensors), c.want)
	}
}

func FuzzWhatIsWrittenIsRead(f *testing.F) {
	f.Add("k", "v", uint32(8), int64(-1), 0.5, uint8(3), []byte("abcdefgh"))
	f.Fuzz(func(t *testing.T, name, text string, u uint32, i int64, x float64, align uint8, data []byte) {
		keys := []Key{{alignKey, uint32(1) << (align % 12)}, {name, []string{text, name}}, {"u", u}, {"i", []int64{i}},
			{"x", x}}
		data = data[:len(data)/4*4]
		words := make([]uint32, len(data)/4)
		binary.Decode(data, binary.LittleEndian, words)
		var out bytes.Buffer
		err := Encode(&out, keys, []checkpoint.Lazy{pieces("w", checkpoint.F32, []int{len(words)}, data)})
		if name == "" || name == alignKey || name == "u" || name == "i" || name == "x" {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		file, err := Parse(out.Bytes())
		require.NoError(t, err)
		require.Equal(t, []string{text, name}, file.Metadata[name])
		require.Equal(t, uint64(u), file.Metadata["u"])
		require.Equal(t, []int64{i}, file.Metadata["i"])
		require.Equal(t, name, keysOf(out.Bytes())[1].Name)
		w, _ := file.Tensor("w")
		require.Equal(t, data, append([]byte{}, w.Data...))
	})
}
