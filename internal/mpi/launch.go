// Package mpi joins processes that an MPI launcher has started as the ranks of one run. It opens the MPI library of the
// machine at run time: building takes neither a C compiler nor mpi.h, and one program serves Open MPI, the MPICH family
// and the standard ABI of MPI 5.
//
// Only programs for Linux built with the tag mpi have it, as opening a library takes a dynamic loader, which programs
// of static binaries do without.
package mpi

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// ErrAbsent is the error of Join in a program without MPI.
var ErrAbsent = errors.New("this program has no MPI in it: take fettle-mpi, which go build -tags mpi ./cmd/fettle " +
	"makes for Linux")

// ErrLate is the error of Join where not all ranks come.
var ErrLate = errors.New("the ranks have not all come")

// Options say how to join.
type Options struct {
	Library  string        // the path of the MPI library; "": one that fits the launcher
	Deadline time.Duration // after which a rank that is not heard of is gone
	Getenv   func(string) string
	Say      func(text string) // tells people that a rank is gone
}

// kind is a kind of launcher, which is known by the variables that it sets.
type kind struct {
	name    string
	mark    string   // is set in each of its processes
	size    string   // tells how many it has started; "": none does
	rank    string   // numbers them
	library []string // names of the libraries that fit, the likeliest first
	daemons []string // names of its programs that start ranks, in the directory bin beside lib
}

// The sonames of Open MPI 2 to 5, of the MPICH family and as Debian calls it, and of MPI 5.
var (
	openMPI  = []string{"libmpi.so.40"}
	mpich    = []string{"libmpi.so.12", "libmpich.so.12"}
	standard = []string{"libmpi_abi.so.0", "libmpi_abi.so.1", "libmpi_abi.so"}
)

// kinds lists the launchers, those that set others' variables too first.
func kinds() []kind {
	prrte := []string{"prted", "prterun", "prte"}
	hydra := []string{"hydra_pmi_proxy", "pmi_proxy", "mpiexec.gforker"}
	return []kind{
		{"mpirun of Open MPI", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", openMPI,
			append(prrte, "orted", "orterun", "mpirun")},
		{"mpiexec of MPICH", "PMI_SIZE", "PMI_SIZE", "PMI_RANK", mpich, hydra},
		{"mpiexec of MPICH", "PMI_ID", "", "PMI_ID", mpich, hydra}, // with -pmi-port
		{"prterun", "PRTE_LAUNCHED", "", "PMIX_RANK", openMPI, prrte},
		{"srun", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID",
			slices.Concat(openMPI, mpich), nil},
	}
}

// launched returns the launcher that has started this process, and how many it says it has started for one run, 0 where
// it does not say. One that started a single process may have been left behind by a shell around the launcher.
func launched(getenv func(string) string) (by kind, n int, ok bool) {
	n = 1
	for _, k := range kinds() {
		count, err := 0, error(nil)
		if k.size != "" {
			count, err = strconv.Atoi(getenv(k.size))
		}
		if getenv(k.mark) == "" || err != nil || count < 0 || ok && count < 2 {
			continue
		}
		if by, n, ok = k, count, true; n != 1 {
			break
		}
	}
	return by, n, ok
}

// Launched returns how many processes the launcher says it has started for one run, 0 where it does not say, and its
// name; 1 where there is none.
func Launched(getenv func(string) string) (n int, by string) {
	k, n, _ := launched(getenv)
	return n, k.name
}

// Processes counts n processes, as Launched does.
func Processes(n int) string {
	if n == 0 {
		return "an unknown number of processes"
	}
	return strconv.Itoa(n) + " processes"
}

// foreign returns why a library that sees so many ranks is not the launcher's; nil: it is. Otherwise each process
// would be alone, and there would be as many runs as processes.
func foreign(getenv func(string) string, size int, library string) error {
	k, n, ok := launched(getenv)
	if !ok || n == size {
		return nil
	}
	if n == 0 {
		if rank, err := strconv.Atoi(getenv(k.rank)); err != nil || rank < size {
			return nil
		}
	}
	advice := "Take that one's mpirun, or name the library of this one by --mpi_library"
	if k.name == "srun" {
		advice = "Take another of srun --mpi=list: Open MPI wants pmix, MPICH and Intel MPI pmi2"
	}
	return fmt.Errorf("%s has started %s, and the MPI library sees %d: %s belongs to another launcher. %s", k.name,
		Processes(n), size, library, advice)
}

// candidates lists the libraries to try: those beside the launcher, then others that fit it, then all.
// programs are those that have started this one, the nearest first.
func candidates(o Options, programs []string) (names []string) {
	if o.Library != "" {
		return []string{o.Library}
	}
	if k, _, ok := launched(o.Getenv); ok {
		names = append(k.beside(programs), k.library...)
	}
	for _, all := range [][]string{openMPI, mpich, standard, {"libmpi.so"}} {
		names = append(names, all...)
	}
	return names
}
