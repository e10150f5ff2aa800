package machine

import (
	"cmp"
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
