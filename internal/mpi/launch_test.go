package mpi

import (
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
		{map[string]string{"SLURM_STEP_NUM_TASKS": "16"}, 16, "srun", "libmpi.so.40"},
		{map[string]string{"SLURM_STEP_NUM_TASKS": "16", "PMI_SIZE": "16"}, 16, "mpiexec of MPICH", "libmpi.so.12"},
		{map[string]string{"SLURM_STEP_NUM_TASKS": "1", "OMPI_COMM_WORLD_SIZE": "8"}, 8, "mpirun of Open MPI",
			"libmpi.so.40"},
		{map[string]string{"PMI_SIZE": "many"}, 1, "", "libmpi.so.12"},
	} {
		getenv := func(key string) string { return x.set[key] }
		n, by := Launched(getenv)
		require.Equal(t, x.n, n, x.set)
		require.Equal(t, x.by, by)
		require.Equal(t, x.first, candidates(Options{Getenv: getenv})[0])
		require.Contains(t, candidates(Options{Getenv: getenv}), "libmpi_abi.so.0")
		require.Equal(t, []string{"mine"}, candidates(Options{Getenv: getenv, Library: "mine"}))
	}
}
