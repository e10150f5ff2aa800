package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/internal/tinymodel"
)

// Without it, as many runs as processes would begin in one directory.
func TestAProgramWithoutMPISaysWhichHasIt(t *testing.T) {
	base, set, run := tiny(t, tinymodel.Config{}), rows(t, 14), filepath.Join(t.TempDir(), "run")
	flags := training(base, set, run, "--max_steps", "1")
	for variable, by := range map[string]string{
		"OMPI_COMM_WORLD_SIZE": "mpirun of Open MPI", "PMI_SIZE": "mpiexec of MPICH", "SLURM_STEP_NUM_TASKS": "srun",
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "4")
			code, _, stderr := call("", flags...)
			require.Equal(t, exitUsage, code)
			require.Contains(t, stderr, by+" has started 4 processes for one run, and this program has no MPI in it: take "+
				"fettle-mpi")
			code, _, stderr = call("", "train")
			require.Equal(t, exitUsage, code)
			require.Contains(t, stderr, "give them a model and data")
			require.NoDirExists(t, run)
		})
	}
	for variable, by := range map[string]string{"PMI_ID": "mpiexec of MPICH", "PRTE_LAUNCHED": "prterun"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "1")
			code, _, stderr := call("", flags...)
			require.Equal(t, exitUsage, code)
			require.Contains(t, stderr, by+" has started an unknown number of processes for one run, and this program")
			require.NoDirExists(t, run)
		})
	}
	code, _, stderr := call("", append(flags, "--ranks", "mpi")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "no mpirun or srun has started this process")
	code, _, stderr = call("", append(flags, "--ranks", "many")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `ranks is "many", want auto, mpi or none`)
	t.Setenv("PMI_SIZE", "1")
	must(t, flags...)
	t.Setenv("PMI_SIZE", "4")
	must(t, append(flags, "--ranks", "none")...)
}
