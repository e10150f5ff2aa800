package mpi

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLaunchersAreRecognized(t *testing.T) {
	for _, x := range []struct {
		set   map[string]string
		n     int
		by    string
		first string
	}{
		{nil, 1, "", "libmpi.so.40"},
		{map[string]string{"OMPI_COMM_WORLD_SIZE": "4"}, 4, "mpirun of Open MPI", "libmpi.so.40"},
		{map[string]string{"PMI_SIZE": "3"}, 3, "mpiexec of MPICH", "libmpi.so.12"},
		{map[string]string{"PMI_ID": "0", "MPI_LOCALNRANKS": "1"}, 0, "mpiexec of MPICH", "libmpi.so.12"},
		{map[string]string{"PRTE_LAUNCHED": "1", "SLURM_STEP_NUM_TASKS": "1"}, 0, "prterun", "libmpi.so.40"},
		{map[string]string{"PRTE_LAUNCHED": "1", "OMPI_COMM_WORLD_SIZE": "4"}, 4, "mpirun of Open MPI", "libmpi.so.40"},
		{map[string]string{"SLURM_STEP_NUM_TASKS": "16"}, 16, "srun", "libmpi.so.40"},
		{map[string]string{"SLURM_STEP_NUM_TASKS": "16", "PMI_SIZE": "16"}, 16, "mpiexec of MPICH", "libmpi.so.12"},
		{map[string]string{"SLURM_STEP_NUM_TASKS": "1", "OMPI_COMM_WORLD_SIZE": "8"}, 8, "mpirun of Open MPI",
			"libmpi.so.40"},
		{map[string]string{"PMI_SIZE": "many"}, 1, "", "libmpi.so.40"},
		{map[string]string{"OMPI_COMM_WORLD_SIZE": "1", "PMI_SIZE": "2"}, 2, "mpiexec of MPICH", "libmpi.so.12"},
		{map[string]string{"OMPI_COMM_WORLD_SIZE": "1", "PRTE_LAUNCHED": "1"}, 1, "mpirun of Open MPI", "libmpi.so.40"},
		{map[string]string{"OMPI_COMM_WORLD_SIZE": "1", "SLURM_STEP_NUM_TASKS": "1"}, 1, "mpirun of Open MPI",
			"libmpi.so.40"},
	} {
		getenv := func(key string) string { return x.set[key] }
		n, by := Launched(getenv)
		require.Equal(t, x.n, n, x.set)
		require.Equal(t, x.by, by)
		require.Equal(t, x.first, candidates(Options{Getenv: getenv}, nil)[0])
		require.Contains(t, candidates(Options{Getenv: getenv}, nil), "libmpi_abi.so.1")
		require.Equal(t, []string{"mine"}, candidates(Options{Getenv: getenv, Library: "mine"}, nil))
	}
}

func TestTheLibraryBesideTheLauncherComesFirst(t *testing.T) {
	root := t.TempDir()
	place := func(names ...string) {
		path := filepath.Join(append([]string{root}, names...)...)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, 0o644))
	}
	place("five", "lib", "libmpi.so.12")
	place("five", "lib", "libmpi_abi.so.1")
	place("standard", "lib64", "libmpi_abi.so.1")
	place("open", "lib", "libmpi.so.40")
	place("usr", "lib", "libmpi.so.12") // a system with all in one directory

	for _, x := range []struct{ why, variable, program, first string }{
		{"the launcher's own ABI", "PMI_SIZE", "five/bin/hydra_pmi_proxy", root + "/five/lib/libmpi.so.12"},
		{"the standard ABI alone", "PMI_SIZE", "standard/bin/hydra_pmi_proxy", root + "/standard/lib64/libmpi_abi.so.1"},
		{"Open MPI 5", "OMPI_COMM_WORLD_SIZE", "open/bin/prted", root + "/open/lib/libmpi.so.40"},
		{"Open MPI 4", "OMPI_COMM_WORLD_SIZE", "open/bin/orted", root + "/open/lib/libmpi.so.40"},
		{"a shell between", "PMI_SIZE", "usr/bin/bash", "libmpi.so.12"},
		{"another launcher above", "PMI_SIZE", "open/bin/prted", "libmpi.so.12"},
		{"a library of another ABI beside", "OMPI_COMM_WORLD_SIZE", "usr/bin/orted", "libmpi.so.40"},
		{"srun", "SLURM_STEP_NUM_TASKS", "usr/bin/slurmstepd", "libmpi.so.40"},
	} {
		getenv := func(key string) string { return map[string]string{x.variable: "2"}[key] }
		names := candidates(Options{Getenv: getenv}, []string{"/usr/bin/env", filepath.Join(root, x.program)})
		require.Equal(t, x.first, names[0], x.why)
		require.Contains(t, names, "libmpi.so.40", x.why)
	}
}

func TestALibraryThatSeesOtherRanksIsForeign(t *testing.T) {
	for _, x := range []struct {
		set  map[string]string
		size int
		why  string
	}{
		{map[string]string{"PMI_SIZE": "4"}, 4, ""},
		{map[string]string{"PMI_SIZE": "4"}, 1, "mpiexec of MPICH has started 4 processes, and the MPI library sees 1"},
		{map[string]string{"OMPI_COMM_WORLD_SIZE": "4"}, 2, "mpirun of Open MPI has started 4 processes, and"},
		{map[string]string{"PRTE_LAUNCHED": "1", "PMIX_RANK": "2"}, 3, ""},
		{map[string]string{"PRTE_LAUNCHED": "1", "PMIX_RANK": "2"}, 1, "prterun has started an unknown number of processes"},
		{map[string]string{"PMI_ID": "1"}, 1, "mpiexec of MPICH has started an unknown number"},
		{map[string]string{"SLURM_STEP_NUM_TASKS": "4"}, 1, "(it) belongs to another launcher. Take another of srun"},
		{nil, 1, ""},
	} {
		err := foreign(func(key string) string { return x.set[key] }, x.size, "(it)")
		if x.why == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, x.why)
			require.ErrorContains(t, err, "belongs to another launcher")
		}
	}
}
