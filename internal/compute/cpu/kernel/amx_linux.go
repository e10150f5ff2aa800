//go:build linux && amd64 && !purego

package kernel

import "syscall"

// permitTiles asks Linux for the tile registers, for all threads of the process, and reports whether it has them. Using
// them without ends the process. Kernels before 5.16 and some sandboxes refuse.
func permitTiles() bool {
	const requestPermission, tileData = 0x1023, 18 // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILE_DATA
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
}
