package tokenizer

import "slices"

// layout describes how a byte-level vocabulary divides text into words.
type layout struct {
	names []string // of tokenizer.ggml.pre; the first is written
	words []string // expressions, each applied to what the one before left
	whole bool     // a word that is a token is that token, whatever the merges
	bos   bool     // BOS begins a text where the file does not tell
}

// Parts of the expressions that several models share.
const (
	contractions = `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
	lines        = `|\s*[\r\n]+|\s+(?!\S)|\s+`
	signs        = `| ?[^\s\p{L}\p{N}]+[\r\n]*`
	letters      = `|[^\r\n\p{L}\p{N}]?\p{L}+`
	upper        = `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
	lower        = `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
	cased        = `[^\r\n\p{L}\p{N}]?` + upper + `*` + lower + `+`
	casedToo     = `|[^\r\n\p{L}\p{N}]?` + upper + `+` + lower + `*`
	path         = `| ?[^\s\p{L}\p{N}]+[\r\n/]*`
	script       = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
	wide         = "\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002"
	asian        = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
	ascii        = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]"
	bloom        = ` ?[^(\s|.,!?` + "\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"
)

// qwen2Words splits text into words as Qwen 2 does: LLaMA 3's expression with single digits.
const qwen2Words = contractions + letters + `|\p{N}` + signs + lines

// layouts lists the values of tokenizer.ggml.pre. Expressions are the models' own, from their tokenizer.json.
func layouts() []layout {
	return []layout{
		{
			names: []string{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
				"jina-v5-nano"},
			words: []string{llama3Words}, whole: true, bos: true,
		},
		{names: []string{"dbrx", "smaug-bpe", "chatglm-bpe"}, words: []string{llama3Words}},
		{names: []string{"glm4", "glm5"}, words: []string{llama3Words}, whole: true},
		{
			names: []string{"qwen2", "stablelm2", "deepseek-r1-qwen", "megrez", "hunyuan", "solar-open", "kormo", "f2llmv2",
				"grok-2"},
			words: []string{qwen2Words},
		},
		{names: []string{"qwen35"}, words: []string{
			contractions + `|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*` + lines}},
		{
			names: []string{"gpt-2", "phi-2", "mpt", "olmo", "jais", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de",
				"gigachat", "a.x-4.0", "mellum", "modern-bert", "exaone4", "trillion", "granite-docling",
				"jina-v1-en", "jina-v2-code", "roberta-bpe"},
			words: []string{gpt2Words},
		},
		{
			names: []string{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"},
			words: []string{`\p{N}`, gpt2Words},
		},
		{names: []string{"falcon"}, words: []string{"[\\p{P}\\$\\+<=>\\^~\\|`]+", gpt2Words, "[0-9][0-9][0-9]"}},
		{names: []string{"default", ""}, words: []string{
			`[\p{P}\$\+<=>\^~\|]+`, gpt2Words, `\p{N}+`, "[0-9][0-9][0-9]"}},
		{names: []string{"deepseek-coder"}, words: []string{
			`[\r\n]`, `\s?\p{L}+`, `\s?\p{P}+`, script, `\p{N}`}},
		{names: []string{"deepseek-llm"}, words: []string{
			`[\r\n]`, `\s?[` + deepseekLetters + `]+`, `\s?[!-/:-~` + wide + `]+`, `\s+$`, script,
			`\p{N}+`}},
		{names: []string{"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"}, words: []string{
			`\p{N}{1,3}`, asian, ascii + `[A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*` + lines}},
		{names: []string{"spark2_5"}, words: []string{
			`\p{N}{1,3}`, asian, ascii + `[A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+`,
			`\p{N}`}},
		{names: []string{"tekken"}, whole: true, bos: true, words: []string{cased + casedToo + `|\p{N}` + path + lines}},
		{names: []string{"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, words: []string{
			cased + contractions + `?` + casedToo + contractions + `?|\p{N}{1,3}` + path + lines}},
		{names: []string{"jais-2"}, words: []string{contractions + letters + `|\p{N}{1,3}` + signs +
			`|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)` +
			`|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}`}},
		{names: []string{"poro-chat", "bloom", "gpt3-finnish"}, words: []string{bloom}},
		{names: []string{"viking"}, words: []string{bloom, `\p{N}`}},
		{names: []string{"bailingmoe", "bailingmoe2", "llada-moe"}, words: []string{
			`'(?i:[sdmt]|ll|ve|re)` + letters + `|\p{N}` + signs + `|\s*[\r\n]|\s+(?!\S)|\s+`}},
		{names: []string{"seed-coder"}, words: []string{
			contractions + letters + `|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+` + lines}},
		{names: []string{"ufakzeka"}, words: []string{letters[1:] + `|\p{N}` + signs + lines}},
		{names: []string{"laguna"}, words: []string{`[^\n]+|[\n]+`, qwen2Words}},
		{names: []string{"minicpm5"}, whole: true, words: []string{
			`\p{N}{1,3}`, contractions + letters + `|\p{N}+` + signs + lines}},
	}
}

// deepseekLetters are the letters of scripts with case, as DeepSeek LLM's expression lists them.
const deepseekLetters = "" +
	"A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373" +
	"\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f" +
	"\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77" +
	"\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d" +
	"\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb" +
	"\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128" +
	"\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4" +
	"\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf" +
	"\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3" +
	"\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943"

// layoutOf returns the layout of a name; one without names if it is unknown.
func layoutOf(pre string) layout {
	for _, l := range layouts() {
		if slices.Contains(l.names, pre) {
			return l
		}
	}
	return layout{}
}

// layoutNames lists the names of tokenizer.ggml.pre, sorted.
func layoutNames() []string {
	var names []string
	for _, l := range layouts() {
		names = append(names, l.names...)
	}
	slices.Sort(names)
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// stage returns the layout as tokenizer.json's pre_tokenizer.
func (l layout) stage() *stage {
	yes, no := true, false
	sequence := &stage{Type: "Sequence"}
	own := false // ByteLevel's own expression
	for i, expression := range l.words {
		next := stage{Type: "Split", Behavior: "Isolated", Invert: &no, Pattern: &stagePattern{Regex: &expression}}
		if own = expression == gpt2Words && i == len(l.words)-1; own {
			break
		}
		if expression == `\p{N}` {
			next = stage{Type: "Digits", Individual: &yes}
		}
		sequence.PreTokenizers = append(sequence.PreTokenizers, next)
	}
	sequence.PreTokenizers = append(sequence.PreTokenizers, *byteLevelStage(own))
	return sequence
}

// byteLevelStage returns a ByteLevel as pre_tokenizer or decoder.
func byteLevelStage(own bool) *stage {
	yes, no := true, false
	return &stage{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &yes, UseRegex: &own}
}
