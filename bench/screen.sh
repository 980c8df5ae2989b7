#!/bin/sh
# Runs screen_bench on the program that was just built.
exec "$top_builddir/bench/screen_bench" "$top_builddir/showcaller" \
	"$top_builddir/bench/bare_reader"
