#!/bin/sh
# Runs obs_bench against a real OBS.
#   SWITCHES=N  (default 300)
#   ROUNDS=N    (default 5) of OBS that is closed and comes back
"$top_builddir/bench/obs_bench" "${SWITCHES:-300}" "${ROUNDS:-5}" 2>/dev/null |
	grep '^{'
