#!/bin/sh
# Runs fanout_bench.
#   CLIENTS=N  (default 5000)
#   SECONDS_EACH=N  (default 5), ROUNDS=N  (default 3)
exec "$top_builddir/bench/fanout_bench" "${CLIENTS:-5000}" \
	"${SECONDS_EACH:-5}" "${ROUNDS:-3}"
