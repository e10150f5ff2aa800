package doctor

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"

	"fettle/internal/compute/cpu/kernel"
	"fettle/internal/fault"
	"fettle/internal/human"
	"fettle/internal/machine"
)

// Program adds what the program is, given its version.
func (r *Report) Program(version string) {
	r.Begin("Program")
	commit, modified, built := "not known", false, ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = s.Value[:min(12, len(s.Value))]
			case "vcs.modified":
				modified = s.Value == "true"
			case "vcs.time":
				built = s.Value
			}
		}
	}
	if modified {
		commit += ", with changes"
	}
	r.OK("version", "fettle %s, commit %s, %s, %s/%s", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	r.clock(built)
}

// clock compares the clock with the time of the program's commit.
func (r *Report) clock(built string) {
	now := time.Now()
	commit, err := time.Parse(time.RFC3339, built)
	text := now.UTC().Format("2006-01-02 15:04:05 UTC")
	if err == nil && now.Before(commit) {
		r.Note("clock", "set it: files and reports get wrong times; results do not depend on it",
			"%s is before the program was made, %s", text, built)
		return
	}
	r.OK("clock", "%s", text)
}

// Machine adds system, processor, kernels and threads.
func (r *Report) Machine(s machine.System) {
	r.Begin("Machine")
	var parts []string
	add := func(text string) {
		if text != "" {
			parts = append(parts, text)
		}
	}
	add(s.Name)
	if s.Kernel != "" {
		add("kernel " + s.Kernel)
	}
	switch {
	case s.Container != "":
		add("in a container (" + s.Container + ")")
	case s.Kernel != "":
		add("in no container that is known")
	}
	if s.Groups != "" {
		add("control groups of " + s.Groups)
	}
	if parts == nil {
		parts = []string{runtime.GOOS}
	}
	r.OK("system", "%s", strings.Join(parts, ", "))
	r.OK("processor", "%s", processor())
	r.kernels()
	r.threads(s)
}

// processor names the processor and the features that kernels use.
func processor() string {
	c := &cpuid.CPU
	name := machine.Processor()
	var has []string
	for _, f := range []cpuid.FeatureID{
		cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512VNNI,
		cpuid.AVX512BF16, cpuid.AMXTILE, cpuid.AMXBF16, cpuid.AMXINT8, cpuid.ASIMD, cpuid.ASIMDDP, cpuid.SVE,
	} {
		if c.Supports(f) {
			has = append(has, f.String())
		}
	}
	text := fmt.Sprintf("%s (family %d, model %d, stepping %d)", name, c.Family, c.Model, c.Stepping)
	if c.Family == 0 {
		text = name
	}
	if has != nil {
		text += "; " + strings.Join(has, " ")
	}
	if hidesTiles(c) {
		text += "; AMX, which this model has, is hidden by the virtual machine or switched off"
	}
	return text
}

// hidesTiles reports whether a processor that has AMX does not show it: Sapphire Rapids, Emerald Rapids and Granite
// Rapids have it.
func hidesTiles(c *cpuid.CPUInfo) bool {
	return c.IsVendor(cpuid.Intel) && c.Family == 6 && slices.Contains([]int{143, 173, 174, 207}, c.Model) &&
		!c.Supports(cpuid.AMXTILE)
}

// kernels says which level is in use, why no higher one is, and what compute auto chooses.
func (r *Report) kernels() {
	used, err := kernel.Choose("")
	if err != nil {
		r.Problem("kernels", fault.Mark(fmt.Errorf("FETTLE_CPU: %w", err), fault.Usage), "unset FETTLE_CPU")
		return
	}
	levels := kernel.Levels()
	if levels[0].Name != used.Name {
		r.Note("kernels", "unset it unless you compare levels", "%s, because FETTLE_CPU is set; the best here is %s",
			used.Name, levels[0].Name)
	} else if text := fmt.Sprintf("%s, the best of %s", used.Name, namesOf(levels)); used.Name == "plain" {
		r.Note("kernels", "computing is slow without assembly: use a processor that has more", "%s%s", text, lacking())
	} else {
		r.OK("kernels", "%s%s", text, lacking())
	}
	choice := "float32: with these kernels nothing is faster"
	if used.Auto {
		choice = "bfloat16 for weights that are stored so, float32 for others"
	} else if used.BF16 {
		choice = "float32"
	}
	if used.Gain > 0 {
		choice += fmt.Sprintf("; bfloat16 runs at %.1f times its speed, measured now", used.Gain)
	}
	r.OK("compute auto", "%s", choice)
}

func namesOf(levels []kernel.Level) string {
	var names []string
	for _, l := range levels {
		names = append(names, l.Name)
	}
	return strings.Join(names, ", ")
}

// lacking says why there is no higher level.
func lacking() string {
	var b strings.Builder
	for _, l := range kernel.Lacks() {
		fmt.Fprintf(&b, "; %s needs %s", l.Level, strings.Join(l.Features, ", "))
	}
	return b.String()
}

// threads compares the threads in use with the cores that there are.
func (r *Report) threads(s machine.System) {
	threads, cores := runtime.GOMAXPROCS(0), runtime.NumCPU()
	text := fmt.Sprintf("%d, of %s", threads, human.Plural(cores, "core"))
	if s.Cores > 0 {
		text += fmt.Sprintf("; control groups allow the time of %.4g", s.Cores)
	}
	allowed := cores
	if s.Cores > 0 {
		allowed = min(cores, max(1, int(math.Ceil(s.Cores))))
	}
	switch {
	case threads > allowed:
		r.Note("threads", fmt.Sprintf("more threads than cores wait for each other: --threads %d", allowed), "%s", text)
	case threads < allowed:
		r.Note("threads", "--threads and GOMAXPROCS, if set, leave cores idle", "%s", text)
	default:
		r.OK("threads", "%s", text)
	}
}

// Memory adds the memory of the machine and its limits.
func (r *Report) Memory(s machine.System) {
	r.Begin("Memory")
	r.limits(machine.Limits(), s.Memory)
	switch s.HugePages {
	case "":
	case "never":
		r.Note("huge pages", "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, as root, makes products faster",
			"switched off")
	default:
		r.OK("huge pages", "%s", s.HugePages)
	}
	const few = 256
	switch {
	case s.Files == 0:
	case s.Files < few:
		r.Note("open files", "ulimit -n 1024: a model of many files may need more", "%d at most", s.Files)
	case s.Files > 1<<30:
		r.OK("open files", "no limit")
	default:
		r.OK("open files", "%s at most", human.Count(int(s.Files)))
	}
}

// limits adds what can be taken of the machine's memory, and of what limits it further.
func (r *Report) limits(all []machine.Limit, total int64) {
	const little = 1 << 30
	tightest, known := machine.Tightest(all, machine.Need{})
	if !known {
		r.Note("memory", "see that a run fits: fettle plan estimates what it needs", "this system does not tell")
	}
	for _, l := range all {
		name, text := "memory", human.Bytes(max(l.Left, 0))+" can be taken"
		if l.Name != "" {
			name = l.Name
		} else if total > 0 {
			text += ", of " + human.Bytes(total)
		}
		switch {
		case l.Name == tightest.Name && tightest.Left < little && l.Name == "":
			r.Note(name, "close other programs: a run that needs more is refused", "%s", text)
		case l.Name == tightest.Name && tightest.Left < little:
			r.Note(name, "raise this limit: a run that needs more is refused", "%s", text)
		default:
			r.OK(name, "%s", text)
		}
	}
}

// Environment adds the variables of the program and of Go's runtime that are set, and the config in use.
func (r *Report) Environment(config string) {
	r.Begin("Settings")
	if config == "" {
		config = "none"
	}
	r.OK("config", "%s", config)
	var set []string
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case value == "" || !strings.HasPrefix(name, "FETTLE_") && !slices.Contains([]string{"GOMAXPROCS", "GOMEMLIMIT",
			"GOGC", "GODEBUG", "GOTRACEBACK"}, name):
		case Secret(name):
			set = append(set, name+" (set)")
		default:
			set = append(set, name+"="+value)
		}
	}
	slices.Sort(set)
	if set == nil {
		set = []string{"none is set"}
	}
	r.OK("variables", "%s", strings.Join(set, ", "))
}
