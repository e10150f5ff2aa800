package machine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTightestLimitCounts(t *testing.T) {
	const meminfo = "MemTotal: 100 kB\nMemAvailable:   8388608 kB\n"
	files := map[string]string{
		"/sys/fs/cgroup/memory.max":     "max\n",
		"/sys/fs/cgroup/a/memory.max":   "4294967296\n", // 4 GiB for a and its children
		"/sys/fs/cgroup/a/b/memory.max": "max\n", "/sys/fs/cgroup/a/memory.current": "2147483648\n",
		"/sys/fs/cgroup/a/memory.stat": "anon 7\ninactive_file 1073741824\n",

		"/sys/fs/cgroup/memory/c/memory.limit_in_bytes": "1073741824\n",
		"/sys/fs/cgroup/memory/c/memory.usage_in_bytes": "536870912\n",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854771712\n", // no limit
	}
	for _, c := range []struct {
		name, meminfo, groups string
		want                  int64
		ok                    bool
	}{
		{"no group", meminfo, "", 8 << 30, true},
		{"a group above, whose file caches are free", meminfo, "0::/a/b\n", 3 << 30, true},
		{"version 1", meminfo, "5:cpu:/c\n4:memory:/c\n", 1 << 29, true},
		{"a group without limits", meminfo, "0::/\n", 8 << 30, true},
		{"nothing known", "", "", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := available(c.meminfo, c.groups, func(name string) string { return files[name] })
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, got)
		})
	}
}
