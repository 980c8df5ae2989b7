#!/bin/sh
# Runs obs_bench against a real OBS, and obs_flood_bench.
#   SWITCHES=N  (default 400) by key, and as many by the bare request
#   ROUNDS=N    (default 20) of OBS that is closed or dies, and comes back
#   EVENTS=N    (default 100000) that a server sends as OBS does
{
	"$top_builddir/bench/obs_bench" "$top_builddir/showcaller" \
		"${SWITCHES:-400}" "${ROUNDS:-20}"
	"$top_builddir/bench/obs_flood_bench" "$top_builddir/showcaller" \
		"${EVENTS:-100000}"
} 2>/dev/null | grep --line-buffered '^{'
