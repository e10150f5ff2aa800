package machine

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits lists the bounds on this process: the machine's available memory, what its control groups (version 2 or 1) and
// those above them leave, and its resource limits on addresses and on data.
func Limits() []Limit {
	return limitsOf(system{
		read: func(name string) string {
			text, _ := os.ReadFile(name)
			return string(text)
		},
		limit: func(resource int) uint64 {
			var r unix.Rlimit
			if unix.Getrlimit(resource, &r) != nil {
				return unix.RLIM_INFINITY
			}
			return r.Cur
		},
	})
}

// system is what Limits asks.
type system struct {
	read  func(name string) string // a file's content, "" if there is none
	limit func(resource int) uint64
}

func limitsOf(s system) []Limit {
	var all []Limit
	if kib, ok := valueOf(s.read("/proc/meminfo"), "MemAvailable:"); ok {
		all = append(all, Limit{Left: kib << 10})
	}
	for line := range strings.Lines(s.read("/proc/self/cgroup")) {
		if part := strings.SplitN(strings.TrimSpace(line), ":", 3); len(part) == 3 {
			all = append(all, s.groups(part[1], part[2])...)
		}
	}
	status := s.read("/proc/self/status")
	for _, r := range []struct {
		name, used string
		resource   int
		of         Kind
	}{{"ulimit -v", "VmSize:", unix.RLIMIT_AS, Address}, {"ulimit -d", "VmData:", unix.RLIMIT_DATA, Private}} {
		if most := s.limit(r.resource); most < 1<<60 {
			kib, _ := valueOf(status, r.used)
			all = append(all, Limit{Name: r.name, Left: int64(most) - kib<<10, Of: r.of})
		}
	}
	return all
}

// groups lists the limits of a control group and of those above it. controllers are those of a hierarchy of version 1,
// "" of version 2.
func (s system) groups(controllers, group string) (all []Limit) {
	roots, used := []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}, "memory.current"
	files, caches := []string{"memory.max", "memory.high"}, []string{"inactive_file", "active_file", "slab_reclaimable"}
	if controllers != "" {
		if !strings.Contains(","+controllers+",", ",memory,") {
			return nil
		}
		roots, used = []string{"/sys/fs/cgroup/memory"}, "memory.usage_in_bytes"
		files, caches = []string{"memory.limit_in_bytes"}, []string{"total_inactive_file", "total_active_file"}
	}
	for _, root := range roots {
		for at := path.Join("/", group); ; at = path.Dir(at) {
			dir := root + strings.TrimSuffix(at, "/") + "/"
			for _, file := range files {
				most, err := strconv.ParseInt(strings.TrimSpace(s.read(dir+file)), 10, 64)
				if err != nil || most >= 1<<60 {
					continue
				}
				left := most
				if now, err := strconv.ParseInt(strings.TrimSpace(s.read(dir+used)), 10, 64); err == nil {
					left -= now
				}
				stat := s.read(dir + "memory.stat")
				for _, key := range caches {
					bytes, _ := valueOf(stat, key)
					left += bytes
				}
				all = append(all, Limit{Name: fmt.Sprintf("control group %s, %s", at, file), Left: min(left, most)})
			}
			if at == "/" {
				break
			}
		}
	}
	return all
}

// valueOf finds the number behind a key at the beginning of a line.
func valueOf(text, key string) (n int64, ok bool) {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == key {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
