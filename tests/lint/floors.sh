#!/bin/sh
# Who may include whom, and which library's headers live in which room.
. "$top_srcdir/tests/tap.sh"
cd "$top_srcdir" || exit 99

# An include "room/file.h" counts by its room; the console's room is its folder
# below ui/. main.c may use the command line and the base.
find src ui -name '*.[ch]' | sort | xargs awk '
BEGIN {
	may["base"] = "base"
	may["show"] = "base show"
	may["core"] = "base show core"
	may["store"] = "base show core store"
	may["jobs"] = "base show core jobs"
	may["net"] = "base show core net"
	may["engine"] = "base show core store jobs net engine"
	may["sim"] = "base show core sim"
	may["console"] = "base show core store console"
	may["cli"] = "base show core store jobs net engine console sim cli"
	may["main.c"] = "base cli"

	home["yaml.h"] = "show"
	home["hiredis/"] = "store"
	home["curl/"] = "jobs"
	home["sndfile.h"] = "jobs"
	home["ebur128.h"] = "jobs"
	home["microhttpd.h"] = "net"
	home["libwebsockets.h"] = "net"
	home["uv.h"] = "net"
	home["curses.h"] = "console"
	home["ncurses"] = "console"
	home["term.h"] = "console"
	home["utf8proc.h"] = "base"
	home["openssl/"] = "base"
}
FNR == 1 {
	split(FILENAME, part, "/")
	room = part[2]
	folder = FILENAME
	sub(/[^\/]*$/, "", folder)
	if (!(room in may))
		print FILENAME ": room " room " stands on no floor"
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, quoted, "\"")
	file = quoted[2]
	if (file == "config.h")
		next
	if (index(file, "/") == 0) {
		# A page made at build time, or a file of the same room.
		if (!(room == "net" && file ~ /_html\.h$|^web_/) &&
		    system("test -e " folder file) != 0)
			print FILENAME ":" FNR ": \"" file "\": which room?"
		next
	}
	target = substr(file, 1, index(file, "/") - 1)
	if (index(" " may[room] " ", " " target " ") == 0)
		print FILENAME ":" FNR ": " room " may not include " file
}
/^[ \t]*#[ \t]*include[ \t]*</ {
	file = $0
	sub(/^[^<]*</, "", file)
	sub(/>.*/, "", file)
	for (library in home)
		if (index(file, library) == 1 && home[library] != room)
			print FILENAME ":" FNR ": <" file "> lives in " \
				home[library]
}' >"$scratch/floors"
none "$scratch/floors" "nobody includes upward, sideways or a foreign library"

count=$(find src -name '*.c' | wc -l)
[ "$count" -gt 20 ]
ok $? "there is something to look at ($count files)"
plan
