#!/bin/sh
# How long a show is without a leader: two cores on one Redis, the leader is
# killed again and again, and each time a new core stands by. Prints one JSON
# line: milliseconds from the kill to the next leader's first event.
#   KILLS=N  (default 10)
kills=${KILLS:-10}
program=$top_builddir/showcaller
for tool in redis-server redis-cli jq; do
	command -v "$tool" >/dev/null || {
		echo "takeover: $tool is missing" >&2
		exit 0
	}
done
dir=$(mktemp -d "${TMPDIR:-/tmp}/showcaller-bench.XXXXXX") || exit 1
redis= cores=
clean_up() {
	for pid in $cores $redis; do
		kill -KILL "$pid" && wait "$pid"
	done 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
cd "$dir" || exit 1
redis-server --port 0 --unixsocket "$dir/sock" --appendonly yes \
	--appendfsync always --save '' --dir "$dir" >redis.log 2>&1 &
redis=$!
timeout 10 sh -c "until redis-cli -s '$dir/sock' ping; do :; done" >/dev/null 2>&1
cat >calm.yaml <<'SHOW'
show: calm
agents:
  quick: { via: noop }
stages:
  - { id: one, agents: [quick], go: manual }
SHOW
starts=0
start() { # sets $started
	starts=$((starts + 1))
	mkfifo "ready.$starts"
	SHOWCALLER_STATE=$dir/s$starts "$program" run --headless --ready-fd=3 \
		--redis "unix://$dir/sock" --operator 127.0.0.1:0 \
		--audience 127.0.0.1:0 calm.yaml >>core.log 2>&1 \
		3>"ready.$starts" &
	started=$!
	cores="$cores $started"
	timeout 30 head -n 1 "ready.$starts" >said
}
events() {
	"$program" events calm --json --redis "unix://$dir/sock"
}
start
leader=$started
epoch=1
: >times
while [ "$epoch" -le "$kills" ]; do
	start
	grep -q standby said || exit 1
	epoch=$((epoch + 1))
	killed=$(date +%s%3N)
	kill -KILL "$leader"
	wait "$leader" 2>/dev/null
	timeout 30 sh -c "until redis-cli -s '$dir/sock' xrevrange \
		'showcaller:{calm}:events' + - count 20 |
		grep -q '\"epoch\":$epoch,'; do :; done"
	events | jq "select(.type == \"leader:take\" and
		.data.epoch == $epoch) | .at - $killed" >>times
	leader=$started
done
# What was lost or doubled, by the numbers of the events.
holes=$(events | jq -s 'map(.id) as $ids | ($ids | length) as $n |
	[range(1; $n + 1)] - $ids | length')
sort -n times | awk -v holes="$holes" '
	{ t[NR] = $1 }
	function at(p,  i) { i = int(NR * p + 0.999999); return t[i < 1 ? 1 : i] }
	END {
		printf "{\"bench\":\"takeover\",\"kills\":%d,\"p50_ms\":%d," \
			"\"p99_ms\":%d,\"max_ms\":%d,\"events_missing\":%d}\n",
			NR, at(0.5), at(0.99), t[NR], holes
	}'
