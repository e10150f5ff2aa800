// Package mpi joins processes that an MPI launcher has started as the ranks of one run. It opens the MPI library of the
// machine at run time: building takes neither a C compiler nor mpi.h, and one program serves Open MPI, the MPICH family
// and the standard ABI of MPI 5.
//
// Only programs for Linux built with the tag mpi have it, as opening a library takes a dynamic loader, which programs
// of static binaries do without.
package mpi

import (
	"errors"
	"strconv"
	"time"
)

// ErrAbsent is the error of Join in a program without MPI.
var ErrAbsent = errors.New("this program has no MPI in it: take fettle-mpi, which go build -tags mpi ./cmd/fettle " +
	"makes for Linux")

// Options say how to join.
type Options struct {
	Library  string        // the path of the MPI library; "": one that fits the launcher
	Deadline time.Duration // after which a rank that is not heard of is gone
	Getenv   func(string) string
	Say      func(text string) // tells people that a rank is gone
}

// kind is a kind of launcher, which tells how many processes it has started by a variable.
type kind struct {
	variable string
	name     string
	library  []string // names of the libraries that fit, the likeliest first
}

// The sonames of Open MPI 2 to 5, of the MPICH family and as Debian calls it, and of MPI 5.
var (
	openMPI  = []string{"libmpi.so.40"}
	mpich    = []string{"libmpi.so.12", "libmpich.so.12"}
	standard = []string{"libmpi_abi.so.0", "libmpi_abi.so.1", "libmpi_abi.so"}
)

// kinds lists the launchers, those that set others' variables too first.
func kinds() []kind {
	return []kind{
		{"OMPI_COMM_WORLD_SIZE", "mpirun of Open MPI", openMPI},
		{"PMI_SIZE", "mpiexec of MPICH", mpich},
		{"MPI_LOCALNRANKS", "mpiexec of MPICH", mpich},
		{"SLURM_STEP_NUM_TASKS", "srun", append(openMPI[:1:1], mpich...)},
	}
}

// Launched returns how many processes the launcher says it has started for one run, and its name; 1 where there is
// none.
func Launched(getenv func(string) string) (n int, by string) {
	for _, k := range kinds() {
		if n, err := strconv.Atoi(getenv(k.variable)); err == nil && n > 0 {
			return n, k.name
		}
	}
	return 1, ""
}

// candidates lists the libraries to try, those that fit the launcher first.
func candidates(o Options) (names []string) {
	if o.Library != "" {
		return []string{o.Library}
	}
	for _, k := range kinds() {
		if o.Getenv(k.variable) != "" {
			names = append(names, k.library...)
			break
		}
	}
	for _, all := range [][]string{openMPI, mpich, standard, {"libmpi.so"}} {
		names = append(names, all...)
	}
	return names
}
