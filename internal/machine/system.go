package machine

// System describes the operating system, for people. What is not known is empty or zero.
type System struct {
	Kernel    string  // such as "6.1.0"
	Name      string  // such as "Debian GNU/Linux 12"
	Container string  // the kind of container that the process is in, such as "docker"
	Groups    string  // control groups: "version 1" or "version 2"
	Memory    int64   // bytes of the machine
	HugePages string  // transparent huge pages: always, madvise or never
	Cores     float64 // processor time that control groups allow, in cores; 0: all
	Files     uint64  // files that may be open at once
}
