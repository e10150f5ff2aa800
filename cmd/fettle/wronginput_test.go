package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

var updateErrors = flag.Bool("update", false, "rewrite docs/ERRORS.md")

// wrongInput is a command line that cannot be carried out.
type wrongInput struct {
	line string // for a shell, without the program's name; NAME=value before the command sets a variable
	code int
	act  string // the words of the message that say what to do
}

// wrongInputs groups them by what is wrong.
type wrongInputs struct {
	title string
	all   []wrongInput
}

// wrongInputTable lists the groups in the order of the document.
func wrongInputTable() []wrongInputs {
	return []wrongInputs{
		{"The command line", wrongLines()},
		{"Variables and files of settings", wrongConfigs()},
		{"Values of settings", wrongValues()},
		{"Settings that do not go together", wrongCombinations()},
		{"Data", wrongData()},
		{"Models and adapters", wrongModels()},
		{"Answers and servers", wrongAnswers()},
		{"Output, memory and disk", wrongOutputs()},
	}
}

// wrongFiles lists the small files that the lines name.
func wrongFiles() map[string]string {
	long := func(n int) string { return strings.Repeat("word ", n) }
	return map[string]string{
		"typo.yaml": "lerning_rate: 1e-4\n", "word.yaml": "max_steps: 10\nlearning_rate: fast\n",
		"typos.yaml": "lerning_rate: 1e-4\nlora_rnak: 8\nbatchsize: 4\n", "list.yaml": "- learning_rate: 1e-4\n",
		"peers.yaml": "llama_bench: ./llama-bench\n",
		"tab.yaml":   "learning_rate: 1e-4\n\tlora_rank: 8\n", "twice.yaml": "seed: 1\nseed: 2\n",
		"open.yaml": "lora_target_modules: [q_proj\n", "nested.yaml": "lora:\n  rank: 8\n", "prose.yaml": "hello\n",
		"nestedvalue.yaml": "lora_rank:\n  value: 8\n", "half.yaml": "max_steps: 1.5\n",
		"factory.yaml":   "stage: dpo\ntemplate: alpaca\npacking: true\nuse_dora: true\n",
		"torchtune.yaml": "model:\n  _component_: torchtune.models.llama2.llama2_7b\n",
		"empty.json":     "[]\n", "nothing.json": "", "blank.json": "\n\n",
		"broken.json":   `{"instruction": "a", "output": "b"}` + "\n" + `{"instruction" 5}` + "\n",
		"half.json":     `[{"instruction": "a", "outp`,
		"nooutput.json": `{"instruction": "a", "output": "b"}` + "\n" + `{"instruction": "a"}` + "\n",
		"fr.json":       `{"consigne": "a", "réponse": "b"}` + "\n",
		"number.json":   `{"instruction": 3, "output": ["b"]}` + "\n",
		"scalar.json":   "42\n", "null.json": "null\n", "blankoutput.json": `{"instruction": "a", "output": ""}` + "\n",
		"long.jsonl":   fmt.Sprintf(`{"instruction": %q, "output": "x"}`, long(300)) + "\n",
		"roles.jsonl":  `{"messages": [{"role": "robot", "content": "a"}, {"role": "assistant", "content": "b"}]}` + "\n",
		"silent.jsonl": `{"messages": [{"role": "user", "content": "a"}]}` + "\n",
		"latin1.csv":   "instruction,output\ncaf\xe9,\xe9t\xe9\n", "cut.csv": "instruction,output\n\"a,b\n",
		"short.csv": "instruction,output\na\n", "wide.csv": "instruction,output\na,b,c\n",
		"gzip.json.gz": "not gzip", "picture.png": "\x89PNG\r\n\x1a\n\x00\x00", "data.xlsx": "PK\x03\x04zip",
		"page.json": "<!DOCTYPE html><html>Sign in</html>", "data.parquet": "PAR1 cut",
		"pointer.json":      "version https://git-lfs.github.com/spec/v1\noid sha256:77\nsize 9\n",
		"dataset_info.json": `{"good": {"file_name": "rows.json"}, "lost": {"file_name": "lost.json"}}`,
		"broken.jinja":      "{% for m in messages %}{{ m.content }}", "empty.jinja": "",
		"key.txt": "\n", "words.txt": "a b c\n", "note.txt": "hello\n",
		"page/config.json": "<!doctype html>", "broken/config.json": `{"hidden_size": }`,
		"typed/config.json": `{"model_type": "llama", "hidden_size": "big"}`, "empty/readme.md": "",
		"meta/consolidated.00.pth": "", "fake.gguf": "GGUF", "llama.gguf": "not a model",
		"mlx/adapter_config.json":      `{"num_layers": 4}`,
		"bert/config.json":             `{"model_type": "bert", "architectures": ["BertModel"]}`,
		"peft/adapter_config.json":     `{"peft_type": "IA3"}`,
		"bare/adapter_config.json":     `{"peft_type": "LORA", "r": 8}`,
		"outer/in/adapter_config.json": `{"peft_type": "LORA"}`,
		"unfinished/config.yaml":       "seed: 1\n", "unfinished/metrics.jsonl": "",
	}
}

// prepareWrongInputs makes the files that the lines name and changes to their directory.
func prepareWrongInputs(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range wrongFiles() {
		if dir := filepath.Dir(name); dir != "." {
			require.NoError(t, os.MkdirAll(dir, 0o755))
		}
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
	write := func(dir string, c tinymodel.Config) {
		c.Vocab, c.MaxPositions = tinymodel.TokenizerSize, 512
		require.NoError(t, tinymodel.Write(dir, c, 7))
		require.NoError(t, tinymodel.WriteTokenizer(dir))
	}
	write("model", tinymodel.Config{})
	write("other", tinymodel.Config{Hidden: 32})
	write("cut", tinymodel.Config{})
	require.NoError(t, os.Truncate("cut/model.safetensors", 9000))
	write("pointer", tinymodel.Config{})
	require.NoError(t, os.WriteFile("pointer/model.safetensors", []byte(wrongFiles()["pointer.json"]), 0o644))
	write("shapes", tinymodel.Config{Extra: map[string]any{"intermediate_size": 25}})
	write("yarn", tinymodel.Config{Extra: map[string]any{"rope_scaling": map[string]any{"rope_type": "longrope2"}}})
	write("gptq", tinymodel.Config{Extra: map[string]any{"quantization_config": map[string]any{"quant_method": "gptq"}}})
	write("moe", tinymodel.Config{Extra: map[string]any{"model_type": "mixtral"}})
	write("mute", tinymodel.Config{})
	require.NoError(t, os.Remove("mute/tokenizer.model"))
	write("bare-weights", tinymodel.Config{})
	require.NoError(t, os.Remove("bare-weights/model.safetensors"))
	require.NoError(t, os.MkdirAll("mydata", 0o755))
	var rows strings.Builder
	for i := range 14 {
		row, err := json.Marshal(map[string]string{"instruction": fmt.Sprintf("say %c", 'a'+i), "output": "ab"})
		require.NoError(t, err)
		rows.Write(append(row, '\n'))
	}
	require.NoError(t, os.WriteFile("rows.json", []byte(rows.String()), 0o644))
	must(t, strings.Fields("train --model_name_or_path model --dataset rows.json --output_dir run --max_steps 2 "+
		"--recipe alpaca-lora-short")...)
	must(t, strings.Fields("train --model_name_or_path model --dataset rows.json --output_dir prefix --max_steps 1 "+
		"--finetuning_type llama-adapter --adapter_layers 2 --recipe alpaca-lora-short")...)
}

var (
	shellWord = regexp.MustCompile(`'[^']*'|[^\s']+`)
	sizeText  = regexp.MustCompile(`\d[\d.]* [KMGT]iB`)
	spaceText = regexp.MustCompile(` {2,}`)
	// goText matches what only somebody who knows Go can read.
	goText = regexp.MustCompile(`strconv|mapstructure|yaml: (line|un|in|ca)|json: (cannot|unsup)|goroutine|panic|` +
		`runtime error|reflect\.|invalid (argument|character)|%!|<nil>|EOF|context (canceled|deadline)|\[\]|map\[|` +
		`0x[0-9a-f]{6}|: (no such file or|is a|not a) directory|: permission denied|: file (exists|does not exist)`)
)

// wordsOfLine splits a line as a shell does, into variables and arguments.
func wordsOfLine(line string) (variables, args []string) {
	for _, word := range shellWord.FindAllString(line, -1) {
		if len(args) == 0 && regexp.MustCompile(`^[A-Za-z_]+=`).MatchString(word) {
			variables = append(variables, word)
		} else {
			args = append(args, strings.Trim(word, "'"))
		}
	}
	return variables, args
}

func TestWrongInputsAreAnsweredInAWayToActOn(t *testing.T) {
	path, err := filepath.Abs("../../docs/ERRORS.md")
	require.NoError(t, err)
	prepareWrongInputs(t)
	dir, err := os.Getwd()
	require.NoError(t, err)
	var doc strings.Builder
	doc.WriteString(errorsHead)
	n, seen := 0, map[string]bool{}
	for _, group := range wrongInputTable() {
		fmt.Fprintf(&doc, "\n## %s\n\n| | input | exit | message |\n| --- | --- | --- | --- |\n", group.title)
		for _, c := range group.all {
			require.False(t, seen[c.line], "twice: %s", c.line)
			seen[c.line] = true
			n++
			var message string
			t.Run(c.line, func(t *testing.T) {
				variables, args := wordsOfLine(c.line)
				for _, v := range variables {
					name, value, _ := strings.Cut(v, "=")
					t.Setenv(name, value)
				}
				require.NoError(t, os.RemoveAll("out"))
				code, _, stderr := call("", args...)
				_, said, _ := strings.Cut("\n"+stderr, "\nfettle: ")
				message = strings.ReplaceAll(strings.TrimRight(said, "\n"), dir, "…")
				message = spaceText.ReplaceAllString(sizeText.ReplaceAllString(message, "N MiB"), " ")
				require.Equal(t, c.code, code, stderr)
				require.NotEmpty(t, c.act, message)
				require.Contains(t, message, c.act)
				require.Empty(t, goText.FindString(message), message)
			})
			fmt.Fprintf(&doc, "| %d | `fettle %s` | %d | %s |\n", n, strings.ReplaceAll(c.line, "|", `\|`), c.code,
				markdown(message, c.act))
		}
	}
	require.GreaterOrEqual(t, n, 111)
	if *updateErrors {
		require.NoError(t, os.WriteFile(path, []byte(doc.String()), 0o644))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, doc.String(), string(text), "go test ./cmd/fettle -run WrongInputs -update")
}

// markdown writes a message for a table, with the words that say what to do in bold.
func markdown(message, act string) string {
	escape := strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "<", `\<`, "`", "\\`",
		"\n", "<br>", "~", `\~`, "[", `\[`)
	before, after, ok := strings.Cut(message, act)
	if !ok {
		return escape.Replace(message)
	}
	return escape.Replace(before) + "**" + escape.Replace(act) + "**" + escape.Replace(after)
}

const errorsHead = `# Wrong inputs, and what fettle says

Written by ` + "`go test ./cmd/fettle -run WrongInputs -update`" + `, which gives every line below to the
program. The words in bold say what to do. Sizes of memory are written as N MiB. The files are small ones of the test,
named after what is wrong with them.

| exit | meaning |
| --- | --- |
| 64 | wrong usage or setting |
| 65 | wrong data |
| 66 | an input is missing |
| 73 | the output directory, or the port, is in use |
| 74 | an input/output error |
| 77 | refused for safety, or for lack of memory or disk |
`
