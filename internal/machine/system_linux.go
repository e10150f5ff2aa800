package machine

import (
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadSystem asks the operating system about itself.
func ReadSystem() System {
	s := systemOf(func(name string) (string, bool) {
		text, err := os.ReadFile(name)
		return string(text), err == nil
	})
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) == nil {
		s.Files = r.Cur
	}
	return s
}

// systemOf reads what the files of /proc, /sys and /etc say.
func systemOf(file func(name string) (text string, ok bool)) System {
	read := func(name string) string {
		text, _ := file(name)
		return text
	}
	s := System{Kernel: strings.TrimSpace(read("/proc/sys/kernel/osrelease"))}
	for line := range strings.Lines(read("/etc/os-release")) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			s.Name = strings.Trim(name, `"`)
		}
	}
	for line := range strings.Lines(read("/proc/meminfo")) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			s.Memory = kib << 10
		}
	}
	if _, rest, ok := strings.Cut(read("/sys/kernel/mm/transparent_hugepage/enabled"), "["); ok {
		s.HugePages, _, _ = strings.Cut(rest, "]")
	}
	groups := read("/proc/self/cgroup")
	s.Container = containerOf(file, groups)
	s.Cores, s.Groups = quota(read, groups)
	return s
}

// containerOf names the kind of container, "" for none that is known.
func containerOf(read func(name string) (text string, ok bool), groups string) string {
	for _, kind := range []struct{ name, file, group string }{
		{"podman", "/run/.containerenv", "libpod"},
		{"kubernetes", "/var/run/secrets/kubernetes.io/serviceaccount/namespace", "kubepods"},
		{"docker", "/.dockerenv", "docker"}, {"lxc", "/dev/lxd", "/lxc"},
	} {
		if _, ok := read(kind.file); ok || strings.Contains(groups, kind.group) {
			return kind.name
		}
	}
	text, _ := read("/proc/1/environ")
	for variable := range strings.SplitSeq(text, "\x00") {
		if kind, ok := strings.CutPrefix(variable, "container="); ok {
			return kind
		}
	}
	return ""
}

// quota returns the tightest limit on processor time, in cores, of the control groups and those above them, 0 for none,
// and the version of the groups.
func quota(read func(name string) string, groups string) (cores float64, version string) {
	for line := range strings.Lines(groups) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 || part[1] != "" && !strings.Contains(","+part[1]+",", ",cpu,") {
			continue
		}
		root := "/sys/fs/cgroup"
		if part[1] != "" {
			root, version = root+"/cpu", "version 1"
		} else if version == "" {
			version = "version 2"
		}
		for dir := path.Join("/", part[2]); ; dir = path.Dir(dir) {
			at := path.Join(root, dir)
			limit := strings.Fields(read(at + "/cpu.max"))
			if part[1] != "" {
				limit = strings.Fields(read(at+"/cpu.cfs_quota_us") + " " + read(at+"/cpu.cfs_period_us"))
			}
			if len(limit) == 2 {
				most, err := strconv.ParseFloat(limit[0], 64)
				period, wrong := strconv.ParseFloat(limit[1], 64)
				if err == nil && wrong == nil && most > 0 && period > 0 && (cores == 0 || most/period < cores) {
					cores = most / period
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	return cores, version
}

// FileSystem names the type of the file system that a directory is on; "" if it is not known.
func FileSystem(dir string) string {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return ""
	}
	names := map[uint32]string{
		unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
		unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", unix.NFS_SUPER_MAGIC: "nfs",
		unix.OVERLAYFS_SUPER_MAGIC: "overlay", unix.FUSE_SUPER_MAGIC: "fuse", unix.SMB_SUPER_MAGIC: "smb",
		unix.CIFS_SUPER_MAGIC: "cifs", unix.SMB2_SUPER_MAGIC: "smb",
		unix.V9FS_MAGIC: "9p", unix.F2FS_SUPER_MAGIC: "f2fs", unix.MSDOS_SUPER_MAGIC: "vfat", unix.CEPH_SUPER_MAGIC: "ceph",
		unix.SQUASHFS_MAGIC: "squashfs", unix.AFS_SUPER_MAGIC: "afs", 0x2fc12fc1: "zfs", 0x0bd00bd0: "lustre",
		0x47504653: "gpfs", 0x19830326: "beegfs", 0x2011bab0: "exfat", 0x5346544e: "ntfs",
	}
	if name, ok := names[uint32(s.Type)]; ok {
		return name
	}
	return "type 0x" + strconv.FormatUint(uint64(uint32(s.Type)), 16)
}
