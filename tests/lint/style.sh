#!/bin/sh
# What a reader should not have to meet.
. "$top_srcdir/tests/tap.sh"
cd "$top_srcdir" || exit 99

sources() { # everything that people wrote here, a path a line
	find src ui tests bench dags man docs completions .ci -type f \
		2>/dev/null
	ls README.md HACKING.md LICENSE bootstrap configure.ac Makefile.am
}
sources | grep -Ev '/(seeds|corpus)/' | sort >"$scratch/all"
[ "$(wc -l <"$scratch/all")" -gt 50 ]
ok $? "there is something to look at ($(wc -l <"$scratch/all") files)"

grep -E '^(src|ui|bench)/.*\.[ch]$' "$scratch/all" | xargs wc -l |
	awk '$1 > 700 && $2 != "total" { print $2 " has " $1 " lines" }' \
	>"$scratch/long"
none "$scratch/long" "no file has more than 700 lines"

# A test waits for a condition with a deadline. (The lists of forbidden names in
# tests/lint are no calls.)
grep -E '^tests/' "$scratch/all" | grep -v '^tests/lint/' |
	xargs grep -nE '(^|[;&|({`]|do|then|else)[[:space:]]*(sleep[[:space:]]+[0-9.$]|(u|nano)?sleep\()' \
	>"$scratch/sleeps"
none "$scratch/sleeps" "no test sleeps"

xargs grep -nE '\b(TO''DO|FIX''ME|XX''X)\b|not impl''emented' \
	<"$scratch/all" >"$scratch/unfinished"
none "$scratch/unfinished" "nothing is left for later without a word"

# Nobody else has these folders.
xargs grep -nE '(^|[^A-Za-z0-9_.])/(work|wt|root|home/[a-z]+)/' \
	<"$scratch/all" | grep -v 'home/you/' >"$scratch/places"
none "$scratch/places" "no path of one machine stands in the sources"

grep -E '\.[ch]$|\.sh$' "$scratch/all" |
	xargs grep -nE '[[:space:]]+$' >"$scratch/blanks"
none "$scratch/blanks" "no line ends in blanks"

# Every header says what it is before it declares anything.
grep -E '^(src|ui)/.*\.h$' "$scratch/all" | while read -r header; do
	head -n 1 "$header" | grep -q '^/\*' || echo "$header"
done >"$scratch/headers"
none "$scratch/headers" "every header begins with what it is"

# What is exported and can change is shared by all threads.
grep -E '^(src|ui)/.*\.h$' "$scratch/all" |
	xargs grep -nE '^extern ' | grep -vE 'extern (const |"C")' \
	>"$scratch/globals"
none "$scratch/globals" "no header offers a variable that can change"

grep -E '\.sh$|^bootstrap$|^\.ci/run$|^dags/agents/' "$scratch/all" |
	grep -v '\.awk$' | while read -r script; do
	shell=sh
	head -n 1 "$script" | grep -q bash && shell=bash
	"$shell" -n "$script" 2>&1 | sed "s|^|$script: |"
done >"$scratch/syntax"
none "$scratch/syntax" "every script parses"
plan
