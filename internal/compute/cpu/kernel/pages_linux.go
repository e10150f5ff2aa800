package kernel

import "golang.org/x/sys/unix"

// mapPages takes n zero bytes from the system.
func mapPages(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

// adviseHuge requests huge pages. Without them, walks of page tables cost a tenth of a product.
func adviseHuge(raw []byte) {
	_ = unix.Madvise(raw, unix.MADV_HUGEPAGE) // advice: where there are none, small pages do
}

func unmapPages(raw []byte) { _ = unix.Munmap(raw) }
