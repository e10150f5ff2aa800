package gguf

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
	"fettle/internal/checkpoint"
)

// file is a GGUF file in the making.
type file struct{ bytes.Buffer }

func (f *file) put(values ...any) *file {
	for _, v := range values {
		if s, ok := v.(string); ok {
			binary.Write(f, binary.LittleEndian, uint64(len(s)))
			f.WriteString(s)
			continue
		}
		binary.Write(f, binary.LittleEndian, v)
	}
	return f
}

// begin begins a file of version 3.
func begin(tensors, keys uint64) *file {
	f := &file{}
	f.WriteString("GGUF")
	return f.put(uint32(3), tensors, keys)
}

// align fills up to a multiple of n.
func (f *file) align(n int) *file {
	for f.Len()%n != 0 {
		f.WriteByte(0)
	}
	return f
}

func sample() []byte {
	f := begin(2, 11)
	f.put("general.alignment", uint32(4), uint32(64))
	f.put("a.text", uint32(8), "hügel")
	f.put("a.bool", uint32(7), uint8(1))
	f.put("a.small", uint32(1), int8(-3))
	f.put("a.float", uint32(6), float32(1e-5))
	f.put("a.double", uint32(12), 0.1)
	f.put("a.texts", uint32(9), uint32(8), uint64(3), "x", "", "yz")
	f.put("a.numbers", uint32(9), uint32(5), uint64(2), int32(7), int32(-8))
	f.put("a.bytes", uint32(9), uint32(0), uint64(3), []uint8{1, 2, 255})
	f.put("a.signed", uint32(9), uint32(1), uint64(2), []int8{1, -1})
	f.put("a.none", uint32(9), uint32(4), uint64(0))
	f.put("plain", uint32(2), uint64(3), uint64(2), uint32(0), uint64(0))
	f.put("blocks", uint32(1), uint64(32), uint32(8), uint64(64))
	f.align(64).put([]float32{1, 2, 3, 4, 5, 6})
	f.align(64).put(uint16(0x3800)) // 0.5
	for i := range 32 {
		f.put(int8(i - 16))
	}
	return f.Bytes()
}

func TestKeysAndTensorsAreRead(t *testing.T) {
	f, err := Parse(sample())
	require.NoError(t, err)
	require.Equal(t, Metadata{
		"general.alignment": uint64(64), "a.text": "hügel", "a.bool": true, "a.small": int64(-3),
		"a.float": float64(float32(1e-5)), "a.double": 0.1, "a.texts": []string{"x", "", "yz"},
		"a.numbers": []int64{7, -8}, "a.none": []uint64{},
		"a.bytes": []uint8{1, 2, 255}, "a.signed": []int8{1, -1},
	}, f.Metadata)
	require.Equal(t, []string{"blocks", "plain"}, f.Names())
	plain, ok := f.Tensor("plain")
	require.True(t, ok)
	require.Equal(t, []int{2, 3}, plain.Shape, "the innermost dimension last")
	x, err := checkpoint.Float32s(plain)
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2, 3, 4, 5, 6}, x)
	blocks, _ := f.Tensor("blocks")
	require.Equal(t, checkpoint.Q8_0, blocks.Type)
	x, err = checkpoint.Float32s(blocks)
	require.NoError(t, err)
	require.Equal(t, []float32{-8, -7.5, -7}, x[:3])
	_, ok = f.Tensor("none")
	require.False(t, ok)
	require.NoError(t, f.Close())
}

func TestMetadataIsReadByItsType(t *testing.T) {
	m := Metadata{"n": uint64(7), "z": int64(-2), "f": 2.5, "t": "x", "b": true, "l": []string{"a"},
		"huge": uint64(1 << 63)}
	n, ok := m.Int("n")
	require.True(t, ok)
	require.Equal(t, 7, n)
	n, ok = m.Int("z")
	require.True(t, ok)
	require.Equal(t, -2, n)
	for _, key := range []string{"f", "t", "none", "huge"} {
		_, ok = m.Int(key)
		require.False(t, ok, key)
	}
	x, ok := m.Float("n")
	require.True(t, ok)
	require.Equal(t, 7.0, x)
	_, ok = m.Float("t")
	require.False(t, ok)
	_, ok = m.Text("b")
	require.False(t, ok)
	list, ok := m.Texts("l")
	require.True(t, ok)
	require.Equal(t, []string{"a"}, list)
	b, ok := m.Bool("b")
	require.True(t, ok && b)
}

func TestWrongHeadersAreRefusedWithAReason(t *testing.T) {
	one := func(kind uint32, offset uint64, dims ...uint64) *file {
		f := begin(1, 0).put("w", uint32(len(dims)))
		for _, d := range dims {
			f.put(d)
		}
		return f.put(kind, offset).align(32)
	}
	for want, data := range map[string][]byte{
		"it is something else, want a GGUF file": []byte("GGUX"),
		"version 1, want 2 or 3": (&file{}).put([]byte("GGUF"), uint32(1),
			uint64(0), uint64(0)).Bytes(),
		"big-endian":         (&file{}).put([]byte("GGUF"), uint32(3<<24), uint64(0)).Bytes(),
		"ends in the middle": begin(1<<60, 0).Bytes(),
		"value of type 13":   begin(0, 1).put("k", uint32(13), uint64(0)).Bytes(),
		"value of type 9": begin(0, 1).put("k", uint32(9), uint32(9),
			uint64(1), uint32(4)).Bytes(),
		"key k stands there twice": begin(0, 2).put("k", uint32(7), uint8(1),
			"k", uint32(7), uint8(1)).Bytes(),
		"general.alignment is 48":                            begin(0, 1).put(alignKey, uint32(4), uint32(48)).Bytes(),
		"general.alignment is 0":                             begin(0, 1).put(alignKey, uint32(4), uint32(0)).Bytes(),
		"5 dimensions":                                       one(0, 0, 1, 1, 1, 1, 1).Bytes(),
		"dimension 4294967296":                               one(0, 0, 1<<32).Bytes(),
		"type IQ2_XXS is not supported":                      one(16, 0, 256).Bytes(),
		"type number 99 is not supported":                    one(99, 0, 256).Bytes(),
		"rows of 48 elements, want a multiple of 32":         one(8, 0, 48).Bytes(),
		"its data begin at 4, which 32 does not divide":      one(0, 4, 1).put(uint64(0)).Bytes(),
		"8 bytes at 0, but the file has 4: it is truncated":  one(0, 0, 2).put(uint32(0)).Bytes(),
		"4 bytes at 32, but the file has 4: it is truncated": one(0, 32, 1).put(uint32(0)).Bytes(),
		"tensor w stands there twice": begin(2, 0).put("w", uint32(0), uint32(24), uint64(0),
			"w", uint32(0), uint32(24), uint64(0)).align(32).put(uint8(0)).Bytes(),
		"2147483647 2147483647 2147483647] overflows":      one(0, 0, 1<<31-1, 1<<31-1, 1<<31-1, 1<<31-1).Bytes(),
		"a scalar, want rows of a multiple of 32 for Q8_0": one(8, 0).put(make([]byte, 34)).Bytes(),
	} {
		_, err := Parse(data)
		require.ErrorContains(t, err, want)
	}
	whole := sample()
	for n := range whole {
		_, err := Parse(whole[:n])
		require.Error(t, err, "cut at %d", n)
	}
}

func TestListsOfBytesTakeTheirSizeInMemory(t *testing.T) {
	const n = 1 << 20
	for _, kind := range []uint32{0, 1} {
		data := begin(0, 1).put("k", uint32(9), kind, uint64(n), make([]byte, n)).Bytes()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f, err := Parse(data)
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.Len(t, f.Metadata["k"], n)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2*n))
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample())
	f.Add(begin(1, 1).put("k", uint32(9), uint32(8), uint64(1), "x").Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		defer budget.Of(t, len(data))()
		file, err := Parse(data)
		if err != nil {
			return
		}
		for _, name := range file.Names() {
			tensor, _ := file.Tensor(name)
			require.NoError(t, tensor.Check())
		}
		require.Len(t, keysOf(data), len(file.Metadata))
	})
}

func TestAlignmentsOfAnyWidthAreRead(t *testing.T) {
	small := begin(0, 1).put("general.alignment", uint32(5), int32(64)).align(64).Bytes()
	_, err := Parse(small)
	require.NoError(t, err)
	list := begin(0, 1).put("general.alignment", uint32(9), uint32(4), uint64(1000), make([]uint32, 1000)).Bytes()
	_, err = Parse(list)
	require.EqualError(t, err, "gguf: general.alignment is no number, want a power of two")
}
