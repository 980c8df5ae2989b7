# tap.sh: TAP for shell tests. Sourced: . "$top_srcdir/tests/tap.sh"
#
#   ok STATUS TEXT     one test point: passed when STATUS is 0
#   none FILE TEXT     passed when FILE is empty; else its lines say why not
#   skip_all WHY       nothing can be tested here, and why; ends the test
#   plan               at the end: says how many points there were
#   at_most MS         prints how long it may take here, in ms: as it says, but
#                      under a sanitizer all is slower (see tests/unit/patience.h)
#
# A test that ends before `plan` is an error, never a pass. $scratch is a folder
# of the test's own that goes away with it.
: "${top_srcdir:?set by make check}" "${top_builddir:?set by make check}"
LC_ALL=C.UTF-8
export LC_ALL
tap_count=0
tap_failures=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/showcaller-test.XXXXXX") || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 99' HUP INT TERM

ok() {
	tap_count=$((tap_count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_count - $2"
	else
		tap_failures=$((tap_failures + 1))
		echo "not ok $tap_count - $2"
	fi
}

none() {
	if [ -s "$1" ]; then
		ok 1 "$2"
		head -n 40 "$1" | sed 's/^/# /'
	else
		ok 0 "$2"
	fi
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

at_most() {
	tap_slow=$((${CK_TIMEOUT_MULTIPLIER:-3} / 3))
	echo $(($1 * (tap_slow > 1 ? tap_slow : 1)))
}

plan() {
	echo "1..$tap_count"
	[ "$tap_failures" -eq 0 ]
	exit
}
