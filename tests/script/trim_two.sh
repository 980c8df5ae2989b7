#!/bin/sh
# Two machines, one Redis: each core archives on its own, and whoever misses a
# file is told where it is; copied, it is read.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
cd "$scratch" || exit 99

redis-server --port 0 --unixsocket "$scratch/r.sock" --dir "$scratch" \
	--appendonly yes --save '' >redis.log 2>&1 &
redis=$!
timeout 120 sh -c "until redis-cli -s '$scratch/r.sock' ping 2>/dev/null |
	grep -q PONG; do :; done"
ok $? "a Redis for both"
url=unix://$scratch/r.sock
rcli() { redis-cli -s "$scratch/r.sock" "$@"; }
key() { echo "showcaller:{long}:$1"; }
# A machine is a state folder, and a name, which Redis is told afterwards.
on() { # MACHINE COMMAND...
	machine=$1
	shift
	SHOWCALLER_STATE=$scratch/$machine "$@"
}
moved_to() { # MACHINE: the newest row of the list is of a core there
	rcli EVAL "for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do
		local v = redis.call('HGET', KEYS[1], f)
		if not string.find(v, ' stage%-') then
			redis.call('HSET', KEYS[1], f,
				(string.gsub(v, '%S+\$', ARGV[1])))
		end
	end" 1 "$(key archives)" "$1" >/dev/null
}

# The show is played again and again until the core has said what matches: a
# log that no longer grows needs no trimming.
grow_until() { # PATTERN
	i=0
	until grep -qE "$1" core.log; do
		i=$((i + 1))
		[ "$i" -lt 1000 ] || return 1
		"$program" do long rerun s0 >/dev/null 2>&1
	done
}

awk 'BEGIN {
	print "show: long\nretention: { events: 60 }"
	print "agents:\n  quick: { via: noop }\nstages:"
	print "  - { id: s0, agents: [quick], outputs: [o0] }"
	for (i = 1; i < 700; i++)
		printf "  - { id: s%d, agents: [quick], inputs: [o%d], " \
			"outputs: [o%d] }\n", i, i - 1, i
}' >long.yaml

SHOWCALLER_STATE=$scratch/one
start_core long.yaml --redis "$url"
ok $? "a core on the first machine"
grow_until 'the log is trimmed up to'
ok $? "archives there"
kill_core
moved_to stage-left
: >core.log
SHOWCALLER_STATE=$scratch/two
start_core long.yaml --redis "$url"
ok $? "another one goes on with the show, on the second"
grow_until 'the log is trimmed up to'
ok $? "and archives there"
end_core
core=
[ -n "$(ls one/long/archive)" ] && [ -n "$(ls two/long/archive)" ]
ok $? "each has files of its own"
moved_to stage-right

on two fails 65 'events 1 to [0-9]* stand in an archive file on stage-left; copy it to .*/two/long/archive/events-0000000001-' \
	'the first event, on the second machine' \
	"$program" events long --redis "$url" --from 1
on two "$program" replay long --redis "$url" >out
grep -q '^note     it begins with event .* on stage-left; copy it' out
ok $? "replay begins later and says why"
on one "$program" events long --redis "$url" --json >log 2>err
grep -q 'begins with event [0-9]*: events .* on stage-right; copy it' err
ok $? "and events on the first, where the newer ones are missing"
on three fails 65 'on stage-left; copy it' 'on a third machine' \
	"$program" events long --redis "$url" --from 1
cp one/long/archive/* two/long/archive/
on two "$program" events long --redis "$url" --json |
	jq -es 'map(.id) == [range(1; length + 1)]' >/dev/null
ok $? "copied, they are one log"
on two "$program" replay long --redis "$url" --verify >out
ok $? "replay --verify: $(grep verified out)"
plan
