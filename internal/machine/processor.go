package machine

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// Processor returns the name of the processor, or of its architecture if it does not tell.
func Processor() string {
	name := strings.Join(strings.Fields(cpuid.CPU.BrandName), " ")
	if name == "" {
		text, _ := os.ReadFile("/proc/cpuinfo")
		name = named(string(text))
	}
	return cmp.Or(name, runtime.GOARCH)
}

// named finds the name of the processor in Linux's /proc/cpuinfo.
func named(text string) string {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		if key = strings.TrimSpace(key); key == "model name" || key == "Hardware" || key == "Model" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Processors returns how many the machine has, whichever of them this process may use.
func Processors() int {
	text, _ := os.ReadFile("/sys/devices/system/cpu/online")
	return max(listed(strings.TrimSpace(string(text))), runtime.NumCPU())
}

// listed counts what a list such as 0-3,8 of Linux names.
func listed(list string) (n int) {
	for part := range strings.SplitSeq(list, ",") {
		var lo, hi int
		switch found, _ := fmt.Sscanf(part, "%d-%d", &lo, &hi); found {
		case 1:
			n++
		case 2:
			n += hi - lo + 1
		}
	}
	return n
}
