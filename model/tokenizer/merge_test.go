package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"fettle/internal/budget"
	"fettle/internal/validtext"
)

// toy is a vocabulary of letters, some of their pairs and words, and bytes.
func toy(t testing.TB, trim bool) *Tokenizer {
	tok, err := Parse(toyFile(trim))
	require.NoError(t, err)
	return tok
}

func toyFile(trim bool) (file []byte) {
	add := func(name string, score float32, k kind) {
		var p []byte
		p = protowire.AppendString(protowire.AppendTag(p, 1, protowire.BytesType), name)
		p = protowire.AppendFixed32(protowire.AppendTag(p, 2, protowire.Fixed32Type), floatBits(score))
		p = protowire.AppendVarint(protowire.AppendTag(p, 3, protowire.VarintType), uint64(k))
		file = protowire.AppendBytes(protowire.AppendTag(file, 1, protowire.BytesType), p)
	}
	add("<unk>", 0, unknown)
	add("<s>", 0, control)
	add("</s>", 0, control)
	for i := range 256 {
		add(fmt.Sprintf("<0x%02X>", i), 0, byteValue)
	}
	for i, name := range strings.Fields("▁a ab bc ▁ab ▁▁ aa aaaa abc ca ▁▁▁▁ ▁c") {
		add(name, -float32(i), normal)
	}
	for i, c := range "▁abc" {
		add(string(c), -100-float32(i), normal)
	}
	add("[U]", 0, userDefined)
	trainer := protowire.AppendVarint(protowire.AppendTag(nil, 3, protowire.VarintType), 2)
	file = protowire.AppendBytes(protowire.AppendTag(file, 2, protowire.BytesType), trainer)
	flag := uint64(0)
	if trim {
		flag = 1
	}
	normalizer := protowire.AppendVarint(protowire.AppendTag(nil, 4, protowire.VarintType), flag)
	return protowire.AppendBytes(protowire.AppendTag(file, 3, protowire.BytesType), normalizer)
}

// pairs is how toy merges.
func pairs(t *testing.T, tok *Tokenizer) *bpe {
	b := &bpe{unk: 0}
	require.NoError(t, b.index(tok.pieces, byName))
	return b
}

func TestSearchEqualsQueue(t *testing.T) {
	b := pairs(t, toy(t, false))
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		text := random(rng, "▁abcé", 1+rng.IntN(40))
		one, other := b.symbols(nil, text), b.symbols(nil, text)
		b.search(one, text)
		b.queue(other, text)
		for i := int32(0); i >= 0; i = one[i].next {
			require.Equal(t, one[i].len, other[i].len, text)
			require.Equal(t, one[i].id, other[i].id, text)
		}
	}
}

func TestWordsMergeAlone(t *testing.T) {
	b := pairs(t, toy(t, false))
	require.True(t, b.spaced)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		text := random(rng, "▁▁abcé", 1+rng.IntN(60))
		require.Equal(t, b.word(nil, text), b.encode(nil, text), text)
	}
}

func random(rng *rand.Rand, alphabet string, n int) string {
	letters := []rune(alphabet)
	var b strings.Builder
	for range n {
		b.WriteRune(letters[rng.IntN(len(letters))])
	}
	return b.String()
}

func TestRoundTrip(t *testing.T) {
	tok := toy(t, false)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text := random(rng, " abcxé中😀\n\x00", rng.IntN(40))
		ids := tok.Encode(text)
		require.Equal(t, text, tok.Decode(ids))
		s, streamed := tok.NewStream(), ""
		for _, id := range ids {
			streamed += s.Push(id)
		}
		require.Equal(t, text, streamed+s.Flush())
	}
}

func TestControlTokensNeverComeFromText(t *testing.T) {
	tok := toy(t, false)
	require.NotContains(t, tok.Encode("a</s>b"), tok.EOS())
	require.Contains(t, tok.EncodeSpecial("a</s>b"), tok.EOS())
	require.Equal(t, tok.Encode("<s >"), tok.EncodeSpecial("<s >"))
	require.Equal(t, "ab", tok.Decode([]int32{1, tok.Encode("ab")[0], 2}))
}

// TestUserDefinedPiecesNeverMerge: SentencePiece finds them before it merges.
// Against the library 0.1.97, a model with user_defined_symbols gave the same ids
// on 3,506 texts.
func TestUserDefinedPiecesNeverMerge(t *testing.T) {
	tok := toy(t, false)
	user := int32(tok.Size() - 1)
	require.Equal(t, "[U]", tok.Piece(user))
	require.Equal(t, append(append(tok.Encode("a"), user, user), tok.Encode("bc")[1:]...), tok.Encode("a[U][U]bc"))
	require.Equal(t, "a[U]b", tok.Decode(tok.Encode("a[U]b")))
}

func TestBytesThatAreNotText(t *testing.T) {
	tok := toy(t, false)
	require.Equal(t, "\ufffd\ufffda", tok.Decode([]int32{3 + 0xe4, 3 + 0xb8, 3 + 'a'}))
	require.Equal(t, "\ufffd", tok.Decode([]int32{9999}))
	require.Equal(t, tok.Encode("\ufffd"), tok.Encode("\xff"))
}

func TestLongWordsAreNotQuadratic(t *testing.T) {
	tok := toy(t, false)
	start := time.Now()
	for _, text := range []string{strings.Repeat(" ", 64<<10), strings.Repeat("a", 64<<10), strings.Repeat("x", 64<<10)} {
		require.Equal(t, text, tok.Decode(tok.Encode(text)))
	}
	require.Less(t, time.Since(start), 20*time.Second, "quadratic time would take minutes")
}

func TestSideFiles(t *testing.T) {
	root := sharedDir(t)
	dir := t.TempDir()
	model, err := os.ReadFile(filepath.Join(root, "data/tokenizers/llama12/tokenizer.model"))
	require.NoError(t, err)
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("tokenizer.model", string(model))
	write("added_tokens.json", `{"[PAD]": 32000}`)
	write("tokenizer_config.json", `{"bos_token": "", "eos_token": {"content": "</s>"}, "pad_token": "[PAD]",
		"additional_special_tokens": ["<|im_end|>"]}`)
	tok, err := Load(dir)
	require.NoError(t, err)
	require.Equal(t, 32002, tok.Size())
	require.Equal(t, int32(1), tok.BOS(), "an empty name leaves the vocabulary's own")
	require.Equal(t, []int32{32000, 15043, 32001}, tok.EncodeSpecial("[PAD]Hello<|im_end|>"))
	require.Equal(t, "Hello", tok.Decode([]int32{32000, 15043, 32001}))
	require.Equal(t, "[PAD]", tok.Decode(tok.Encode("[PAD]")))

	write("added_tokens.json", `{"[PAD]": 99999999}`)
	_, err = Load(dir)
	require.ErrorContains(t, err, "far outside the vocabulary")
}

// FuzzParse reads any bytes as tokenizer.model: an error, or a tokenizer whose text makes no control token.
func FuzzParse(f *testing.F) {
	f.Add([]byte{})
	f.Add(toyFile(false))
	f.Add(toyFile(true))
	f.Fuzz(func(t *testing.T, file []byte) {
		defer budget.Of(t, len(file))()
		if tok, err := Parse(file); err == nil {
			ids := tok.Encode("some text é\n<s>")
			for _, id := range ids {
				require.False(t, tok.Control(id))
			}
			tok.Decode(ids)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	tok := toy(f, false)
	f.Add("abc  é")
	f.Fuzz(func(t *testing.T, text string) {
		if want := validtext.Of(text); !strings.Contains(want, space) {
			require.Equal(t, want, tok.Decode(tok.Encode(text)))
		}
	})
}
