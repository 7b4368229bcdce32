#!/bin/bash
# The shares of a grid as one leaderboard: examples/cluster/merge.sh RESULTS all.duckdb. What is there already stays.
set -euo pipefail
shares=()
for share in "$1"/*.duckdb; do
  [[ $share -ef $2 ]] || shares+=("$share")
done
exec "${PYTHON:-python}" -m harness import "${shares[@]}" --db "$2"
