package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"fettle/internal/budget"
)

// FuzzCSV cuts any bytes into rows: as many as there are behind the header, with the cells that encoding/csv finds.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"instruction,output\n a ,b\n", "output;instruction\r\n\"a\nb\";\"c\"\"d\"\r\n", "a\tb\n\n1\t2\t3\n4\t5", "a,a\n",
		"messages\n\"[{\"\"role\"\": \"\"user\"\"}]\"\n\"[{'role': 'user'}]\"\n", "a,\n\"b\nc\"d,\"\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		defer budget.Of(t, len(text))()
		comma := separator(bufio.NewReader(bytes.NewReader(text)))
		var records []Record
		err := cutCSV("a.csv", bytes.NewReader(text), comma, func(r Record) bool {
			records = append(records, r)
			return true
		})
		if err != nil {
			require.ErrorContains(t, err, "read a.csv")
		}
		r := csv.NewReader(bytes.NewReader(text))
		r.Comma = comma
		want, wrong := r.ReadAll()
		if err != nil || wrong != nil || len(want) == 0 {
			return
		}
		require.Len(t, records, len(want)-1)
		for i, got := range records {
			for j, cell := range want[i+1] {
				name := strings.TrimSpace(want[0][j])
				raw := got.fields[name]
				require.True(t, json.Valid(raw), "%s", raw)
				if name == "" || raw[0] != '"' { // several may be nameless
					continue
				}
				require.JSONEq(t, string(quote(cell)), string(raw))
			}
		}
	})
}

// FuzzText cuts a plain text into pieces: together they are the text.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"one line\n", strings.Repeat("many\n", 100), "\xff\n", "", " \n\n", "no end"} {
		f.Add([]byte(seed), uint8(255/(1+len(seed))))
	}
	f.Fuzz(func(t *testing.T, unit []byte, times uint8) {
		text := bytes.Repeat(unit, 1+int(times))
		text = text[:min(len(text), 3*textChunk)]
		defer budget.Of(t, len(text))()
		var got strings.Builder
		valid, line := true, 1
		err := cutText("a.txt", bufio.NewReader(bytes.NewReader(text)), func(r Record) bool {
			valid = valid && r.err == nil
			require.Equal(t, line, r.line)
			var piece string
			require.NoError(t, json.Unmarshal(r.fields["text"], &piece))
			got.WriteString(piece)
			line += strings.Count(piece, "\n")
			return true
		})
		require.NoError(t, err)
		if utf8.Valid(text) && len(bytes.TrimSpace(unit)) > 0 && len(text) < textChunk {
			require.True(t, valid)
			require.Equal(t, string(text), got.String())
		}
	})
}

// FuzzPlainText decompresses any bytes as Go's readers do, and decodes what a byte-order mark says into UTF-8.
func FuzzPlainText(f *testing.F) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write([]byte("\ufeff{\"a\": 1}"))
	require.NoError(f, err)
	require.NoError(f, z.Close())
	for _, seed := range []string{
		zipped.String(), "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "{}", "BZh91AY&SY", "\ufeffa",
		"\xff\xfea\x00=\xd8\x00\xde",
		"\xfe\xff\x00a\xd8\x00", "\xff\xfea",
	} {
		f.Add([]byte(seed))
	}
	const most = 1 << 20 // of what a file unfolds to, here
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer budget.Of(t, len(raw))()
		var got []byte
		in, err := plainText(bytes.NewReader(raw))
		if err == nil {
			got, err = io.ReadAll(io.LimitReader(in, most))
		}
		want, unfolds := raw, error(nil)
		switch {
		case bytes.HasPrefix(raw, []byte{0x1f, 0x8b}):
			var z *gzip.Reader
			if z, unfolds = gzip.NewReader(bytes.NewReader(raw)); unfolds == nil {
				want, unfolds = io.ReadAll(io.LimitReader(z, most))
			}
		case bytes.HasPrefix(raw, []byte("BZh")):
			want, unfolds = io.ReadAll(io.LimitReader(bzip2.NewReader(bytes.NewReader(raw)), most))
		}
		if unfolds != nil {
			require.Error(t, err)
			return
		}
		if bytes.HasPrefix(want, []byte{0xff, 0xfe}) || bytes.HasPrefix(want, []byte{0xfe, 0xff}) {
			require.True(t, utf8.Valid(got) || len(got) == most)
			return
		}
		require.NoError(t, err)
		require.Equal(t, string(bytes.TrimPrefix(want, []byte("\ufeff"))), string(got))
	})
}

// FuzzParquet reads any bytes as a parquet file: an error that names it, or rows of JSON.
func FuzzParquet(f *testing.F) {
	type row struct {
		Instruction string `parquet:"instruction"`
		Output      string `parquet:"output,optional"`
	}
	type message struct {
		Role    string `parquet:"role"`
		Content string `parquet:"content"`
	}
	type talk struct {
		Messages []message `parquet:"messages,list"`
	}
	add := func(write func(w io.Writer) error) {
		var file bytes.Buffer
		require.NoError(f, write(&file))
		f.Add(file.Bytes())
		huge := bytes.Clone(file.Bytes())
		copy(huge[len(huge)-8:], "\x01\x00\x00\xff") // a footer of 4 GiB
		f.Add(huge)
	}
	add(func(w io.Writer) error { return parquet.Write(w, []row{{"a", "b"}, {"c", "d"}}) })
	add(func(w io.Writer) error {
		return parquet.Write(w, []talk{{[]message{{"user", "q"}, {"assistant", "a"}}}}, parquet.Compression(&parquet.Gzip))
	})
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer budget.Of(t, len(raw))()
		line := 0
		err := cutParquet("a.parquet", bytes.NewReader(raw), int64(len(raw)), nil, func(r Record) bool {
			line++
			require.Equal(t, line, r.line)
			for name, value := range r.fields {
				require.True(t, r.err != nil || json.Valid(value), "%s: %s", name, value)
			}
			return line < 1000
		})
		if err != nil && err != errStopped {
			require.ErrorContains(t, err, "read a.parquet")
		}
	})
}
