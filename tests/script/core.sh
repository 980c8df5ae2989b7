# core.sh: starting and ending cores in tests. Sourced after tap.sh.
#
#   start_core FILE [OPTION]...   a headless core with free ports; 0 when it
#                                 says that the show runs. $core is its process,
#                                 its words are in $scratch/core.log
#   begin_core FILE [OPTION]...   the same as a test point; without a core the
#                                 test ends here
#   start_standby FILE --redis URL [OPTION]...   the same for a core that finds
#                                 another one leading: 0 when it stands by
#   start_peer                    a server of language models that behaves badly
#                                 on request (tests/real/llm_peer.h), in process
#                                 $peer_pid; $peer is its URL
#   end_core                      SIGTERM, and waits; its exit status
#   kill_core                     kill -9
#   wait_event SHOW PATTERN       until an event (as JSON) matches, an old one, too;
#                                 120 s at most
#   wait_log PATTERN              until a line of core.log matches
#   wait_until COMMAND...         until it is true, 120 s at most: what follows an
#                                 event, as a page or a key, comes a little later
#   fails CODE PATTERN TEXT COMMAND...   a test point: the command exits with
#                                 CODE and says on stderr what matches PATTERN
#
# Nothing here sleeps: it blocks on a pipe until what it waits for has come.
program=$top_builddir/showcaller
SHOWCALLER_STATE=$scratch/state
export SHOWCALLER_STATE
core=
starts=0
for tool in redis-server redis-cli jq curl timeout mkfifo; do
	command -v "$tool" >/dev/null || skip_all "$tool is missing"
done

# Further cores of a test, and a Redis of its own, for the end.
others=
redis=

start_core() {
	launch_core "$@"
	[ "$said" = ready ]
}

begin_core() {
	start_core "$@"
	started=$?
	ok "$started" "the show runs"
	[ "$started" -eq 0 ] || plan
}

start_standby() {
	launch_core "$@"
	[ "$said" = standby ]
}

launch_core() {
	starts=$((starts + 1))
	mkfifo "$scratch/ready.$starts"
	"$program" run --headless --ready-fd=3 --operator 127.0.0.1:0 \
		--audience 127.0.0.1:0 "$@" </dev/null >>"$scratch/core.log" \
		2>&1 3>"$scratch/ready.$starts" &
	core=$!
	said=$(timeout 120 head -n 1 "$scratch/ready.$starts")
}

start_peer() {
	[ -x "$top_builddir/tests/real/llm_peer" ] ||
		skip_all "tests/real/llm_peer is not built"
	mkfifo "$scratch/peer.out"
	"$top_builddir/tests/real/llm_peer" >"$scratch/peer.out" &
	peer_pid=$!
	others="$others $peer_pid"
	peer=http://127.0.0.1:$(timeout 120 head -n 1 "$scratch/peer.out" |
		cut -d ' ' -f 2)
}

end_core() {
	kill -TERM "$core"
	wait "$core"
}

kill_core() {
	kill -KILL "$core"
	wait "$core" 2>/dev/null
	core=
}

wait_event() {
	fifo=$scratch/events.$$
	mkfifo "$fifo"
	timeout 120 "$program" events "$1" --follow --json >"$fifo" \
		2>"$scratch/events.err" &
	reader=$!
	grep -m 1 -E "$2" <"$fifo" >"$scratch/event"
	found=$?
	kill "$reader" 2>/dev/null
	wait "$reader" 2>/dev/null
	rm -f "$fifo"
	[ "$found" -eq 0 ] || echo "# no event matched $2"
	return "$found"
}

# Until the core has said what matches.
wait_log() { # PATTERN
	fifo=$scratch/words.$$
	mkfifo "$fifo"
	timeout 120 tail -n +1 -f "$scratch/core.log" >"$fifo" 2>/dev/null &
	reader=$!
	grep -m 1 -qE "$1" <"$fifo"
	found=$?
	kill "$reader" 2>/dev/null
	wait "$reader" 2>/dev/null
	rm -f "$fifo"
	return "$found"
}

wait_until() {
	waits_since=$(date +%s)
	until "$@"; do
		[ $(($(date +%s) - waits_since)) -lt 120 ] || {
			echo "# never true: $*"
			return 1
		}
	done
}

free_port() { # a port of 127.0.0.1 that the system gives to nobody
	node "$top_srcdir/tests/real/free_ports.mjs" 1
}

fails() {
	want=$1 pattern=$2 text=$3
	shift 3
	timeout 120 "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
	got=$?
	[ "$got" -eq "$want" ] && grep -qE "$pattern" "$scratch/err" &&
		grep -q '^showcaller: ' "$scratch/err"
	ok $? "$text ($want)"
	[ "$got" -eq "$want" ] || echo "# exit status $got, wanted $want"
	grep -qE "$pattern" "$scratch/err" || {
		echo "# wanted: $pattern"
		sed 's/^/# /' "$scratch/err"
	}
}

# Whatever a test leaves behind: its core, and the Redis of a core that was
# killed.
clean_up() {
	for pid in $core $others $redis; do
		kill -CONT "$pid" && kill -KILL "$pid" && wait "$pid"
	done 2>/dev/null
	for socket in "$scratch"/*/*/redis.sock; do
		[ -S "$socket" ] &&
			timeout 5 redis-cli -s "$socket" shutdown nosave
	done >/dev/null 2>&1
	rm -rf "$scratch"
}
trap clean_up EXIT
