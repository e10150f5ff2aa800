//go:build mpi && linux

package mpi

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"fettle/internal/readfile"
)

// ancestors lists the programs that this process descends from, the nearest first, as far as it may know.
func ancestors() (programs []string) {
	for pid := os.Getppid(); pid > 0 && len(programs) < 8; {
		program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil {
			break
		}
		programs = append(programs, program)
		stat, err := readfile.Whole(fmt.Sprintf("/proc/%d/stat", pid), 1<<12)
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // state, parent, …
		if err != nil || len(fields) < 2 {
			break
		}
		pid, _ = strconv.Atoi(string(fields[1]))
	}
	return programs
}
