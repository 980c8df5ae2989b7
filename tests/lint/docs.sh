#!/bin/sh
# The words against the house: manual pages are sound, and what the README and
# HACKING name is there.
. "$top_srcdir/tests/tap.sh"
cd "$top_srcdir" || exit 99
command -v mandoc >/dev/null 2>&1 || skip_all "mandoc is missing"

for page in man/*.[157]; do
	mandoc -T lint -W warning "$page" >"$scratch/lint" 2>&1
	none "$scratch/lint" "$page is sound"
	mandoc -T ascii "$page" | sed 's/.\x08//g' | grep -q '^EXIT STATUS' ||
		[ "$page" != man/showcaller.1 ]
	ok $? "$page reads"
done

# Pages that name other pages: name(section) of ours must be there.
cat man/*.[157] README.md HACKING.md | sed 's/\\f[BIRP]//g; s/\\-/-/g' |
	grep -oE 'showcaller(-[a-z]+)?[ ]?\([157]\)' | tr -d ' ' | sort -u |
	while IFS='()' read -r name section; do
		[ -e "man/$name.$section" ] || echo "$name($section)"
	done >"$scratch/pages"
none "$scratch/pages" "every page that is named is there"

# Every key of Redis has its entry, and every entry its key.
{
	grep -ohE '\b(key_of|key_with|add_key)\([^"]*"[a-z:]+"' src/store/*.c
	grep 'streams\[\] = ' src/store/tail.c
} | grep -oE '"[a-z:]+"' | tr -d '"' | sort -u >"$scratch/keys"
sed -n '/keys begin/,/keys end/p' man/showcaller-bus.7 |
	sed -n 's/^\.It Li //p' | sed 's/ Ns .*//; s/ , /\n/g' |
	grep -v '^snapshot:next:$' | sort -u >"$scratch/told.keys"
diff "$scratch/keys" "$scratch/told.keys" >"$scratch/keys.diff"
none "$scratch/keys.diff" "showcaller-bus(7) has every key, and no other"

# Paths in backquotes, from the top of the sources.
cat README.md HACKING.md docs/STATUS.md | grep -oE '`[^`]+`' | tr -d '`' |
	grep -E '^(src|ui|tests|dags|man|bench|docs|completions)/' |
	grep -v '[A-Z*]' | sort -u | while read -r path; do
		[ -e "$path" ] || [ -e "$path.c" ] || [ -e "$path.h" ] ||
			echo "$path"
	done >"$scratch/paths"
none "$scratch/paths" "every path that is named is there"

# Targets of make, and switches of configure.
cat README.md HACKING.md | grep -oE '\bmake [a-z][a-z-]+' | sort -u |
	while read -r make target; do
		case $target in
		check | install | distcheck) continue ;;
		esac
		grep -q "^$target:" Makefile.am || echo "$make $target"
	done >"$scratch/targets"
none "$scratch/targets" "every make target that is named is there"
grep -ohE '\-\-enable-[a-z]+' README.md HACKING.md | sort -u |
	while read -r switch; do
		grep -q "SWITCH(\[${switch#--enable-}\]" configure.ac ||
			echo "$switch"
	done >"$scratch/switches"
none "$scratch/switches" "every switch that is named is there"

# Every room has its row in the table of rooms, and the other way round.
find src ui -mindepth 1 -maxdepth 1 -type d | sort >"$scratch/rooms"
sed -n 's/^| `\(\(src\|ui\)\/[a-z]*\)`.*/\1/p' HACKING.md | sort \
	>"$scratch/told"
diff "$scratch/rooms" "$scratch/told" >"$scratch/rooms.diff"
none "$scratch/rooms.diff" "HACKING tells of every room"
plan
