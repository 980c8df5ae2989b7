#!/bin/sh
# The core decides and folds; it reads no clock, no file, no socket, no chance.
# What libcore.a leaves undefined must come from a list of functions that
# depend on nothing but their arguments.
. "$top_srcdir/tests/tap.sh"
command -v nm >/dev/null 2>&1 || skip_all "nm is missing (binutils)"
core=$top_builddir/libcore.a
[ -e "$core" ] || skip_all "libcore.a is not built"

symbols() { # KIND FILE: U undefined, or the defined ones
	if [ "$1" = U ]; then
		nm -g --undefined-only "$2"
	else
		nm -g --defined-only "$2"
	fi 2>/dev/null | awk -v kind="$1" '
		kind == "U" && $1 == "U" { print $2 }
		kind != "U" && NF == 3 { print $3 }' | sort -u
}

symbols U "$core" >"$scratch/undefined"
symbols T "$core" >"$scratch/own"
comm -23 "$scratch/undefined" "$scratch/own" >"$scratch/needed"
[ -s "$scratch/needed" ]
ok $? "libcore.a was read ($(wc -l <"$scratch/needed") symbols from outside)"

# The lower rooms, but not what reaches the machine.
for room in base show; do
	symbols T "$top_builddir/lib$room.a"
done | grep -Ev '^(clock|file|log|mailbox|chance|place|crash)_|^show_load' \
	>"$scratch/rooms"
echo clock_rfc3339 >>"$scratch/rooms" # writes a time that it is given

# libc: memory, strings, numbers, sorting. Names with __ are what the compiler
# and -D_FORTIFY_SOURCE make of them, and what instrumentation adds.
cat >"$scratch/pure" <<'LIST'
malloc calloc realloc free abort
memcpy memmove memset memcmp memchr memrchr mempcpy
strlen strnlen strcmp strncmp strcasecmp strncasecmp strcpy strncpy stpcpy
strcat strncat strchr strchrnul strrchr strstr strspn strcspn strpbrk strdup
strndup strtok_r
strtol strtoll strtoul strtoull strtod strtoimax strtoumax
snprintf vsnprintf sscanf
qsort bsearch qsort_r
abs labs llabs div ldiv lldiv
floor ceil round lround llround rint fabs fmin fmax fmod pow isnan isinf
trunc log2 exp2 sqrt ldexp
LIST
tr ' ' '\n' <"$scratch/pure" | sort -u >"$scratch/libc"
sort -u "$scratch/libc" "$scratch/rooms" >"$scratch/allowed"
comm -23 "$scratch/needed" "$scratch/allowed" |
	grep -Ev '^json_object_|^json_(type|tokener|c_|number)' |
	grep -Ev '^array_list_|^lh_|^printbuf_' |
	grep -Ev '^__(stack_chk_fail|errno_location|ctype_(b|tolower|toupper)_loc)$' |
	grep -Ev '^__(v?snprintf|mem[a-z]*|st[rp][a-z]*)_chk$|^__isoc(99|23)_' |
	grep -Ev '^__(asan|ubsan|tsan|sanitizer|gcov|sancov)_|^_GLOBAL_' \
	>"$scratch/impure"
none "$scratch/impure" "the core needs nothing but its arguments"

# By name, so that a hole in the list above is seen too.
grep -Ex 'time|clock|clock_gettime|gettimeofday|localtime.*|gmtime.*|rand.*|.?rand48|getrandom|getentropy|open|open64|fopen.*|read|write|fwrite|fputs|puts|printf|socket|connect|send.*|recv.*|poll|select|getenv|secure_getenv|gethostname|getpid|pthread_.*|nanosleep|usleep|sleep' \
	"$scratch/needed" >"$scratch/forbidden"
none "$scratch/forbidden" "no clock, no file, no socket, no chance, no thread"
plan
