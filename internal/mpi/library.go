//go:build mpi && linux

package mpi

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// abi is what mpi.h tells a C program beside the functions: the values of its constants.
type abi struct {
	world, float32, byte, sum uintptr
	errorsReturn, infoNull    uintptr
	inPlace, statusIgnore     uintptr
	serialized                uintptr // the level of threads whose calls come one at a time
}

// familyABI returns the constants of the MPICH family: MPICH since 3.1, Intel MPI, MVAPICH, Cray.
func familyABI() abi {
	return abi{
		world: 0x44000000, float32: 0x4c00040a, byte: 0x4c00010d, sum: 0x58000003, errorsReturn: 0x54000001,
		infoNull: 0x1c000000, inPlace: ^uintptr(0), statusIgnore: 1, serialized: 2,
	}
}

// standardABI returns the constants of MPI 5.0's ABI, as the forum's header has them.
func standardABI() abi {
	return abi{
		world: 0x101, float32: 0x210, byte: 0x247, sum: 0x21, errorsReturn: 0x142, infoNull: 0x130, inPlace: 1,
		serialized: 2048,
	}
}

// openMPIABI returns Open MPI's constants, which are addresses in the library.
func openMPIABI(symbol func(string) uintptr) abi {
	return abi{
		world: symbol("ompi_mpi_comm_world"), float32: symbol("ompi_mpi_float"), byte: symbol("ompi_mpi_byte"),
		sum: symbol("ompi_mpi_op_sum"), errorsReturn: symbol("ompi_mpi_errors_return"),
		infoNull: symbol("ompi_mpi_info_null"), inPlace: 1, serialized: 2,
	}
}

// library is an opened MPI library. Its functions are called one at a time.
type library struct {
	abi
	path      string // or the name by which the system found it
	version   string // as it calls itself
	functions map[string]uintptr
	mu        sync.Mutex

	exitHandlers uintptr // the C library's __cxa_finalize, which calls what was given to atexit
}

// needed lists the functions that are called.
func needed() []string {
	return []string{
		"MPI_Init_thread", "MPI_Finalize", "MPI_Abort", "MPI_Error_string", "MPI_Get_library_version", "MPI_Comm_rank",
		"MPI_Comm_size", "MPI_Comm_dup", "MPI_Comm_set_errhandler", "MPI_Isend", "MPI_Irecv", "MPI_Test",
		"MPI_Iallgather", "MPI_Iallgatherv", "MPI_Ialltoallv", "MPI_Iallreduce", "MPI_Alloc_mem", "MPI_Free_mem",
	}
}

// open opens the first library of these names that is there.
func open(names []string) (*library, error) {
	for variable, value := range map[string]string{
		// UCX would take the signals by which Go learns of a nil pointer.
		"UCX_ERROR_SIGNALS": "",
		// Where one rank alone gives 512 KiB or more, the ring of Intel MPI 2021.19 never ends. 2 is Bruck's algorithm.
		"I_MPI_ADJUST_IALLGATHERV": "2",
	} {
		if _, ok := os.LookupEnv(variable); !ok {
			os.Setenv(variable, value)
		}
	}
	var all error
	for _, name := range names {
		handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL) // its plugins look for its symbols
		if err != nil {
			all = errors.Join(all, err)
			continue
		}
		return bind(name, handle)
	}
	return nil, fmt.Errorf("no MPI library: install Open MPI or MPICH, or name one by --mpi_library: %w", all)
}

// bind finds the functions of an opened library, and its ABI.
func bind(name string, handle uintptr) (*library, error) {
	symbol := func(name string) uintptr {
		at, _ := purego.Dlsym(handle, name)
		return at
	}
	l := &library{path: name, functions: map[string]uintptr{}}
	for _, function := range needed() {
		if l.functions[function] = symbol(function); l.functions[function] == 0 {
			return nil, fmt.Errorf("MPI library %s has no %s", name, function)
		}
	}
	l.exitHandlers = symbol("__cxa_finalize")
	text, length := make([]byte, 8192), new(int32)
	err := l.call("MPI_Get_library_version", uintptr(unsafe.Pointer(&text[0])), uintptr(unsafe.Pointer(length)))
	if err != nil { // it may be called before Init
		return nil, err
	}
	l.version = strings.Join(strings.Fields(strings.TrimRight(string(text[:*length]), "\x00")), " ")
	is := func(name string) bool { return strings.Contains(l.version, name) }
	switch {
	case strings.HasPrefix(filepath.Base(name), "libmpi_abi."):
		l.abi = standardABI()
	case symbol("ompi_mpi_comm_world") != 0:
		l.abi = openMPIABI(symbol)
	case is("MPICH"), is("Intel(R) MPI"), is("MVAPICH"):
		l.abi = familyABI()
	default:
		return nil, fmt.Errorf("MPI library %s calls itself %.60q, which is none of those that are known", name, l.version)
	}
	return l, nil
}

// call calls a function that returns an MPI error code. Addresses of Go's memory must be taken among the arguments,
// which keeps it in its place until the call returns.
//
//go:uintptrescapes
func (l *library) call(name string, args ...uintptr) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.callNow(name, args...)
}

// atExit does what C's exit would have the library do, as Go's does not. MPICH 5 takes leave of its launcher there,
// which kills all ranks when one ends without.
func (l *library) atExit() {
	if l.exitHandlers != 0 {
		purego.SyscallN(l.exitHandlers, 0)
	}
}

// callNow is call while another call may be waiting.
//
//go:uintptrescapes
func (l *library) callNow(name string, args ...uintptr) error {
	code, _, _ := purego.SyscallN(l.functions[name], args...)
	if int32(code) == 0 {
		return nil
	}
	text, length := make([]byte, 8192), new(int32)
	purego.SyscallN(l.functions["MPI_Error_string"], code, uintptr(unsafe.Pointer(&text[0])),
		uintptr(unsafe.Pointer(length)))
	return fmt.Errorf("%s: %s", name, text[:*length])
}
