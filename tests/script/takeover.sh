#!/bin/sh
# Two cores on one Redis: the one that stands by finishes the show of the one
# that dies, and the one that was only stopped does no harm when it wakes.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

# A port that nobody has: redis-server ends at once when it is taken.
port=$((10000 + $$ % 10000))
for try in 1 2 3 4 5 6 7 8; do
	port=$((port + try * 613))
	redis-server --port "$port" --bind 127.0.0.1 --appendonly yes \
		--appendfsync always --save '' --dir "$scratch" >redis.log 2>&1 &
	redis=$!
	timeout 120 sh -c "until grep -qE 'Ready to accept|Could not create' \
		redis.log; do :; done"
	grep -q 'Ready to accept' redis.log && break
	wait "$redis"
done
url=redis://127.0.0.1:$port
rcli() { redis-cli -p "$port" "$@"; }
[ "$(rcli ping)" = PONG ]
ok $? "a Redis for all"

# Each call says that it was made, and waits for the gate.
cat >slow <<'AGENT'
#!/bin/sh
cat >/dev/null
echo call >>"${0%/*}/calls"
cat "${0%/*}/gate.$1" >/dev/null
echo '{"success":true,"result":{"'"$1"'":"said"},"tokens_used":4}'
AGENT
chmod +x slow
mkfifo gate.a gate.b
# Lets agents at that gate go on until an event matches: those of a core that is
# dead may still stand there too.
release() { # GATE PATTERN
	(while :; do timeout 1 sh -c ": >'$1'"; done) 2>/dev/null &
	opener=$!
	wait_event night "$2"
	released=$?
	kill "$opener"
	wait "$opener" 2>/dev/null
	return "$released"
}
cat >night.yaml <<'SHOW'
show: night
budget: { tokens: 1000 }
agents:
  first: { via: exec, argv: [./slow, a] }
  second: { via: exec, argv: [./slow, b] }
  far: { via: bus }
  quick: { via: noop }
defaults:
  budget: { token_cap: 100, time_cap_ms: 60000 }
stages:
  - { id: one, agents: [first], outputs: [a] }
  - { id: two, agents: [second], inputs: [a], outputs: [b] }
  - { id: three, agents: [far], inputs: [b], outputs: [c] }
  - { id: four, agents: [quick], inputs: [c], go: manual }
SHOW

folder() { SHOWCALLER_STATE=$scratch/$1; }
do_there() { "$program" do night "$@" --redis "$url"; }
now_ms() { date +%s%3N; }
# How long after $1 another core led.
took() {
	at=$("$program" events night --json --redis "$url" |
		jq -r "select(.type == \"leader:take\" and
			.data.epoch == $2) | .at")
	echo $((at - $1))
}
followed() { # EPOCH
	timeout 120 sh -c "until [ \"\$(redis-cli -p $port get \
		'showcaller:{night}:epoch')\" -ge $1 ]; do :; done"
	"$program" events night --json --redis "$url" --follow >follow &
	reader=$!
	timeout 120 sh -c "until grep -q '\"leader:take\".*\"epoch\":$1' follow
		do :; done"
	followed=$?
	kill "$reader"
	wait "$reader" 2>/dev/null
	return "$followed"
}

folder a
start_core night.yaml --redis "$url"
ok $? "a core leads"
a=$core
folder b
start_standby night.yaml --redis "$url"
ok $? "another one stands by"
b=$core
others="$a $b"
timeout 120 sh -c 'until grep -q call calls; do :; done'
ok $? "an agent is at work"

# Two consoles, one on each machine. Their scripts end without `quit`: they stay
# for as long as the test takes.
for place in a b; do
	folder "$place"
	stay 120x40 night "SHOWCALLER_STATE=$SHOWCALLER_STATE" <<-SCRIPT
		wait quiet
		dump ready
	SCRIPT
	ok $? "a console is attached in the folder of $place"
	eval "screen_$place=\$stays console_$place=\$console"
done
says_on() { # PLACE TEXT
	eval "stays=\$screen_$1"
	until_true on_screen "$2"
}
both() { # PATTERN: on both screens
	told=
	until_true all_told "$1" "$screen_a" "$screen_b"
}

# A Redis that stands still for a second costs nobody the lead.
for stall in 1 2 3; do
	kill -STOP "$redis"
	timeout 1 tail -f /dev/null
	kill -CONT "$redis"
	do_there note "stall-$stall" >/dev/null
done
[ "$(rcli get 'showcaller:{night}:epoch')" = 1 ] &&
	rcli get 'showcaller:{night}:leader' | grep -q "^1 .* $a\$"
ok $? "Redis stalls for a second, three times: no false takeover"

killed=$(now_ms)
kill -KILL "$a"
wait "$a" 2>/dev/null
both 'another core leads now'
ok $? "both consoles say that another core leads"
timeout 120 "$program" do night note between --wait 100s --redis "$url" \
	>/dev/null
ok $? "a command that comes when nobody leads is done by the next core"
followed 2
ok $? "the standby leads"
ms=$(took "$killed" 2)
[ "$ms" -lt "$(at_most 4000)" ]
ok $? "$ms ms after the leader was killed"
release gate.a '"stage:start".*"two"'
ok $? "and the show goes on"
both 'two'
ok $? "on both consoles"

# The other way: the leader is stopped, not dead.
folder a
start_standby night.yaml --redis "$url"
ok $? "a third core stands by"
a=$core
others="$others $a"
timeout 120 sh -c 'until [ "$(grep -c call calls)" -ge 3 ]; do :; done'
# Its machine sleeps, and the console on it.
stopped=$(now_ms)
kill -STOP "$b" "$console_b"
timeout 120 "$program" do night note stopped --wait 100s --redis "$url" \
	>/dev/null &
noter=$!
# It stands there for three seconds, so it is looked for meanwhile.
says_on a 'another core leads now (epoch, host, pid: 3 '
ok $? "the console elsewhere says that another core leads"
wait "$noter"
ok $? "what a leader took that was stopped then is done by the next"
followed 3
ok $? "the standby leads"
ms=$(took "$stopped" 3)
[ "$ms" -lt "$(at_most 4000)" ]
ok $? "$ms ms after the leader was stopped"
before=$(rcli xlen 'showcaller:{night}:events')
kill -CONT "$b" "$console_b"
says_on b 'another core leads now (epoch, host, pid: 3 '
ok $? "the old one's console wakes, and says that another core leads"
wait_log 'steps down, and stands by'
ok $? "the old one wakes, steps down, and stands by"
"$program" events night --json --redis "$url" | tail -n +$((before + 1)) |
	jq -es 'map(select(.type == "leader:take")) == []' >/dev/null
ok $? "and has written nothing"
release gate.b '"stage:start".*"three"'
lease=$("$program" events night --json --redis "$url" | jq -r 'select(.type ==
	"token:lease" and .agent == "far") | .data.lease')
rcli xadd 'showcaller:{night}:proposals' '*' data "{\"stage_id\":\"three\",
	\"agent_id\":\"far\",\"attempt\":1,\"lease\":\"$lease\",
	\"correlationId\":\"r1/three/1\",
	\"payload\":{\"c\":1},\"tokens_used\":1}" >/dev/null
wait_event night '"stage:progress".*"standby"'
ok $? "an agent on the bus answers the third core"
do_there go >/dev/null
wait_event night '"run:complete".*"done"'
ok $? "the show is done"

"$program" events night --json --redis "$url" >log
[ "$(jq -s 'map(.id) == [range(1; length + 1)]' log)" = true ]
ok $? "the log has no gap"
for word in between stopped; do
	[ "$(grep '"type":"note"' log | grep -c "$word")" -eq 1 ]
	ok $? "the command \"$word\" was done once"
done
[ "$(grep -c '"type":"stage:complete"' log)" -eq 4 ]
ok $? "each stage completed once"
[ "$(rcli xrange 'showcaller:{night}:inbox:far' - + | grep -c '^id$')" -eq 1 ]
ok $? "the agent on the bus was asked once"
"$program" status night --json --redis "$url" | jq -e '.run.state == "done" and
	(.budget | .allocated == .remaining + .leased + .spent)' >/dev/null
ok $? "the ledger adds up"

# A show that is stopped on purpose is not taken over.
"$program" stop night --redis "$url" >/dev/null
wait "$a"
ok $? "the leader ends when the show is stopped"
timeout 120 tail --pid="$b" -f /dev/null && wait "$b"
ok $? "and whoever stood by leaves too"
grep -q 'it was stopped (stop)' core.log
ok $? "and says why"
plan
