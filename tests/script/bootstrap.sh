#!/bin/sh
# bootstrap says what is missing and who can install it, and stops with 69 when
# nobody can. In a world of its own: a PATH where no compiler is.
. "$top_srcdir/tests/tap.sh"
bootstrap=$top_srcdir/bootstrap
bin=$scratch/bin
mkdir "$bin"
for tool in sh date dirname tr mktemp tail grep head rm sed cat; do
	ln -s "$(command -v "$tool")" "$bin/$tool"
done
program_here() { # NAME BODY
	printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1"
	chmod +x "$bin/$1"
}
run() { # ARG...
	TMPDIR=$scratch PATH=$bin sh "$bootstrap" "$@" >"$scratch/out" 2>&1
}
stops() { # CODE PATTERN TEXT ARG...
	want=$1 pattern=$2 text=$3
	shift 3
	run "$@"
	got=$?
	[ "$got" -eq "$want" ] && grep -q "$pattern" "$scratch/out"
	ok $? "$text ($want)"
	[ "$got" -eq "$want" ] || sed 's/^/# /' "$scratch/out"
}

program_here id 'echo 1000'
if [ -e /etc/debian_version ]; then
	program_here apt-get 'exit 0'
	stops 69 'no sudo; as root, please: apt-get install gcc .*redis-server' \
		"neither root nor sudo: the packages are named" run
	program_here sudo "echo \"\$@\" >$scratch/asked; exit 1"
	stops 69 'could not be installed; as root, please: apt-get install gcc' \
		"sudo that fails: the packages are named" run
	grep -q 'redis-server$' "$scratch/asked" &&
		grep -q 'policy-rc.d' "$scratch/asked"
	ok $? "sudo was asked once for all of them, and no service starts"
	rm "$bin/apt-get"
fi
stops 69 'is no Debian; please install' "no apt: what is needed is named" run
grep -q tmux "$scratch/out"
[ $? -ne 0 ]
ok $? "run does not ask for what only the tests need"
stops 69 'redis-server check xz-utils .*tmux' "check does" check
stops 69 'autoreconf is missing' "no autoreconf: plain bootstrap says so"
stops 2 './bootstrap check' "an unknown word gets the usage" chekc
stops 2 'takes no arguments' "check takes no argument" check it
stops 65 'there is no .*/nosuch.yaml' \
	"a show that is not there is said before anything is built" \
	run nosuch.yaml
stops 2 'run takes the file of a show' "run has no options" run --rehearse
stops 0 './bootstrap run' "--help is no error" --help
plan
