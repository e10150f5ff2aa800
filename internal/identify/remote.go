package identify

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"fettle/internal/suggest"
)

// Remote is something on another machine that is named where a path is expected.
type Remote struct {
	What  string   // a phrase: "a name on the Hugging Face Hub"
	Fetch []string // commands that download it, any one of which will do
	To    string   // where they put it
}

// hub is the address of the Hugging Face Hub.
const hub = "https://huggingface.co/"

var (
	// hubName matches owner/name, which a revision may follow, or a quantization as llama.cpp takes it.
	hubName = regexp.MustCompile(`^([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+)|:([A-Za-z][\w.-]*))?$`)

	// hubAddress matches how addresses on the hub begin.
	hubAddress = regexp.MustCompile(`^(?:(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/|hf://|hf:)`)

	// hubFile matches the rest of the address of a file on the hub, or of a repository.
	hubFile = regexp.MustCompile(`^([^/]+/[^/]+)/(?:blob|resolve|raw|tree)/([^/]+)/?(.*)$`)

	webAddress = regexp.MustCompile(`^(?:https?|ftp)://`)
	bucket     = regexp.MustCompile(`^(?:s3|gs|az|abfs|r2)://`)
	ollamaName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*:[a-z0-9][a-z0-9._-]*$`)
	fileName   = regexp.MustCompile(`\.(gguf|safetensors|bin|pth|pt|jsonl?|csv|tsv|txt|parquet|ya?ml|gz|arrow)$`)
	safeWord   = regexp.MustCompile(`^[\w.:/@%+=,-]+$`)
)

// usual lists directories that people keep models, data and runs in: what is missing there is no name on the hub.
func usual() []string {
	return []string{"adapters", "base", "checkpoints", "data", "dataset", "datasets", "ckpt", "ckpts", "loras",
		"model", "models", "out", "output", "outputs", "results", "runs", "saves", "weights"}
}

// RemoteAt recognizes a name of something on another machine, of a data set or of a model or adapter, where there is
// nothing at the path of this name.
func RemoteAt(name string, set bool) (r Remote, ok bool) {
	if _, err := os.Stat(name); err == nil {
		return r, false
	}
	rest := hubAddress.ReplaceAllString(name, "")
	if onHub := rest != name; onHub || !isDir(filepath.Dir(name)) && !slices.Contains(usual(), firstPart(name)) {
		if r, ok := onTheHub(rest, set, onHub); ok {
			return r, true
		}
	}
	switch {
	case webAddress.MatchString(name):
		file := path.Base(strings.SplitN(name, "?", 2)[0])
		return Remote{"a web address", []string{"curl -L -o " + word(file) + " " + word(name)}, file}, true
	case bucket.MatchString(name):
		return Remote{"an address in a cloud's storage", nil, path.Base(name)}, true
	case !set && ollamaName.MatchString(name):
		return Remote{"a name of Ollama's", []string{"ollama show --modelfile " + name}, "the file that its line FROM names"},
			true
	}
	return r, false
}

// onTheHub recognizes a name without the hub's address; sure says that it had one.
func onTheHub(name string, set, sure bool) (r Remote, ok bool) {
	if rest, is := strings.CutPrefix(name, "datasets/"); is && sure {
		name, set = rest, true
	}
	kind, option := "", ""
	if set {
		kind, option = "datasets/", " --repo-type dataset"
	}
	r.What = "a name on the Hugging Face Hub"
	name, _, _ = strings.Cut(strings.TrimSuffix(name, "/"), "?")
	revision := ""
	if m := hubFile.FindStringSubmatch(name); m != nil && sure {
		if m[3] != "" {
			at := hub + kind + m[1] + "/resolve/" + m[2] + "/" + m[3]
			return Remote{"a file on the Hugging Face Hub", []string{"curl -L -O " + word(at)},
				path.Base(m[3])}, true
		}
		name, revision = m[1], m[2]
	}
	m := hubName.FindStringSubmatch(name)
	if m == nil || fileName.MatchString(name) && !sure {
		return r, false
	}
	if m[2] != "" {
		revision = m[2]
	}
	r.To = path.Base(m[1])
	dir := r.To
	if set {
		r.To = "the files in " + r.To
	}
	get, clone := "hf download "+m[1]+option, "git clone "
	if revision != "" && revision != "main" {
		get, clone = get+" --revision "+revision, clone+"--branch "+revision+" "
	}
	if m[3] != "" {
		get += " --include '*" + m[3] + "*'"
	}
	r.Fetch = []string{get + " --local-dir " + dir, clone + hub + kind + m[1]}
	return r, true
}

// word quotes a word for a POSIX shell where it must.
func word(text string) string {
	if safeWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func firstPart(name string) string {
	first, _, _ := strings.Cut(filepath.ToSlash(name), "/")
	return first
}

// Nearest returns a path that exists and differs from another one by a few letters of its parts, "" if there is none.
func Nearest(path string) string {
	if path == "" || isDir(path) {
		return path
	}
	dir, base := filepath.Dir(path), filepath.Base(path)
	above := dir
	if dir != "." && !isDir(dir) {
		if above = Nearest(dir); above == "" {
			return ""
		}
	}
	names := namesIn(above)
	if name := suggest.Nearest(base, names); name != "" {
		return filepath.Join(above, name)
	}
	return ""
}

// Absent explains that there is nothing at a path, which was given for a data set or for a model or adapter: it names
// what the path probably is, or stands for.
func Absent(path string, set bool) string {
	if near := Nearest(path); near != "" {
		return fmt.Sprintf("%s: there is no such file or directory, did you mean %s", path, near)
	}
	if r, ok := RemoteAt(path, set); ok {
		text := fmt.Sprintf("%s is not in %s. It reads like %s, and fettle does not download:", path, workingDir(), r.What)
		if len(r.Fetch) == 0 {
			return text + " copy it to this machine and give its path"
		}
		return fmt.Sprintf("%s get it by\n  %s\nand give %s", text, strings.Join(r.Fetch, "\nor by\n  "), r.To)
	}
	if rest, ok := strings.CutPrefix(path, "file://"); ok {
		return fmt.Sprintf("%s is an address: give its path, %s", path, rest)
	}
	text := path + ": there is no such file or directory"
	if !filepath.IsAbs(path) {
		text += " in " + workingDir()
	}
	return text
}

func workingDir() string {
	dir, err := os.Getwd()
	if err != nil {
		return "the working directory"
	}
	return dir
}
