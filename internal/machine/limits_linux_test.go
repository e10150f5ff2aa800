package machine

import (
	"math"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTheTightestLimitCounts(t *testing.T) {
	const mib = int64(1) << 20
	threads := int64(runtime.GOMAXPROCS(0)+8) * threadStack
	need := Need{Resident: 100 * mib, Spare: 10 * mib, Mapped: 1000 * mib}
	type files = map[string]string
	meminfo := files{"/proc/meminfo": "MemTotal: 100 kB\nMemAvailable:   8388608 kB\n"}
	v2 := files{
		"/proc/self/cgroup":         "0::/a/b\n",
		"/sys/fs/cgroup/memory.max": "max\n", "/sys/fs/cgroup/a/b/memory.max": "max\n",
		"/sys/fs/cgroup/a/memory.max":     "4294967296\n", // 4 GiB for a and its children
		"/sys/fs/cgroup/a/memory.current": "3221225472\n",
		"/sys/fs/cgroup/a/memory.stat":    "anon 7\ninactive_file 1073741824\nactive_file 1073741824\nfile 9\n",
	}
	v1 := files{
		"/proc/self/cgroup":                             "5:cpu:/c\n4:memory,hugetlb:/c\n",
		"/sys/fs/cgroup/memory/c/memory.limit_in_bytes": "1073741824\n",
		"/sys/fs/cgroup/memory/c/memory.usage_in_bytes": "805306368\n",
		"/sys/fs/cgroup/memory/c/memory.stat":           "cache 5\ntotal_inactive_file 268435456\n",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854771712\n", // no limit
	}
	with := func(all ...files) files {
		one := files{}
		for _, f := range all {
			for name, text := range f {
				one[name] = text
			}
		}
		return one
	}
	for _, c := range []struct {
		name  string
		files files
		addr  uint64
		data  uint64
		want  Limit
	}{
		{"no group", meminfo, 0, 0, Limit{"", 8 << 30, Resident}},
		{"a group above, whose file caches are free", with(meminfo, v2), 0, 0,
			Limit{"control group /a, memory.max", 3 << 30, Resident}},
		{"a bound that throttles", with(meminfo, v2, files{"/sys/fs/cgroup/a/b/memory.high": "536870912\n"}), 0, 0,
			Limit{"control group /a/b, memory.high", 512 * mib, Resident}},
		{"caches never make a group larger", with(v2, files{"/sys/fs/cgroup/a/memory.current": "4096\n"}), 0, 0,
			Limit{"control group /a, memory.max", 4 << 30, Resident}},
		{"a group that is full", with(v2, files{"/sys/fs/cgroup/a/memory.current": "9999999999\n"}), 0, 0,
			Limit{"control group /a, memory.max", 0, Resident}},
		{"version 2 beside version 1", with(meminfo, files{"/proc/self/cgroup": "0::/x\n",
			"/sys/fs/cgroup/unified/x/memory.max": "1048576\n"}), 0, 0,
			Limit{"control group /x, memory.max", mib, Resident}},
		{"a container, whose group has another name outside", with(meminfo, files{
			"/proc/self/cgroup": "0::/../../pod/x\n", "/sys/fs/cgroup/memory.max": "2097152\n"}), 0, 0,
			Limit{"control group /, memory.max", 2 * mib, Resident}},
		{"version 1", with(meminfo, v1), 0, 0, Limit{"control group /c, memory.limit_in_bytes", 512 * mib, Resident}},
		{"addresses, mapped files among them",
			with(meminfo, files{"/proc/self/status": "VmPeak: 5 kB\nVmSize:\t 1048576 kB\n"}),
			4 << 30, 0, Limit{"ulimit -v", 3<<30 - (10+64+1000)*mib - threads, Address}},
		{"data", with(meminfo, files{"/proc/self/status": "VmData:\t 1024 kB\n"}), 0, 1 << 30,
			Limit{"ulimit -d", 1<<30 - (1+10+64)*mib, Private}},
		{"fewer addresses than the files take", meminfo, 1 << 30, 0, Limit{"ulimit -v", 0, Address}},
		{"nothing known", nil, 0, 0, Limit{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := limitsOf(system{
				read: func(name string) string { return c.files[name] },
				limit: func(resource int) uint64 {
					n := map[int]uint64{unix.RLIMIT_AS: c.addr, unix.RLIMIT_DATA: c.data}[resource]
					if n == 0 {
						return math.MaxUint64
					}
					return n
				},
			})
			got, ok := Tightest(all, need)
			require.Equal(t, c.name != "nothing known", ok)
			require.Equal(t, c.want, got)
		})
	}
}

func TestThisMachineHasLimits(t *testing.T) {
	if _, err := os.Stat("/proc/meminfo"); err != nil {
		t.Skip("no /proc here")
	}
	l, ok := Tightest(Limits(), Need{})
	require.True(t, ok)
	require.Greater(t, l.Left, int64(1<<20))
}

// Other processes' pages count where the machine's do, and not where one process's do.
func TestPagesOfOthersCountWhereTheyAre(t *testing.T) {
	const mib = int64(1) << 20
	n := Need{Resident: 300 * mib, Others: 200 * mib}
	for kind, want := range map[Kind]int64{Resident: 1000 * mib, Private: (1000 + 200 - 64) * mib} {
		l, ok := Tightest([]Limit{{Left: 1000 * mib, Of: kind}}, n)
		require.True(t, ok)
		require.Equal(t, want, l.Left)
	}
}
