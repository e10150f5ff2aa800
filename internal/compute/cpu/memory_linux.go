package cpu

import "golang.org/x/sys/unix"

// mapPages is zero memory from the system, for which huge pages were asked.
// Without them, walks of page tables cost a tenth of a product.
func mapPages(n int) ([]byte, error) {
	raw, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err == nil {
		_ = unix.Madvise(raw, unix.MADV_HUGEPAGE) // advice: where there are none, small pages do
	}
	return raw, err
}

func unmapPages(raw []byte) { _ = unix.Munmap(raw) }
