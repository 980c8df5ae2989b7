#!/bin/sh
# Each trouble that a Redis can have, with a real core on it: what the core says,
# and that the show goes on when it is over.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
cd "$scratch" || exit 99

redis=
clean_up_trouble() {
	[ -z "$redis" ] || kill -KILL "$redis"
	clean_up
}
trap clean_up_trouble EXIT
socket=$scratch/shared.sock
start_redis() { # OPTION...
	rm -f "$socket"
	redis-server --port 0 --unixsocket "$socket" --appendonly yes \
		--save '' --dir "$scratch" "$@" >>redis.log 2>&1 &
	redis=$!
	timeout 20 sh -c "until redis-cli -s '$socket' ping | grep -q PONG; do
		:; done" 2>/dev/null
}
kill_redis() {
	kill -KILL "$redis"
	wait "$redis" 2>/dev/null
	redis=
}
rcli() { redis-cli -s "$socket" "$@"; }
url=unix://$socket
cat >calm.yaml <<'SHOW'
show: calm
agents:
  quick: { via: noop }
stages:
  - { id: one, agents: [quick], go: manual }
SHOW
note() { "$program" do calm note "$1" >/dev/null 2>&1; }
noted() { # TEXT: it comes through, at the latest when all is well again
	timeout 30 sh -c "until '$program' do calm note '$1' >/dev/null 2>&1
		do :; done"
}
# What `status` says about Redis.
says() {
	timeout 20 sh -c "until '$program' status calm | grep -q 'not connected.*$1'
		do :; done"
}
well() {
	timeout 20 sh -c "until '$program' status calm --json |
		jq -e .redis.connected >/dev/null; do :; done"
}
epoch() { rcli get 'showcaller:{calm}:epoch'; }

start_redis --appendfsync everysec
start_core calm.yaml --redis "$url"
ok $? "a core on a Redis that writes its file once a second"
noted first
ok $? "it takes notes"

rcli config set maxmemory 1 >/dev/null
note lost &
says 'out of memory'
ok $? "out of memory: status says so"
rcli config set maxmemory 0 >/dev/null
well && noted memory
ok $? "and it goes on"
wait $!

rcli replicaof 127.0.0.1 1 >/dev/null
says 'replica'
ok $? "read-only: status says so"
rcli replicaof no one >/dev/null
well && noted replica
ok $? "and it goes on"

# A script of someone else, for two seconds at most.
rcli config set busy-reply-threshold 50 >/dev/null
rcli eval "local t = redis.call('time')
	while redis.call('time')[1] - t[1] < 3 do end" 0 >/dev/null 2>&1 &
noted busy
ok $? "busy: it goes on when the script is over"
wait $!

kill -STOP "$redis"
kill -CONT "$redis"
noted stalled
ok $? "a Redis that stood still"

rcli script flush >/dev/null
noted scripts
ok $? "its scripts are gone: they are loaded again"

rcli client kill type normal >/dev/null
noted links
ok $? "its links are cut: they are made again"

before=$("$program" events calm --json | jq -s length)
rcli del 'showcaller:{calm}:events' >/dev/null
timeout 20 sh -c "until [ \"\$(redis-cli -s '$socket' xlen \
	'showcaller:{calm}:events')\" -ge $before ]; do :; done"
ok $? "the log is deleted: it is written again"
wait_event calm '"alarm:[a-z]*".*written again'
ok $? "and the log says so"

# What the file had not yet: cut by some bytes, as a crash of the machine does.
noted tail
kill_redis
aof=$(find "$scratch/appendonlydir" -name '*.incr.aof' | sort | tail -n 1)
size=$(wc -c <"$aof")
truncate -s $((size - 700)) "$aof"
start_redis --appendfsync everysec --aof-load-truncated yes
noted after
ok $? "its file is cut off: it goes on"
"$program" events calm --json >log
[ "$(jq -s 'map(.id) == [range(1; length + 1)]' log)" = true ]
ok $? "the log has no gap"
for word in first memory replica busy stalled scripts links tail after; do
	grep '"type":"note"' log | grep -q "$word" || echo "$word" >>missing
done
none missing "and no note that was acknowledged is missing"
[ "$(epoch)" = 1 ]
ok $? "under one leader all the time"

rcli del 'showcaller:{calm}:epoch' >/dev/null
timeout 20 tail --pid="$core" -f /dev/null
wait "$core"
[ $? -eq 69 ]
ok $? "its epoch is gone: it stops"
core=
grep -q 'Redis does not hold what this core wrote.*its epoch is gone' core.log
ok $? "and says why"
plan
