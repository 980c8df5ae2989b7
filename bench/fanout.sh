#!/bin/sh
# Runs fanout_bench; with a row of Node's ws where node is and npm brings it.
#   CLIENTS=N  (default 5000)
#   SECONDS_EACH=N  (default 5), ROUNDS=N  (default 3)
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
if command -v node >"$scratch/log" && (cd "$scratch" &&
	npm install --silent --no-audit --no-fund ws@8) >"$scratch/log" 2>&1
then
	NODE_PATH=$scratch/node_modules
	FANOUT_NODE=$top_srcdir/bench/fanout_ws.cjs
	export NODE_PATH FANOUT_NODE
fi
"$top_builddir/bench/fanout_bench" "${CLIENTS:-5000}" \
	"${SECONDS_EACH:-5}" "${ROUNDS:-3}"
