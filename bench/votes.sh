#!/bin/sh
# Runs votes_bench on the program that was just built.
#   VOTES=N  (default 72000) of each kind
#   ROUNDS=N (default 3) of a part of them each: no more than 25,000, because a
#            WebSocket that says more than 200 messages in a second is cut
exec "$top_builddir/bench/votes_bench" "$top_builddir/showcaller" \
	"${VOTES:-72000}" "${ROUNDS:-3}"
