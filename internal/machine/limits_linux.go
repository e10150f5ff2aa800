package machine

import (
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// AvailableMemory returns the bytes that this process can still take: MemAvailable of /proc/meminfo, or less if a
// control group (version 2 or 1) allows less. File caches count as free. ok is false if the system does not report it.
func AvailableMemory() (bytes int64, ok bool) {
	meminfo, _ := os.ReadFile("/proc/meminfo")
	groups, _ := os.ReadFile("/proc/self/cgroup")
	return available(string(meminfo), string(groups), func(name string) string {
		text, _ := os.ReadFile(name)
		return string(text)
	})
}

// available computes AvailableMemory from the contents of the files.
func available(meminfo, groups string, read func(name string) string) (bytes int64, ok bool) {
	for line := range strings.Lines(meminfo) {
		if rest, found := strings.CutPrefix(line, "MemAvailable:"); found {
			if kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err == nil {
				bytes, ok = kib<<10, true
			}
		}
	}
	for line := range strings.Lines(groups) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		root, limit, usage, cache := "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
		if part[1] != "" {
			if !strings.Contains(","+part[1]+",", ",memory,") {
				continue
			}
			root, cache = "/sys/fs/cgroup/memory", "total_inactive_file"
			limit, usage = "memory.limit_in_bytes", "memory.usage_in_bytes"
		}
		for dir := path.Join("/", part[2]); ; dir = path.Dir(dir) { // every group above sets limits too
			most, err := strconv.ParseInt(strings.TrimSpace(read(root+path.Join(dir, limit))), 10, 64)
			if err == nil && most < 1<<60 {
				used, _ := strconv.ParseInt(strings.TrimSpace(read(root+path.Join(dir, usage))), 10, 64)
				left := most - used + valueOf(read(root+path.Join(dir, "memory.stat")), cache)
				if !ok || left < bytes {
					bytes, ok = left, true
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	return bytes, ok
}

// valueOf finds "key value" among lines.
func valueOf(text, key string) int64 {
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), " "); found && name == key {
			v, _ := strconv.ParseInt(value, 10, 64)
			return v
		}
	}
	return 0
}

// AvailableDisk returns the bytes that can be written below a directory that exists.
func AvailableDisk(dir string) (bytes int64, ok bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
