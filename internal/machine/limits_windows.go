package machine

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// Limits returns the physical memory that is available, file caches included.
func Limits() []Limit {
	var s struct { // MEMORYSTATUSEX
		Length, Load                                                                  uint32
		Total, Available, TotalPage, AvailablePage, TotalVirtual, AvailableVirtual, _ uint64
	}
	s.Length = uint32(unsafe.Sizeof(s))
	call := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	if call.Find() != nil {
		return nil
	}
	if ok, _, _ := call.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		return nil
	}
	return []Limit{{Left: int64(min(s.Available, 1<<60))}}
}

// AvailableDisk returns the bytes that can be written below a directory that exists.
func AvailableDisk(dir string) (bytes int64, ok bool) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(path, &free, nil, nil) != nil {
		return 0, false
	}
	return int64(min(free, 1<<62)), true
}
