#!/bin/bash
# One run over all machines of a Slurm job: sbatch --nodes=4 slurm.sh photos lib.vifex --fps 2
# Media, store and environment lie on a file system that all machines share.
#SBATCH --job-name=vifex
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=24:00:00
# What was finished is kept where the time is over; the same script goes on from there.
set -euo pipefail

sources=$1 store=$2
shift 2
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
# Starts Ray on each machine, runs the command on the first one, and stops Ray.
srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" \
    ray symmetric-run --address "$head:6379" --min-nodes "$SLURM_JOB_NUM_NODES" -- \
    vifex extract "$sources" -o "$store" --on ray "$@"
