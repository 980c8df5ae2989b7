#!/bin/sh
# Runs long_bench on the program that was just built.
#   EVENTS=N  (default 1000000)
#   STAGES=N  (default 10000)
exec "$top_builddir/bench/long_bench" "$top_builddir/showcaller" \
	"${EVENTS:-1000000}" "${STAGES:-10000}"
