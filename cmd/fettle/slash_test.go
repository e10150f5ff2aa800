package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/data/recipe"
	"fettle/internal/tinymodel"
)

// piped chats with a tiny model through a pipe and returns what follows each prompt.
func piped(t *testing.T, base string, lines string, more ...string) []string {
	code, out, stderr := call(lines, append([]string{"chat", "--model_name_or_path", base, "--recipe", "vicuna",
		"--max_new_tokens", "4", "--temperature", "0", "--repetition_penalty", "1.3"}, more...)...)
	require.Zero(t, code, stderr)
	return strings.Split(out, "\n> ")[1:]
}

func TestChatTellsWhatAnswers(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	run := filepath.Join(t.TempDir(), "run")
	must(t, training(base, rows(t, 8), run)...)
	code, out, stderr := call("/info\n", "chat", "--adapter_name_or_path", run, "--system", "Be brief.")
	require.Zero(t, code, stderr)
	banner, info, _ := strings.Cut(out, "\n> ")
	for _, want := range []string{"Model     " + base, "Adapter   " + run, "rank 8", "System    Be brief.",
		"Recipe    alpaca-lora-short: every message is answered on its own", "Context   512 tokens",
		"has no place for a system message: it is put in front of each message"} {
		require.Contains(t, strings.Join(strings.Fields(banner), " "), strings.Join(strings.Fields(want), " "))
	}
	require.Contains(t, info, "Context")
}

func TestCommandsOfChatsAreChecked(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	for line, want := range map[string]string{
		"/nonsense":            `unknown command /nonsense; /help lists commands, and """/nonsense …""" sends it`,
		"/sytem Be kind.":      "unknown command /sytem, did you mean /system",
		"/quit now":            `/quit takes nothing behind it, got "now"`,
		"/retry":               "there is no message to answer again",
		"/undo":                "there is no message to take back",
		"/compare":             "the model has no adapter, it is the base",
		"/save x.jsonl":        "there is nothing to save yet",
		"/save":                "/save needs a file",
		"/load":                "/load needs a file",
		"/load none.jsonl":     "none.jsonl",
		"/set temprature 0":    `unknown setting "temprature", did you mean "temperature"`,
		"/set temperature hot": `temperature: "hot" is not a number`,
		"/set temperature -1":  "temperature is -1",
		"/set top_p":           "top_p is 0.95 (sample among",
		"/set TOP-P=0.5":       "top_p is 0.5.",
		"/set --top_k 3":       "top_k is not used: temperature is 0",
		"/set stop a,b":        `stop is ["a" "b"].`,
		"/set":                 "repetition_penalty   1.3",
		"/HELP":                "/compare TEXT",
		"help":                 "/compare TEXT",
	} {
		require.Contains(t, piped(t, base, line+"\n")[0], want, line)
	}
}

func TestCommandsOfChatsChangeTheConversation(t *testing.T) {
	base, dir := tiny(t, tinymodel.Config{}), t.TempDir()
	path := filepath.Join(dir, "talk.jsonl")
	said := piped(t, base, "one\ntwo\n/undo\n/undo\n/system \"\"\"Be\nbrief.\"\"\"\none\n/set max_new_tokens 2\n/retry\n"+
		"/save "+path+"\n\"\"\"\n/two\n\"\"\"\n/save\n/reset\n/load "+path+"\nthree\n/save "+path+"\n/quit\nnot reached\n")
	require.Contains(t, said[3], "turns of the conversation: 0")
	require.NotEqual(t, said[0], said[5], "the system message counts")
	require.True(t, strings.HasPrefix(said[5], said[7][:2]), "%q, %q: the same answer, and shorter", said[5], said[7])
	require.Contains(t, said[8], "(3 messages)")
	require.Contains(t, said[12], "you: one\n")
	require.Contains(t, said[12], "you: /two\n")
	require.Contains(t, said[14], "(7 messages)")
	require.Len(t, said, 16)
	d, _, err := firstConversation(path)
	require.NoError(t, err)
	require.Equal(t, "Be\nbrief.", d.System)
	require.Equal(t, []string{"one", "/two", "three"}, []string{d.Turns[0].Text, d.Turns[2].Text, d.Turns[4].Text})
	mine := file(t, "mine.txt", "not a chat")
	require.Contains(t, piped(t, base, "one\n/save "+mine+"\n")[1], "mine.txt exists: choose another name")
	kept, err := os.ReadFile(mine)
	require.NoError(t, err)
	require.Equal(t, "not a chat", string(kept))
}

// What /load takes of a file is what data sets are read as.
func TestConversationsAreLoadedFromDataSets(t *testing.T) {
	base := tiny(t, tinymodel.Config{})
	set := file(t, "set.json", `[{"conversations": [{"from": "human", "value": "hello"}, {"from": "gpt", "value": "hi"}, `+
		`{"from": "human", "value": "how are you"}]}, {"conversations": []}]`)
	said := piped(t, base, "/load "+set+"\n/retry\n")
	require.Contains(t, said[0], "you: hello\nmodel: hi\nyou: how are you\n")
	require.Contains(t, said[0], "/retry answers it")
	require.Equal(t, piped(t, base, "hello\n")[0] != said[1], true, "the earlier turns count")
	require.Contains(t, piped(t, base, "/load "+set+"\n/save\n/save "+set+"\n")[2], "set.json exists", "it has other rows")
	require.Contains(t, piped(t, base, "/load "+file(t, "a.txt", "once upon a time")+"\n")[0], "holds no messages")
}

func TestTheBaseAnswersBesideTheTunedModel(t *testing.T) {
	base, run := tiny(t, tinymodel.Config{}), filepath.Join(t.TempDir(), "run")
	must(t, training(base, rows(t, 14), run, "--num_train_epochs", "6")...)
	flags := []string{"--temperature", "0", "--max_new_tokens", "5", "--recipe", "alpaca-lora-short"}
	alone := func(more ...string) string {
		return must(t, append(append([]string{"generate", "--prompt", "say a"}, flags...), more...)...)
	}
	tuned, bare := alone("--adapter_name_or_path", run), alone("--model_name_or_path", base)
	require.NotEqual(t, tuned, bare)
	code, out, stderr := call("/compare say a\nsay a\n/compare\n/compare on\nsay a\n/compare off\nsay a\n",
		append([]string{"chat", "--adapter_name_or_path", run}, flags...)...)
	require.Zero(t, code, stderr)
	said := strings.Split(out, "\n> ")[1:]
	const cut = "(The answer is cut after 5 tokens; /set max_new_tokens allows more.)\n"
	for i, s := range said {
		said[i] = strings.ReplaceAll(s, cut, "")
	}
	both := "tuned:\n" + tuned + "base:\n" + bare
	require.Equal(t, []string{both, tuned, "base:\n" + bare}, said[:3])
	require.Equal(t, []string{both, tuned}, []string{said[4], said[6]})
}

func TestLongConversationsAreSavedWhole(t *testing.T) {
	base, path := tiny(t, tinymodel.Config{MaxPositions: 384}), filepath.Join(t.TempDir(), "talk.jsonl")
	said := piped(t, base, strings.Repeat("some words of a message\n", 6)+"/save "+path+"\n")
	require.Contains(t, strings.Join(said, ""), "no longer sees the first 2 turns")
	require.Contains(t, strings.Join(said, ""), "no longer sees the first 4 turns", "what was forgotten stays forgotten")
	d, _, err := firstConversation(path)
	require.NoError(t, err)
	require.Len(t, d.Turns, 12)
}

func TestSystemMessagesWithoutAPlaceAreTold(t *testing.T) {
	for name, want := range map[string]string{"alpaca": "in front of each message", "gpt4all": "in front of each message",
		"vicuna": ""} {
		r, err := recipe.Find(name)
		require.NoError(t, err)
		note, err := systemPlace(r, "Be kind.")
		require.NoError(t, err)
		require.Contains(t, note, want)
		require.Equal(t, want == "", note == "")
	}
	base := chatty(t, "{% for m in messages %}{% if m.role != 'system' %}<|head|>{{ m.role }}<|/head|>{{ m.content }}"+
		"<|end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|head|>assistant<|/head|>{% endif %}")
	code, _, stderr := call("hi\n", "chat", "--model_name_or_path", base, "--system", "Be kind.")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--system: recipe chat_template has no place for a system message")
	code, out, _ := call("/system Be kind.\n", "chat", "--model_name_or_path", base)
	require.Zero(t, code)
	require.Contains(t, out, "recipe chat_template has no place for a system message")
}

func TestAnOpenMessageAtTheEndIsAnError(t *testing.T) {
	code, _, stderr := call("\"\"\"\nhello\n", "chat", "--model_name_or_path", tiny(t, tinymodel.Config{}), "--recipe",
		"alpaca")
	require.Equal(t, exitData, code)
	require.Contains(t, stderr, "the input ends inside of a message")
}
