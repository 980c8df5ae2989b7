#!/bin/sh
# Consoles come, go, sleep and press the same key at once; the show goes on, does
# each thing once, and says who did it.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

cat >pair.yaml <<'SHOW'
show: pair
title: A Pair of Desks
budget: { tokens: 10000, approval_deadline_ms: 600000 }
agents:
  quick: { via: noop }
  hungry: { via: noop, quota: { episode: 100 } }
stages:
  - { id: one, agents: [quick], outputs: [a] }
  - { id: two, agents: [quick], inputs: [a], go: manual }
  - { id: three, agents: [hungry], inputs: [a], budget: { token_cap: 500 } }
  - { id: four, agents: [quick], inputs: [two], go: manual }
SHOW
begin_core pair.yaml
wait_event pair '"budget:request"'

# Without a script: it stays as long as it takes.
desk() { # NAME COMMAND...
	stays=$1
	shift
	term_of new-session -d -s "$stays" -x 120 -y 40 \
		"echo \$\$ >'$scratch/$stays.pid'; LC_ALL=C.UTF-8 SHOWCALLER_STATE='$SHOWCALLER_STATE' exec '$program' $*"
	until_true on_screen "${shown:-STANDBY  two}"
}
at() { # DESK TEXT: it stands there
	term_of capture-pane -p -J -t "$1" | grep -qE -- "$2"
}
commands() { redis-cli -s state/pair/redis.sock xlen 'showcaller:{pair}:commands'; }
came() { [ "$(commands)" -ge "$1" ]; }
clock() { term_of capture-pane -p -t east | head -n 1 | grep -o '00:[0-9:]*'; }
moved() { [ "$(clock)" != "$was" ]; }
both() { # KEY: pressed on both desks before either can know of the other
	# A key is too early for what appeared just now: the clock moves on.
	for turn in 1 2; do
		was=$(clock)
		until_true moved
	done
	want=$(($(commands) + 2))
	kill -STOP "$core"
	term_of send-keys -t west "$1"
	term_of send-keys -t east "$1"
	until_true came "$want"
	kill -CONT "$core"
}
# Who lost is told who won; the other knows what it did.
loser_is_told() { # PATTERN
	at west "$1" || at east "$1"
}
desk west attach pair && desk east attach pair
ok $? "two consoles"
until_true at west 'OVERAGE three' && until_true at east 'OVERAGE three'
both a
until_true loser_is_told 'approve i[0-9]+: too late; operator@.*: approved 400 tokens for three'
ok $? "a on both: one of them says that the other did it"
wait_event pair '"stage:complete".*"three"|"three".*"stage:complete"'
"$program" events pair --json >log
[ "$(grep -c '"type":"budget:approve"' log)" -eq 1 ]
ok $? "it was approved once"

both Space
until_true loser_is_told 'go two: too late; operator@.*: GO for two'
ok $? "GO on both: one of them says that the other did it"
until_true at west 'STANDBY  four' && until_true at east 'STANDBY  four'
ok $? "and both stand by for the next"
"$program" events pair --json >log
[ "$(jq -r 'select(.type == "stage:go") | .stage' log)" = two ]
ok $? "which was not released"
"$program" do pair note hello >/dev/null
told=
until_true all_told '@.*: noted: hello' west east
ok $? "what comes from elsewhere is told on both"

# The laptop sleeps, and much happens meanwhile.
term_of send-keys -t west 1 Down Down
until_true at west '▸1 Run'
kill -STOP "$(cat west.pid)"
awk 'BEGIN { for (i = 1; i <= 2000; i++)
	printf "XADD showcaller:{pair}:commands * id n%d action note args n-%d " \
		"by test\r\n", i, i }' |
	redis-cli -s state/pair/redis.sock --pipe >pipe.log 2>&1
wait_event pair '"n-2000"|n-2000'
ok $? "2,000 events while one console sleeps"
"$program" do pair pause >/dev/null
until_true at east 'PAUSED'
ok $? "the other one follows"
kill -CONT "$(cat west.pid)"
until_true at west 'PAUSED' && at west '▸1 Run'
ok $? "the first wakes, has all of it, and its focus is where it was"
"$program" do pair resume >/dev/null
until_true at west '● LIVE'
ok $? "and goes on"

# Commands wait behind others, or are not read at all; the core is there.
may() { redis-cli -s state/pair/redis.sock acl setuser default "$1" >/dev/null; }
goes_on() {
	"$program" do pair resume >/dev/null 2>&1
	at west '● LIVE'
}
may -xreadgroup
wait_log 'bus: .*xreadgroup'
term_of send-keys -t west '!'
until_true at west '■ PANIC'
ok $? "PANIC goes around a bus that nobody reads"
may +xreadgroup
until_true goes_on
ok $? "and when it is read again the show is resumed"

# The line drops: SIGHUP by the terminal that goes.
console=$(cat west.pid)
term_of kill-session -t west
ended
ok $? "a terminal goes: its console ends"
is_on pair
ok $? "and the show goes on"
term_of send-keys -t east q
console=$(cat east.pid)
ended
ok $? "the other one leaves"
shown='STANDBY  four'
desk again run pair.yaml
until_true at again '▸.*─'
# The last to leave was in the east, which never moved.
at again '▸Inbox'
ok $? "run on a show that runs attaches, with the focus of the last console"
term_of send-keys -t again 1 z
until_true at again '▸1 Run'
term_of send-keys -t again q
console=$(cat again.pid)
ended
desk anew run pair.yaml
until_true at anew '▸1 Run'
ok $? "and run takes up focus and zoom as attach does"
at anew '3 Tokens ─'
[ $? -ne 0 ]
ok $? "(zoomed)"
end_core
core=
plan
