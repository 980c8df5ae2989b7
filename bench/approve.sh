#!/bin/sh
# Runs approve_bench on the program that was just built.
#   CALLS=N  (default 300)
exec "$top_builddir/bench/approve_bench" "$top_builddir/showcaller" \
	"${CALLS:-300}"
