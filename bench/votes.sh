#!/bin/sh
# Runs votes_bench on the program that was just built.
#   VOTES=N  (default 120000) of each kind
#   ROUNDS=N (default 3) of a part of them each
exec "$top_builddir/bench/votes_bench" "$top_builddir/showcaller" \
	"${VOTES:-120000}" "${ROUNDS:-3}"
