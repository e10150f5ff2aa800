package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
	"fettle/internal/checkpoint"
)

// file is a header and its data, put together without any check.
func file(header, data string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+data...)
}

func TestParseRefusesHostileFiles(t *testing.T) {
	const abcd = "abcdefgh"
	for _, c := range []struct {
		reason string
		raw    []byte
		want   string
	}{
		{"empty", nil, "0 bytes, want at least 8"},
		{"length cut", []byte{1, 2, 3}, "3 bytes, want at least 8"},
		{"header longer than the file", append(binary.LittleEndian.AppendUint64(nil, 99), '{', '}'),
			"header of 99 bytes, but 2 follow"},
		{"header length overflows", binary.LittleEndian.AppendUint64(nil, 1<<63), "want at most"},
		{"header above the limit", binary.LittleEndian.AppendUint64(nil, maxHeader+1), "want at most"},
		{"no header", file("", ""), "not a JSON object"},
		{"space before the header", file(" {}", ""), "not a JSON object"},
		{"array", file("[]", ""), "not a JSON object"},
		{"not UTF-8", file("{\"\xff\":1}", ""), "not a JSON object in UTF-8"},
		{"cut JSON", file(`{"a":{"dtype":"F32"`, ""), "no JSON behind its byte 19"},
		{"second object", file(`{}{}`, ""), "something follows"},
		{"garbage after the object", file("{}\x00", ""), "something follows"},
		{"data without a tensor", file("{}", abcd), "the tensors cover 0 bytes, the file holds 8"},
		{"tensor twice",
			file(`{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},`+
				`"a":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}}`, abcd),
			`key "a" occurs twice`},
		{"escaped duplicate",
			file(`{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},`+
				`"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}}`, abcd),
			`key "a" occurs twice`},
		{"dtype twice", file(`{"a":{"dtype":"U8","dtype":"I8","shape":[8],"data_offsets":[0,8]}}`, abcd),
			`key "dtype" occurs twice`},
		{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, ""), "occurs twice"},
		{"metadata key twice", file(`{"__metadata__":{"k":"1","k":"2"}}`, ""), "occurs twice"},
		{"metadata number", file(`{"__metadata__":{"k":1}}`, ""), "1 where a string should be"},
		{"metadata list", file(`{"__metadata__":[]}`, ""), "[ where { should be"},
		{"hole",
			file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},`+
				`"b":{"dtype":"U8","shape":[3],"data_offsets":[5,8]}}`, abcd),
			"tensor b: data begins at 5, want 4"},
		{"hole at the front", file(`{"a":{"dtype":"U8","shape":[7],"data_offsets":[1,8]}}`, abcd),
			"begins at 1, want 0"},
		{"hole at the end", file(`{"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}}`, abcd),
			"cover 7 bytes, the file holds 8"},
		{"overlap that adds up",
			file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},`+
				`"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`, abcd),
			"tensor b: data begins at 2, want 4"},
		{"two tensors of the same bytes",
			file(`{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},`+
				`"b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}`, abcd),
			"a hole or an overlap"},
		{"truncated data", file(`{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}`, abcd), "the file is truncated"},
		{"backward offsets", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}}`, abcd), "want [begin end]"},
		{"one offset", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[4]}}`, abcd), "want [begin end]"},
		{"three offsets", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,8]}}`, abcd), "want [begin end]"},
		{"no offsets", file(`{"a":{"dtype":"U8","shape":[0]}}`, ""), "want [begin end]"},
		{"negative offset", file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[-4,0]}}`, abcd),
			"-4 where a non-negative integer"},
		{"negative dimension", file(`{"a":{"dtype":"U8","shape":[-2,-4],"data_offsets":[0,8]}}`, abcd),
			"-2 where a non-negative integer"},
		{"fractional dimension", file(`{"a":{"dtype":"U8","shape":[8.0],"data_offsets":[0,8]}}`, abcd), "8.0 where"},
		{"exponent", file(`{"a":{"dtype":"U8","shape":[8e0],"data_offsets":[0,8]}}`, abcd), "8e0 where"},
		{"quoted dimension", file(`{"a":{"dtype":"U8","shape":["8"],"data_offsets":[0,8]}}`, abcd), "8 where"},
		{"null dimension", file(`{"a":{"dtype":"U8","shape":[null,8],"data_offsets":[0,8]}}`, abcd), "<nil> where"},
		{"null shape", file(`{"a":{"dtype":"U8","shape":null,"data_offsets":[0,8]}}`, abcd), "should be"},
		{"no shape", file(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, abcd), "no shape"},
		{"offset beyond 64 bits",
			file(`{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,18446744073709551624]}}`, abcd),
			"where a non-negative integer"},
		{"shape overflows to 8",
			file(`{"a":{"dtype":"U8","shape":[4294967296,4294967296,8],"data_offsets":[0,8]}}`, abcd), "overflows"},
		{"dimension beyond an int",
			file(`{"a":{"dtype":"U8","shape":[0,9223372036854775808],"data_offsets":[0,0]}}`, ""), "overflows"},
		{"element size overflows",
			file(`{"a":{"dtype":"F64","shape":[2305843009213693953],"data_offsets":[0,8]}}`, abcd), "overflows"},
		{"shape and data disagree", file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, abcd),
			"8 bytes of data, want 12 for F32 [3]"},
		{"unknown dtype", file(`{"a":{"dtype":"f32","shape":[2],"data_offsets":[0,8]}}`, abcd), `unknown dtype "f32"`},
		{"block type", file(`{"a":{"dtype":"Q8_0","shape":[0],"data_offsets":[0,0]}}`, ""), `unknown dtype "Q8_0"`},
		{"unknown key", file(`{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"extra":{}}}`, abcd),
			`unknown key "extra"`},
		{"tensor that is no object", file(`{"a":[]}`, ""), "[ where { should be"},
		{"deep nesting", file(`{"a":`+strings.Repeat("[", 10000), ""), "where { should be"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := Parse(c.raw)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "safetensors: ")
		})
	}
}

func TestParseAcceptsAnyOrderAndPadding(t *testing.T) {
	f, err := Parse(file(`{"b":{"data_offsets":[4,8],"shape":[2,2],"dtype":"U8"}, `+
		`"e":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}, `+
		`"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`+"  \n", "abcdefgh"))
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "e"}, f.Names())
	b, _ := f.Tensor("b")
	require.Equal(t, "efgh", string(b.Data))
	require.Empty(t, f.Metadata())
}

// What is accepted tiles the data, is read by encoding/json as the same, and survives a round trip.
func FuzzParse(f *testing.F) {
	f.Add(file("{}", ""))
	f.Add(file(`{"a":{"dtype":"BF16","shape":[2,1],"data_offsets":[4,8]}, "\u0062":{"dtype":"F32","shape":[],`+
		`"data_offsets":[0,4]},"c":{"shape":[0,9],"data_offsets":[8,8],"dtype":"I64"}} `, "abcdefgh"))
	f.Add(encode(f, sample(), map[string]string{"format": "pt"}))
	f.Add(file(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},`+
		`"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`, "abcdefgh"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer budget.Of(t, len(raw))()
		file, err := Parse(raw)
		if err != nil {
			return
		}
		n := 8 + int(binary.LittleEndian.Uint64(raw))
		plain := map[string]struct {
			Type    string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}{}
		require.NoError(t, json.Unmarshal(raw[8:n], &plain))
		delete(plain, "__metadata__")
		require.Len(t, plain, len(file.Names()))
		var list []checkpoint.Tensor
		size := 0
		for _, name := range file.Names() {
			tensor, _ := file.Tensor(name)
			list, size = append(list, tensor), size+len(tensor.Data)
			want := plain[name]
			require.Equal(t, string(raw[n+want.Offsets[0]:n+want.Offsets[1]]), string(tensor.Data), name)
			require.Equal(t, append([]int{}, want.Shape...), append([]int{}, tensor.Shape...), name)
			_, _ = checkpoint.Float32s(tensor)
		}
		require.Equal(t, len(raw)-n, size)
		again, err := Parse(encode(t, list, file.Metadata()))
		require.NoError(t, err)
		require.Equal(t, file.Names(), again.Names())
	})
}

func TestMetadataMayBeNull(t *testing.T) {
	f, err := Parse(file(`{"__metadata__":null,"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x"))
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, f.Names())
	require.Empty(t, f.Metadata())
}

func TestADamagedHeaderIsCalledSo(t *testing.T) {
	for _, header := range []string{
		"{\"a\":{\"dtype\":\"F32\",\x00\x00\x00\x00\"shape\":[1],\"data_offsets\":[0,4]}}",
		`{"a":{"dtype":"F32","shape":[1]`,
	} {
		_, err := Parse(file(header, "abcd"))
		require.ErrorContains(t, err, "the file is damaged: download or copy it again")
	}
}
