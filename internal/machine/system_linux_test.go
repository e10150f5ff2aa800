package machine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheSystemDescribesItself(t *testing.T) {
	files := map[string]string{
		"/proc/sys/kernel/osrelease": "6.1.0-9-amd64\n", "/etc/os-release": "NAME=x\nPRETTY_NAME=\"Debian 12\"\n",
		"/proc/meminfo": "MemTotal:  8388608 kB\nMemFree: 1 kB\n",
		"/sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
		"/proc/self/cgroup":                           "0::/a/b\n", "/.dockerenv": "",
		"/sys/fs/cgroup/a/cpu.max":   "150000 100000\n",
		"/sys/fs/cgroup/cpu.max":     "400000 100000\n",
		"/sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
	}
	read := func(name string) (string, bool) { text, ok := files[name]; return text, ok }
	want := System{Kernel: "6.1.0-9-amd64", Name: "Debian 12", Container: "docker", Groups: "version 2", Memory: 8 << 30,
		HugePages: "madvise", Cores: 1.5}
	require.Equal(t, want, systemOf(read))

	files = map[string]string{
		"/proc/self/cgroup":                     "4:memory:/x\n1:cpuacct,cpu:/y\n0::/\n",
		"/proc/1/environ":                       "A=b\x00container=systemd-nspawn\x00",
		"/sys/fs/cgroup/cpu/y/cpu.cfs_quota_us": "50000\n", "/sys/fs/cgroup/cpu/y/cpu.cfs_period_us": "100000\n",
		"/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
	}
	require.Equal(t, System{Container: "systemd-nspawn", Groups: "version 1", Cores: 0.5}, systemOf(read))
	require.NotEmpty(t, ReadSystem().Kernel)
	require.NotEmpty(t, FileSystem(t.TempDir()))
}
