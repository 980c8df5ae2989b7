#!/bin/sh
# Runs gateway_bench on the program that was just built.
#   ROUNDS=N  (default 2) of 400 streams each
exec "$top_builddir/bench/gateway_bench" "$top_builddir/showcaller" "${ROUNDS:-2}"
