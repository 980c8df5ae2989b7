#!/bin/sh
# Redis dies, or another core leads: nothing is lost and nothing is done twice.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

cat >slow <<'AGENT'
#!/bin/sh
cat >/dev/null
cat "${0%/*}/gate" >/dev/null
echo '{"success":true,"result":{"a":"said"},"tokens_used":4}'
AGENT
chmod +x slow
mkfifo gate
cat >night.yaml <<'SHOW'
show: night
budget: { tokens: 1000 }
agents:
  slow: { via: exec, argv: [./slow] }
  quick: { via: noop }
defaults:
  budget: { token_cap: 100, time_cap_ms: 60000 }
stages:
  - { id: one, agents: [slow], outputs: [a] }
  - { id: two, agents: [quick], inputs: [a] }
  - { id: three, agents: [quick], inputs: [two], go: manual }
SHOW

start_core night.yaml
ok $? "a core with a Redis of its own"
"$program" do night note before >/dev/null
redis_pid=$(redis-cli -s state/night/redis.sock info server |
	tr -d '\r' | sed -n 's/^process_id://p')
kill -KILL "$redis_pid"
ok $? "its Redis is killed"
: >gate # the agent answers while Redis is away
wait_redis() { # until a Redis answers again
	timeout 120 sh -c 'until redis-cli -s state/night/redis.sock ping |
		grep -q PONG; do :; done' 2>/dev/null
}
wait_redis
ok $? "and is started again"
wait_event night '"stage:complete".*"two"'
ok $? "the show goes on where it was"
"$program" do night go >out
wait_event night '"run:complete"'
ok $? "to its end"
"$program" events night --json >log
[ "$(jq -s 'map(.id) == [range(1; length + 1)]' log)" = true ]
ok $? "the log has no gap"
jq -es 'map(select(.type == "note" and (.data | tostring | test("before")))) |
	length == 1' log >/dev/null
ok $? "what was told before is there"
end_core
core=

# What a crash of Redis may lose is a setting, and said.
start_core night.yaml --fsync everysec --new
policy() { redis-cli -s state/night/redis.sock config get appendfsync | tail -n 1; }
[ "$(policy)" = everysec ]
ok $? "--fsync everysec"
"$program" status night | grep -q 'appendfsync everysec: a crash of it loses 1 s'
ok $? "status says so"
curl -s -H "Authorization: Bearer $(cat state/night/operator.token)" \
	"http://$(cat state/night/operator.addr)/api/v1/status" |
	jq -e '.redis.fsync == "everysec"' >/dev/null
ok $? "and /api/v1/status"
kill_core
start_core night.yaml
[ "$(policy)" = always ]
ok $? "without it: always, also for a redis-server that ran on"
play 160x40 night <<SCRIPT
wait text a crash loses nothing
quit
SCRIPT
ok $? "and the screen says so"
end_core
core=
fails 2 'always or everysec' "--fsync takes two words" \
	"$program" run --headless --fsync never night.yaml
fails 2 'a shared one has its own policy' "and is for a private redis-server" \
	"$program" run --headless --fsync always --redis /x night.yaml

# A Redis for two cores.
redis-server --port 0 --unixsocket "$scratch/shared.sock" --appendonly yes \
	--appendfsync always --save '' --dir "$scratch" --daemonize yes \
	>/dev/null
timeout 120 sh -c "until redis-cli -s '$scratch/shared.sock' ping; do :; done" \
	>/dev/null 2>&1
start_core night.yaml --redis "unix://$scratch/shared.sock"
ok $? "a core on a shared Redis"
old=$core
others=$old
SHOWCALLER_STATE=$scratch/other
start_standby night.yaml --redis "unix://$scratch/shared.sock"
ok $? "a second core elsewhere stands by while the first leads"
grep -q 'another core leads .* since 20.*, run r1, event [0-9]*; this one stands by' core.log
ok $? "and says who leads, since when, and what"
kill -STOP "$old"
wait_event night '"leader:take".*"epoch":2'
ok $? "it takes over once the first has stopped breathing"
kill -CONT "$old"
wait_log 'steps down, and stands by'
ok $? "the first comes back, finds itself replaced, and stands by"
grep -q 'another core leads now' core.log
ok $? "and says so"
: >gate
wait_event night '"stage:complete".*"two"'
ok $? "the second goes on with the run"
"$program" status night --json | jq -e '.leader.epoch >= 2' >/dev/null
ok $? "in a later epoch"
end_core
ok $? "and ends in good order"
core=
fails 78 'its log is in the Redis at unix://.*/shared.sock: go on there with --redis unix' \
	"it is not begun anew in a private Redis by a word that is missing" \
	"$program" run --headless --operator 127.0.0.1:0 \
	--audience 127.0.0.1:0 night.yaml

# The brake works while Redis hangs: calls end now, and the log says it later.
cat >endless <<'AGENT'
#!/bin/sh
echo $$ >"${0%/*}/endless.pid.new"
mv "${0%/*}/endless.pid.new" "${0%/*}/endless.pid"
exec cat "${0%/*}/gate"
AGENT
chmod +x endless
cat >mark <<'AGENT'
#!/bin/sh
cat >/dev/null
: >"${0%/*}/marked"
echo '{"success":true,"result":{},"tokens_used":1}'
AGENT
chmod +x mark
sed 's/show: night/show: brake/; s/slow/endless/g; s/^agents:/&\n  mark: { via: exec, argv: [.\/mark] }/' \
	night.yaml >brake.yaml
echo '  - { id: four, agents: [mark], go: manual }' >>brake.yaml
start_core brake.yaml --redis "unix://$scratch/shared.sock"
ok $? "a core whose agent never answers"
wait_event brake '"stage:start"'
timeout 120 sh -c 'until [ -e endless.pid ]; do :; done'
agent=$(cat endless.pid)
redis_pid=$(redis-cli -s shared.sock info server |
	tr -d '\r' | sed -n 's/^process_id://p')
operator=http://$(cat "$SHOWCALLER_STATE/brake/operator.addr")
act() { # ACTION ARGS: what the operator asks over HTTP
	curl -s -m 60 -H 'Content-Type: application/json' \
		-H "Authorization: Bearer $(cat \
		"$SHOWCALLER_STATE/brake/operator.token")" \
		-d "{\"args\":$2}" "$operator/api/v1/actions/$1" 2>&1
}
kill -STOP "$redis_pid"
act go '["four"]' >gone &
asker=$!
timeout 1 tail -f /dev/null
[ ! -e marked ]
ok $? "while Redis hangs nothing is done that is not remembered"
kill -CONT "$redis_pid"
wait_event brake '"stage:complete".*"four"' && [ -e marked ]
ok $? "and then it is"
wait "$asker"
jq -e .ok gone >/dev/null
ok $? "and answered"
: >core.log
stays=brake
term_of new-session -d -s "$stays" -x 160 -y 40 \
	"LC_ALL=C.UTF-8 SHOWCALLER_STATE='$SHOWCALLER_STATE' '$program' attach brake; exec cat"
until_true on_screen LIVE
kill -STOP "$redis_pid"
until_true on_screen 'core silent'
term_of send-keys -t "$stays" '!'
until_true on_screen 'Redis is away; the log has it'
ok $? "! in a console works while Redis hangs, and is answered"
act panic '[]' >said
jq -e '.ok and (.message | test("Redis is away; the log has it"))' said >/dev/null
ok $? "a panic is answered while Redis hangs: the lease is surely ours"
act panic '["all"]' >said
jq -e '.ok' said >/dev/null
ok $? "so is a second press, which stops the calls"
timeout 120 tail --pid="$agent" -f /dev/null
ok $? "panic ends the call while Redis hangs"
health_is_away() {
	curl -s -m 60 "$operator/health" | jq -e '.redis == false' >/dev/null
}
wait_log '"engine",.*Redis is away: ' && until_true health_is_away
ok $? "then Redis is known to be away, and /health says so"
kill -CONT "$redis_pid"
wait_event brake '"run:pause"'
ok $? "and the log has it once Redis is back"
"$program" events brake --json | jq -es 'map(select(.type == "run:pause") |
	.data.by | startswith("operator@")) == [true]' >/dev/null
ok $? "and who pressed"
term_of kill-session -t "$stays"
"$program" status brake --json | jq -e '.run.panic' >/dev/null
ok $? "the run is paused by the panic"
end_core
core=
redis-cli -s "$scratch/shared.sock" shutdown nosave >/dev/null 2>&1
plan
