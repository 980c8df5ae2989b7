#!/bin/sh
# Runs leases_bench on the program that was just built.
#   LEASES=N  (default 50000)
#   ROUNDS=N  (default 2) of a part of them each
#   ONLY=TEXT measures only what has that in its name, as "settled"
exec "$top_builddir/bench/leases_bench" "$top_builddir/showcaller" \
	"${LEASES:-50000}" "${ROUNDS:-2}" "${ONLY:-}"
