#!/bin/bash
# One command on every node of a Slurm job: they share leaderboard and cache on a common file system, and the work.
#
#   sbatch --nodes=4 examples/cluster/slurm_together.sh --backbone all --geobench-dir DIR --seeds 0-4 \
#     --db /shared/all.duckdb --cache-dir /shared/cache
#
# `python -m harness status --db /shared/all.duckdb` shows how far they are. More nodes may join with the same command.
#SBATCH --ntasks-per-node=1 --cpus-per-task=8 --gres=gpu:1 --time=24:00:00 --signal=TERM@300
set -euo pipefail
exec srun "${PYTHON:-python}" -m harness run "$@"
