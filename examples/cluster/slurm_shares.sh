#!/bin/bash
# A grid in shares, one a task of a Slurm job array. Each has a leaderboard of its own; merge.sh puts them together.
#
#   sbatch --array=1-16 examples/cluster/slurm_shares.sh RESULTS --backbone all --geobench-dir DIR --seeds 0-4
#
# Nodes need no common disk but for RESULTS. With --signal, a task that runs out of time finishes what it has begun;
# submitted again, it does the rest.
#SBATCH --cpus-per-task=8 --gres=gpu:1 --time=24:00:00 --signal=TERM@300
set -euo pipefail
results=$1
shift
mkdir -p "$results"
exec "${PYTHON:-python}" -m harness run \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --db "$results/$SLURM_ARRAY_TASK_ID.duckdb" "$@"
