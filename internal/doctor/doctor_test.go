package doctor

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/cpuid/v2"
	"github.com/stretchr/testify/require"

	"fettle/internal/human"
	"fettle/internal/machine"
)

func TestReportsNameNobody(t *testing.T) {
	p := Private{Homes: []string{"/data/people/ada", "/srv/ada/", "/"}, User: "ada",
		Host: "enigma.example.org", Secrets: []string{"s3cret"}}
	for text, want := range map[string]string{
		"/data/people/ada/run: full":             "~/run: full",
		"/data/people/adam/run":                  "/data/people/adam/run",
		"/home/bob/x and /Users/eve/y":           "~/x and ~/y",
		`C:\Users\eve\y`:                         `~\y`,
		"/scratch/ada/x":                         "/scratch/USER/x",
		"process 7 on enigma.example.org, since": "process 7 on HOST, since",
		"process 7 on enigma":                    "process 7 on HOST",
		"enigmatic data of adaptation":           "enigmatic data of adaptation",
		"FETTLE_X=s3cret":                        "FETTLE_X=***",
		"/srv/ada/x and http://me:pass@proxy:80": "~/x and http://***@proxy:80",
	} {
		require.Equal(t, want, p.Hide(text))
	}
	require.Equal(t, "/root/x localhost", Private{User: "root", Host: "localhost"}.Hide("/root/x localhost"))
	t.Setenv("HOME", "")
	if u, err := user.Current(); err == nil {
		require.Contains(t, ReadPrivate().Homes, u.HomeDir, "where the environment does not name it")
	}
	require.True(t, Secret("FETTLE_API_KEY"))
	require.True(t, Secret("FETTLE_PROMPT"))
	require.False(t, Secret("FETTLE_CPU"))
}

// report collects what show gets.
func report(t *testing.T) *Report { return NewReport(Private{}, func(f Finding) { t.Log(f) }) }

func TestValuesOfSecretsAreNotReported(t *testing.T) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "FETTLE_") {
			t.Setenv(name, "") // and back at the end
			require.NoError(t, os.Unsetenv(name))
		}
	}
	t.Setenv("FETTLE_API_KEY", "s3cret")
	t.Setenv("FETTLE_CPU", "plain")
	r := report(t)
	r.Environment("run.yaml")
	require.Equal(t, "run.yaml", r.Findings[0].Text)
	require.Equal(t, "FETTLE_API_KEY (set), FETTLE_CPU=plain", r.Findings[1].Text)
}

func TestLowerKernelsAreExplained(t *testing.T) {
	t.Setenv("FETTLE_CPU", "plain")
	r := report(t)
	r.kernels()
	require.Equal(t, Note, r.Findings[0].State)
	require.Contains(t, r.Findings[0].Text+r.Findings[0].Advice, "plain")
	t.Setenv("FETTLE_CPU", "mmx")
	r.kernels()
	require.Equal(t, Problem, r.Findings[2].State)
	require.Contains(t, r.Findings[2].Text, `no level "mmx"`)

	c := cpuid.CPUInfo{VendorID: cpuid.Intel, Family: 6, Model: 143}
	require.True(t, hidesTiles(&c))
	c.Enable(cpuid.AMXTILE)
	require.False(t, hidesTiles(&c))
	require.False(t, hidesTiles(&cpuid.CPUInfo{VendorID: cpuid.Intel, Family: 6, Model: 106}))
}

func TestThreadsAreHeldAgainstTheQuota(t *testing.T) {
	threads := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(threads)
	r := report(t)
	r.threads(machine.System{Cores: 0.5})
	require.Equal(t, Note, r.Findings[0].State)
	require.Contains(t, r.Findings[0].Advice, "--threads 1")
	runtime.GOMAXPROCS(1)
	r.threads(machine.System{Cores: 0.5})
	require.Equal(t, OK, r.Findings[1].State)
}

func TestTheTightestLimitIsNoted(t *testing.T) {
	r := report(t)
	r.limits([]machine.Limit{{Left: 8 << 30}, {Name: "ulimit -v", Left: 1 << 20, Of: machine.Address}}, 16<<30)
	require.Equal(t, OK, r.Findings[0].State)
	require.Equal(t, "8.00 GiB can be taken, of 16.0 GiB", r.Findings[0].Text)
	require.Equal(t, "ulimit -v", r.Findings[1].Name)
	require.Equal(t, Note, r.Findings[1].State)
	r.limits(nil, 0)
	require.Contains(t, r.Findings[2].Text, "does not tell")
}

func TestDisksAreTriedAndLeftAsTheyWere(t *testing.T) {
	dir := t.TempDir()
	r := report(t)
	r.Disk(Place{"output_dir", filepath.Join(dir, "not", "yet"), true, true})
	require.NotEqual(t, Problem, r.Findings[0].State)
	require.Contains(t, r.Findings[0].Text, "lock work")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	r = report(t)
	r.Disk(Place{"output_dir", file, true, true}, Place{"output_dir", filepath.Join(file, "x"), true, true},
		Place{"temporary files", filepath.Join(dir, "none"), false, false})
	require.Contains(t, r.Findings[0].Text, "is a file, want a directory")
	require.Equal(t, Problem, r.Findings[0].State)
	require.Equal(t, Problem, r.Findings[1].State)
	require.Equal(t, Note, r.Findings[2].State, "nobody makes the directory of temporary files")
	r = report(t)
	if runtime.GOOS != "linux" {
		t.Skip("no directory here that nobody can write to")
	}
	r.Disk(Place{"output_dir", "/proc/self", true, true}, Place{"cache", "/proc/self", false, true})
	require.Equal(t, Problem, r.Findings[0].State)
	require.ErrorIs(t, r.Findings[0].Err, ErrDisk)
	require.Equal(t, Note, r.Findings[1].State)
}

func TestFindingsFitTheirWidth(t *testing.T) {
	f := Finding{Section: "Disk", Name: "output_dir", State: Problem, Text: strings.Repeat("some words ", 20),
		Advice: strings.Repeat("do this ", 20)}
	plain := func(_ State, text string) string { return text }
	for _, width := range []int{60, 80, 120} {
		text := f.Lines(true, width, plain)
		for line := range strings.Lines(text) {
			require.LessOrEqual(t, human.Columns(strings.TrimSuffix(line, "\n")), width)
		}
		require.True(t, strings.HasPrefix(text, "\nDisk\nproblem  output_dir: some"), text)
		require.Contains(t, text, "\n         → do this")
	}
	require.True(t, strings.HasPrefix(f.Lines(false, 80, plain), "problem  "))
	f = Finding{Name: "settings", State: Problem, Text: "2 are wrong:\n  a\x1b[31m\n  b\n"}
	require.Equal(t, "problem  settings: 2 are wrong: a?[31m; b\n", f.Lines(false, 80, plain))
}

func TestProblemsKeepTheirError(t *testing.T) {
	r, cause := report(t), errors.New("x")
	r.Begin("Run")
	r.Problem("data", cause, "mend it")
	r.Note("memory", "", "%d", 7)
	require.Equal(t, Finding{Section: "Run", Name: "data", State: Problem, Text: "x", Advice: "mend it", Err: cause},
		r.Findings[0])
	require.Equal(t, 1, r.Count(Note))
}
