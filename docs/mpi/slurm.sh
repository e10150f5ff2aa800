#!/bin/bash
# sbatch docs/mpi/slurm.sh run.yaml: a run over eight nodes that saves two minutes before its time is up and continues
# in another job. Under MPICH or Intel MPI: export SLURM_MPI_TYPE=pmi2; srun --mpi=list shows what there is.
#SBATCH --nodes=8
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --exclusive
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --signal=USR1@120
#SBATCH --open-mode=append
export GOMAXPROCS=$SLURM_CPUS_PER_TASK
srun --mpi="${SLURM_MPI_TYPE:-pmix}" --cpus-per-task="$SLURM_CPUS_PER_TASK" --cpu-bind=none --kill-on-bad-exit=1 \
	fettle-mpi train --config "$1"
code=$?
# 75: stopped, or a rank was lost; the same command continues. Anything else is done, or needs a person.
test $code != 75 || scontrol requeue "$SLURM_JOB_ID"
exit $code
