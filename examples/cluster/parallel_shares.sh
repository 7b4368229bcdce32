#!/bin/bash
# A grid in N shares, J at a time, by GNU parallel or, where there is none, xargs; merged in the end.
#
#   examples/cluster/parallel_shares.sh N J RESULTS --backbone all --geobench-dir DIR --seeds 0-4
#
# With --sshloginfile, GNU parallel starts them on other machines. A share that failed is tried again when this is.
set -euo pipefail
shares=$1 jobs=$2 results=$3
shift 3
mkdir -p "$results"
share=("${PYTHON:-python}" -m harness run --shard "{}/$shares" --db "$results/{}.duckdb" "$@")
if command -v parallel > /dev/null; then
  seq "$shares" | parallel --jobs "$jobs" --quote "${share[@]}"
else
  seq "$shares" | xargs -P "$jobs" -I "{}" "${share[@]}"
fi
exec "$(dirname "$0")/merge.sh" "$results" "$results/all.duckdb"
