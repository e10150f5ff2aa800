package peers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"fettle/internal/human"
	"fettle/model"
)

// The works that programs compete in.
const (
	step   = "step"   // a LoRA step
	prompt = "prompt" // reading a prompt
	decode = "decode" // decoding after it
)

// task is a piece of work, the same for all programs.
type task struct {
	Work    string `json:"work"`
	Bits    int    `json:"bits"` // of a weight
	Threads int    `json:"threads"`
}

func (t task) String() string {
	return fmt.Sprintf("%s, %d bits, threads: %d", t.Work, t.Bits, t.Threads)
}

// peer is a program that can do some of the work.
type peer struct {
	name    string
	setting string // of Settings: names the program
	program string // looked for in PATH where the setting is empty
	install string // how to get it
	modules []string
	weights map[string]map[int]string // work, bits: the type of its weights; what is not here it cannot do
	command func(job) command
	read    func(job, output) (result, error)
}

// job is a task as a peer is given it.
type job struct {
	task
	Settings
	program string   // the peer's path
	env     []string // of Own
	weights string   // type of the weights
	file    string   // the model in this type, as GGUF
	dir     string   // for files of the peer's own
	config  *model.Config
}

// result is what a run of a program came to.
type result struct {
	tokens  int           // of a repetition
	seconds time.Duration // of a repetition, the median of several
	cpu     time.Duration // likewise; 0: the program does not tell, and its share of the whole process is taken
	version string
}

// installed is a peer that was found.
type installed struct {
	peer
	path    string
	version string
}

// missing tells what a peer lacks.
type missing struct {
	Program string `json:"program"`
	Lacks   string `json:"lacks"`
	Install string `json:"install"`
}

// find looks for a peer's program, which a setting may name, and asks Python for modules.
func (p peer) find(ctx context.Context, named string, limit time.Duration) (installed, error) {
	path, err := exec.LookPath(cmp.Or(named, p.program))
	switch {
	case err != nil && named != "":
		return installed{}, fmt.Errorf("%s: %w", p.setting, unwrapped(err))
	case err != nil:
		return installed{}, fmt.Errorf("no %s in PATH, and --%s names none", p.program, p.setting)
	}
	if path, err = filepath.Abs(path); err != nil {
		return installed{}, err
	}
	found := installed{peer: p, path: path}
	if p.modules != nil {
		found.version, err = versions(ctx, path, p.modules, limit)
	}
	return found, err
}

// unwrapped words an error of exec.LookPath.
func unwrapped(err error) error {
	var lookup *exec.Error
	if errors.As(err, &lookup) {
		return fmt.Errorf("%s: %w", lookup.Name, lookup.Err)
	}
	return err
}

// measured is the speed of a program in one of its runs.
type measured struct {
	Tokens    float64 `json:"tokens_per_second"`
	TokensCPU float64 `json:"tokens_per_cpu_second"`
	Memory    int64   `json:"peak_memory_bytes"`
	Seconds   float64 `json:"process_seconds"`
	Processor float64 `json:"process_cpu_seconds"`
}

// measure runs a peer once.
func (p *installed) measure(ctx context.Context, j job) (measured, error) {
	j.program, j.weights = p.path, p.weights[j.Work][j.Bits]
	out, err := execute(ctx, p.command(j), time.Duration(j.Limit)*time.Second)
	if err != nil {
		return measured{}, err
	}
	r, err := p.read(j, out)
	if err == nil && (r.tokens < 1 || r.seconds <= 0 || r.cpu < 0) {
		err = fmt.Errorf("%d tokens in %s and %s of processor time", r.tokens, r.seconds, r.cpu)
	}
	if err != nil {
		return measured{}, fmt.Errorf("its output was not understood: %w; %s", err, out.last())
	}
	p.version = cmp.Or(p.version, human.Plain(r.version))
	if r.cpu == 0 {
		r.cpu = time.Duration(float64(r.seconds) * out.cpu.Seconds() / out.wall.Seconds())
	}
	return measured{
		Tokens: float64(r.tokens) / r.seconds.Seconds(), TokensCPU: float64(r.tokens) / max(r.cpu.Seconds(), 1e-9),
		Memory: out.memory, Seconds: out.wall.Seconds(), Processor: out.cpu.Seconds(),
	}, nil
}
