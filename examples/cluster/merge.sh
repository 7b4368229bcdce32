#!/bin/bash
# The shares of a grid as one leaderboard: examples/cluster/merge.sh RESULTS all.duckdb. What is there already stays.
set -euo pipefail
exec "${PYTHON:-python}" -m harness import "$1"/*.duckdb --db "$2"
