#!/bin/sh
# Each trouble that a Redis can have, with a real core on it and a console: what
# the core and the screen say, and that the show goes on when it is over. The
# table stands in showcaller(1), WHEN REDIS IS IN TROUBLE. Over TCP; with
# $trouble_on=unix (redis_trouble_unix.sh) over a socket.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

secret=
port=$((10000 + $$ % 10000)) # below those that the system gives away
socket=$scratch/shared.sock
rcli() {
	if [ "$trouble_on" = unix ]; then
		redis-cli -s "$socket" ${secret:+-a "$secret"} "$@" 2>&1
	else
		redis-cli -p "$port" ${secret:+-a "$secret"} "$@" 2>&1
	fi
}
answers() { rcli ping | grep -qE "${1:-PONG}"; }
start_redis() { # OPTION...
	rm -f "$socket"
	for try in 1 2 3 4 5 6 7 8; do
		: >redis.log
		place="--bind 127.0.0.1 --port $port"
		[ "$trouble_on" != unix ] ||
			place="--port 0 --unixsocket $socket"
		# shellcheck disable=SC2086 # words of our own
		redis-server --appendonly yes --save '' --dir "$scratch" \
			--enable-debug-command local $place "$@" \
			>>redis.log 2>&1 &
		redis=$!
		timeout 120 sh -c "until grep -qE 'Server initialized|bind:' \
			redis.log; do :; done"
		grep -q 'bind:' redis.log || break
		wait "$redis"
		[ -e found ] || port=$((port + try * 613))
	done
	: >found # from now on at the same place
	until_true answers 'PONG|LOADING'
}
kill_redis() {
	kill -"${1:-KILL}" "$redis"
	wait "$redis" 2>/dev/null
	redis=
}
cat >calm.yaml <<'SHOW'
show: calm
agents:
  quick: { via: noop }
stages:
  - { id: one, agents: [quick], go: manual }
SHOW
note() { "$program" do calm note "$1" >/dev/null 2>&1; }
noted() { # TEXT: it comes through, at the latest when all is well again
	timeout 120 sh -c "until '$program' do calm note '$1' >/dev/null 2>&1
		do :; done"
}
# What `status` says about Redis.
says() {
	timeout 120 sh -c "until '$program' status calm 2>&1 |
		grep -qE '(not connected|^showcaller: ).*($1)'; do :; done"
}
well() {
	timeout 120 sh -c "until '$program' status calm --json |
		jq -e .redis.connected >/dev/null; do :; done"
}
epoch() { rcli get 'showcaller:{calm}:epoch'; }
first_line() { term_of capture-pane -p -J -t "$stays" | head -n 1; }
line_has() { first_line | grep -qE -- "$1"; }
line_lacks() { ! line_has "$1"; }
away() { # BRIEF: a test point, the first line of the screen
	until_true line_has "REDIS AWAY [0-9]+ s: $1"
	seen=$?
	ok $seen "the screen: REDIS AWAY, $1"
	[ "$seen" -eq 0 ] || first_line | sed 's/^/# /'
}
over() { # WORD: what was told while it lasted, or is told now, comes through
	well && noted "$1" && until_true line_lacks 'AWAY|silent|no core|unreadable'
	ok $? "and it goes on"
}

start_redis --appendfsync everysec
url=redis://127.0.0.1:$port
[ "$trouble_on" = unix ] && url=unix://$socket
start_core calm.yaml --redis "$url"
started=$?
ok $started "a core on a Redis that writes its file once a second ($url)"
[ "$started" -eq 0 ] || plan
noted first
ok $? "it takes notes"
# Without a script: it stays as long as it takes.
stays=screen
term_of new-session -d -s "$stays" -x 120 -y 40 \
	"LC_ALL=C.UTF-8 SHOWCALLER_STATE='$SHOWCALLER_STATE' '$program' attach calm; exec cat"
until_true line_has LIVE
ok $? "a console shows it"
until_true line_has 'a crash loses 1 s'
ok $? "and what a crash of this Redis would lose"

kill_redis
away 'not there'
ok $? "away: the screen says so"
says 'Connection refused|No such file'
ok $? "status says so"
start_redis --appendfsync everysec
over away

kill_redis TERM
start_redis --appendfsync everysec
over restarted

rcli config set maxmemory 1 >/dev/null
note lost &
noter=$!
away 'out of memory'
says 'out of memory'
ok $? "out of memory: status says so"
rcli config set maxmemory 0 >/dev/null
over memory
wait "$noter"

rcli replicaof 127.0.0.1 1 >/dev/null
away 'read-only'
says 'replica'
ok $? "read-only: status says so"
rcli replicaof no one >/dev/null
over replica

rcli config set replica-serve-stale-data no >/dev/null
rcli replicaof 127.0.0.1 1 >/dev/null
away 'lost its master'
says 'lost its master'
ok $? "a replica that serves nothing without its master: status says so"
rcli replicaof no one >/dev/null
rcli config set replica-serve-stale-data yes >/dev/null
over master

rcli config set min-replicas-to-write 1 >/dev/null
away 'too few replicas'
says 'too few replicas'
ok $? "too few replicas: status says so"
rcli config set min-replicas-to-write 0 >/dev/null
over replicas

rcli acl setuser default -evalsha -eval >/dev/null
away 'not permitted'
says 'widen its ACL'
ok $? "its user may not run scripts: status says so"
rcli acl setuser default +@all >/dev/null
over acl

# Somebody else has all the places there are. Over that very link it ends.
mkfifo asks
places=$(rcli config get maxclients | tail -n 1)
if [ "$trouble_on" = unix ]; then
	redis-cli -s "$socket" <asks >asks.out 2>&1 &
else
	redis-cli -p "$port" <asks >asks.out 2>&1 &
fi
other=$!
exec 9>asks
printf '%s\n' 'config set maxclients 1' 'client kill type normal' \
	'client kill type pubsub' >&9
away 'too many clients'
says 'raise maxclients'
ok $? "it takes no more clients: status says so"
echo "config set maxclients $places" >&9
exec 9>&-
wait "$other"
over clients

# Where its dump should go stands a folder: as a full disk.
mkdir dump.rdb
rcli config set save '3600 100000' >/dev/null
rcli bgsave >/dev/null
away 'cannot write its disk'
says 'disk'
ok $? "its disk takes nothing: status says so"
rmdir dump.rdb
bgsaved() {
	rcli bgsave >/dev/null
	rcli info persistence | grep -q 'rdb_last_bgsave_status:ok'
}
until_true bgsaved
rcli config set save '' >/dev/null
over disk

# A script of someone else, until it was seen.
rcli config set busy-reply-threshold 50 >/dev/null
rcli eval "local t = redis.call('time')
	while redis.call('time')[1] - t[1] < 120 do end" 0 >/dev/null 2>&1 &
script=$!
away 'busy with a script'
rcli script kill >/dev/null
over busy
wait "$script"

rcli config set requirepass hunter22 >/dev/null
secret=hunter22
rcli client kill type normal >/dev/null
rcli client kill type pubsub >/dev/null
away 'wants a password'
rcli config set requirepass '' >/dev/null
secret=
over password

kill -STOP "$redis"
away hangs
kill -CONT "$redis"
over stalled

rcli script flush >/dev/null
noted scripts
ok $? "its scripts are gone: they are loaded again"

rcli client kill type normal >/dev/null
noted links
ok $? "its links are cut: they are made again"

# A backlog of commands, all done once.
kill -STOP "$core"
awk 'BEGIN { for (i = 1; i <= 3000; i++)
	printf "XADD showcaller:{calm}:commands * id backlog%d action note " \
		"args backlog-%d by test\r\n", i, i }' |
	rcli --pipe >pipe.log 2>&1
kill -CONT "$core"
noted backlog
ok $? "a backlog of 3,000 commands"
"$program" events calm --json >log
[ "$(grep -o 'backlog-[0-9]*' log | sort -u | wc -l)" -eq 3000 ] &&
	[ "$(grep -c 'backlog-[0-9]' log)" -eq 3000 ]
ok $? "is done, each once"

before=$(jq -s length log)
rcli del 'showcaller:{calm}:events' >/dev/null
timeout 120 sh -c "until [ \"\$($(
	[ "$trouble_on" = unix ] && echo "redis-cli -s '$socket'" ||
		echo "redis-cli -p $port"
) xlen 'showcaller:{calm}:events')\" -ge $before ]; do :; done"
ok $? "the log is deleted: it is written again"
wait_event calm '"alarm:[a-z]*".*written again'
ok $? "and the log says so"
over deleted

for key in commands proposals leader story snapshot:last snapshot:r1; do
	rcli del "showcaller:{calm}:$key" >/dev/null
done
over keys
leads() { rcli get 'showcaller:{calm}:leader' | grep -q '^1 '; }
until_true leads
ok $? "other keys are deleted: they are made again"
has_story() { [ "$(rcli hget 'showcaller:{calm}:story' _hash | wc -c)" -gt 60 ]; }
until_true has_story
ok $? "so is the story"

# What the file had not yet: cut by some bytes, as a crash of the machine does.
noted tail
kill_redis
aof=$(find "$scratch/appendonlydir" -name '*.incr.aof' | sort | tail -n 1)
size=$(wc -c <"$aof")
truncate -s $((size - 700)) "$aof"
start_redis --appendfsync everysec --aof-load-truncated yes
over after
ok $? "its file was cut off: it goes on"

# A Redis that takes its time to load, until it was seen.
awk 'BEGIN { for (i = 1; i <= 100000; i++)
	printf "SET filler%d x\r\n", i }' | rcli --pipe >pipe.log 2>&1
kill_redis TERM
start_redis --appendfsync everysec --key-load-delay 200
away 'loading its data'
says 'loading'
ok $? "it loads its data: status says so"
rcli config set key-load-delay 0 >/dev/null
over loaded

"$program" events calm --json >log
[ "$(jq -s 'map(.id) == [range(1; length + 1)]' log)" = true ]
ok $? "the log has no gap"
for word in first away restarted memory replica master replicas acl clients \
	disk busy password stalled scripts links backlog deleted keys tail \
	after loaded; do
	grep '"type":"note"' log | grep -q "\"$word\"" || echo "$word" >>missing
done
none missing "and no note that was acknowledged is missing"
[ "$(epoch)" = 1 ]
ok $? "under one leader all the time"

# Somebody trims the log: what the core knows goes on; what begins anew needs a
# snapshot of it.
rcli xtrim 'showcaller:{calm}:events' maxlen 5 >/dev/null
over trimmed

rcli del 'showcaller:{calm}:epoch' >/dev/null
timeout 120 tail --pid="$core" -f /dev/null
wait "$core"
[ $? -eq 69 ]
ok $? "its epoch is gone: it stops"
core=
grep -q 'Redis does not hold what this core wrote.*its epoch is gone' core.log
ok $? "and says why"
until_true line_has 'no core runs this show'
ok $? "as does the screen"
plan
