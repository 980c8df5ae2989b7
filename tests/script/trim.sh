#!/bin/sh
# The log is trimmed behind a snapshot and into archive files, while the show
# goes on; it reads as one, from Redis and the files; what is missing is said.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

stages=700
make_show() { # EVENTS
	awk -v stages="$stages" -v events="$1" 'BEGIN {
	print "show: long\nretention: { events: " events " }"
	print "agents:\n  quick: { via: noop }\n  band: { via: bus }\nstages:"
	print "  - { id: s0, agents: [quick], outputs: [o0] }"
	for (i = 1; i < stages; i++)
		printf "  - { id: s%d, agents: [quick], inputs: [o%d], " \
			"outputs: [o%d] }\n", i, i - 1, i
	printf "  - { id: end, agents: [quick], inputs: [o%d], go: manual }\n",
		stages - 1
}' >long.yaml
}
socket=$SHOWCALLER_STATE/long/redis.sock
folder=$SHOWCALLER_STATE/long/archive
redis() { redis-cli -s "$socket" "$@"; }
key() { echo "showcaller:{long}:$1"; }
first() { # the first event that Redis holds
	redis XRANGE "$(key events)" - + COUNT 1 | sed -n '1s/-0$//p'
}
last() {
	redis XREVRANGE "$(key events)" + - COUNT 1 | sed -n '1s/-0$//p'
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

in_standby() {
	"$program" status long --json |
		jq -e '.run.stages[-1].state == "standby"' >/dev/null
}

make_show 100
start_core long.yaml
ok $? "a show that keeps 100 events in Redis runs"
grow_until 'the log is trimmed up to'
ok $? "its log is trimmed"
until_true in_standby
ok $? "while it goes on"
[ "$(first)" -gt 1 ] && [ $(($(last) - $(first))) -ge 100 ]
ok $? "Redis holds events $(first) to $(last)"
[ "$(stat -c %a "$folder")" = 700 ] &&
	[ "$(stat -c %a "$folder"/events-* | sort -u)" = 600 ]
ok $? "the files are for their owner alone"
bad=0
for file in "$folder"/events-*; do
	"$program" verify "$file" >out || bad=1
done
ok "$bad" "verify: $(ls "$folder"/events-* | wc -l) files"

# It reads as one log.
"$program" events long --json >log
[ "$(jq -s 'map(.id) == [range(1; length + 1)]' log)" = true ] &&
	[ "$(wc -l <log)" -eq "$(last)" ]
ok $? "events: from the first one on"
"$program" events long --json --from 3 | head -n 1 | jq -e '.id == 3' >/dev/null
ok $? "events --from one that was trimmed"
"$program" status long --json >now
"$program" replay long --verify >out
ok $? "replay --verify: $(grep verified out)"
[ "$("$program" replay long --json | jq -c '[.story.version, .story.hash]')" = \
	"$(jq -c '[.story.version, .story.hash]' now)" ]
ok $? "the same hash as that of the show"
"$program" replay long --to v5 --json | jq -e '.story.version == 5' >/dev/null
ok $? "replay --to a version that was trimmed"
"$program" export long -o whole.log >out && "$program" verify whole.log >out
ok $? "export: $(cut -c1-60 out)"
jq -c 'select(has("id")) | del(.chain)' whole.log >exported
jq -c . log | cmp -s - exported
ok $? "holds every event as it was"
"$program" rollback long --to 7 --dry-run >out
ok $? "rollback --dry-run to a version that was trimmed: $(head -n 1 out)"

# Killed when the file is there and nothing is trimmed.
kill_core
start_core long.yaml
ok $? "after kill -9 it goes on"
rows=$(redis HLEN "$(key archives)")
count() { find "$folder" -name 'events-*' | wc -l; }
[ "$rows" -ge 1 ] && [ "$(count)" -ge "$rows" ]
ok $? "the list has $rows files, and they are there"
# Somebody else's key where the list should be: it is said, and nothing goes.
# While no core is there: none is in the midst of trimming.
kill_core
before=$(first)
redis RENAME "$(key archives)" "$(key kept)" >/dev/null
redis SET "$(key archives)" x >/dev/null
start_core long.yaml
"$program" do long rerun s0 >out
ok $? "do rerun: the log grows again"
grow_until 'the log is not trimmed: .*foreign type'
ok $? "a list that cannot be read is said"
redis DEL "$(key archives)" >/dev/null
redis RENAME "$(key kept)" "$(key archives)" >/dev/null
[ "$(first)" = "$before" ]
ok $? "and nothing is trimmed"
wait_event long '"note".*the log is not trimmed'
ok $? "also in the log"
# Killed in the middle: the file is written, and nothing went.
kill_core
redis ACL SETUSER default -xtrim >/dev/null
: >core.log
start_core long.yaml
"$program" do long rerun s0 >out
grow_until 'the log is not trimmed: '
ok $? "Redis does not let it trim"
kill_core
redis ACL SETUSER default +xtrim >/dev/null
before=$(first)
[ "$(count)" -ge "$rows" ]
ok $? "and it died with its files written"
: >core.log
start_core long.yaml
grow_until 'the log is trimmed up to'
ok $? "the next core trims"
[ "$(first)" -gt "$before" ]
ok $? "and goes on where the dead one was"
"$program" events long --json | jq -es 'map(.id) == [range(1; length + 1)]' \
	>/dev/null
ok $? "no event is missing or doubled"
"$program" replay long --verify >out
ok $? "replay --verify: $(grep verified out)"

# A core that sleeps while another one takes the lead trims nothing; here its
# epoch is simply old.
redis INCR "$(key epoch)" >/dev/null
before=$(first)
wait "$core"
core=
[ "$(first)" = "$before" ]
ok $? "a core that was fenced trims nothing"
start_core long.yaml

until_true in_standby
ok $? "it is at rest"

# The files are changed, gone.
file=$(ls "$folder"/events-0000000001-*)
cp "$file" kept
awk 'NR == 7 { at = int(length($0) / 3)
	c = substr($0, at, 1) == "x" ? "y" : "x"
	$0 = substr($0, 1, at - 1) c substr($0, at + 1) } { print }' kept >"$file"
fails 1 'events-0000000001-.*line 7 \(event 5\): it is not as it was written' \
	'a flipped byte, by replay' "$program" replay long
fails 1 'line 7 \(event 5\)' 'by events' "$program" events long --json
fails 1 'line 7 \(event 5\)' 'by verify' "$program" verify "$file"
fails 1 'line 7 \(event 5\)' 'by export' "$program" export long -o x.log
cp kept "$file"
mv "$folder" away
"$program" events long --json >log 2>err
ok $? "without the files events begins later"
grep -q 'begins with event [0-9]*: events [0-9]* to [0-9]* were archived in .*is gone' err
ok $? "and says why"
head -n 1 log | jq -e ".id == $(sed -n 's/.*begins with event \([0-9]*\):.*/\1/p' err)" >/dev/null
ok $? "with the first that Redis holds"
fails 65 'were archived in .*put it back' 'events --from a trimmed one' \
	"$program" events long --from 2
"$program" replay long --verify >out
ok $? "replay begins with what stands for the rest"
grep -q '^note     it begins with event .* were archived in' out
ok $? "and says so"
[ "$("$program" replay long --json | jq -c .story.hash)" = \
	"$("$program" status long --json | jq -c .story.hash)" ]
ok $? "it comes to the same hash"
fails 1 'older than what the log still holds.*were archived in' \
	'a version that was trimmed' "$program" rollback long --to 3 --dry-run

# A round may be under way yet: it is asked before and after.
ground() { redis GET "$(key trimmed)" | cut -d ' ' -f 2; }
ground=$(ground)
where() { sed -n 's/.*REWIND  event \([0-9,]*\) of.*/\1/p' "$1" | tr -d ,; }
back() { # a little further than the ground; a stage makes three events
	for i in $(seq $((($(last) - ground) / 3 / 40 + 2))); do
		printf 'keys'
		printf ' %.0s{' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 \
			19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 \
			37 38 39 40
		printf '\nwait gone loading\n'
	done
}

# Looking back ends where what can be read here begins.
play 120x40 long <<SCRIPT
wait quiet
keys [
wait text REWIND
$(back)
dump oldest
keys [
wait text the oldest event that can be shown
dump end
quit
SCRIPT
ok $? "the console looks back"
[ "$(where end)" -ge "$ground" ] && [ "$(where end)" -le "$(ground)" ]
ok $? "as far as event $(where end), behind which the log was trimmed"
mkdir -p "$folder"
mv away/* "$folder"
play 120x40 long <<SCRIPT
wait quiet
keys [
wait text REWIND
$(back)
dump further
quit
SCRIPT
ok $? "it looks back with the files"
[ "$(where further)" -lt "$ground" ]
ok $? "further, to event $(where further)"
"$program" do long go >/dev/null 2>&1
end_core
ok $? "it ends in good order"
core=
"$program" replay long --verify >out
ok $? "a stopped show is replayed with its files: $(grep verified out)"
plan
