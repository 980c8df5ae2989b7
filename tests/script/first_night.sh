#!/bin/sh
# First Night, for real: its programs, a vote over HTTP, a budget that asks, a
# retry, GO, the checks against its own listeners, and a WAV file.
. "$top_srcdir/tests/tap.sh"
for need in redis-server curl jq; do
	command -v "$need" >/dev/null 2>&1 || skip_all "$need is missing"
done
program=$top_builddir/showcaller
SHOWCALLER_STATE=$scratch/state
export SHOWCALLER_STATE
unset OBS_PASSWORD

# The show as it is, but on ports of its own.
cp -R "$top_srcdir/dags" "$scratch/dags" && chmod -R u+w "$scratch/dags"
sed -i 's/127\.0\.0\.1:742[01]/127.0.0.1:0/g' "$scratch/dags/first-night.yaml"
jq '.cards |= map(.tests |= map(select(.kind == "http")))' \
	"$top_srcdir/dags/checks/first-night.json" \
	>"$scratch/dags/checks/first-night.json"

mkfifo "$scratch/ready" "$scratch/log"
"$program" run --headless --ready-fd=9 "$scratch/dags/first-night.yaml" \
	9>"$scratch/ready" 2>"$scratch/core.log" >&2 &
core=$!
trap 'kill "$core" 2>/dev/null; wait "$core" 2>/dev/null; rm -rf "$scratch"' EXIT
read -r ready <"$scratch/ready"
[ "$ready" = ready ]
ok $? "the show runs ($ready)"

# The log, line by line, to wait on; it ends at the deadline.
timeout 90 "$program" events --follow first-night >"$scratch/log" 2>/dev/null &
exec 4<"$scratch/log"
wait_for() { # PATTERN: the next event like it; true if it came
	while read -r event <&4; do
		echo "$event" >>"$scratch/events"
		case $event in
		*$1*) return 0 ;;
		esac
	done
	echo "# $1 did not come; the core said:"
	sed 's/^/# /' "$scratch/core.log"
	return 1
}
stage() { # ID MEMBER
	"$program" status --json first-night |
		jq -r ".run.stages[] | select(.id == \"$1\") | .$2"
}
story() { # KEY
	redis-cli -s "$scratch/state/first-night/redis.sock" \
		hget 'showcaller:{first-night}:story' "$1"
}

wait_for 'poll:create way'
ok $? "the poll opens"
audience=$(cat "$scratch/state/first-night/audience.addr")
curl -sf "http://$audience/vote/way" | grep -q 'The stage door is stuck'
ok $? "the vote page asks the question"
curl -sf -o /dev/null -d option=flies "http://$audience/vote/way"
ok $? "one votes for the flies"
wait_for 'stage:error music'
ok $? "a string snaps"
wait_for 'stage:complete music'
ok $? "and is replaced: the fiddler's second try succeeds"
[ "$(stage music attempt)" = 2 ]
ok $? "on attempt 2"

"$program" check "$scratch/dags/first-night.yaml" >"$scratch/checks"
ok $? "its checks pass against its own listeners"
[ "$(grep -c '^ok' "$scratch/checks")" -eq 2 ]
ok $? "all of them"

"$program" do first-night poll-close way >"$scratch/said"
ok $? "the poll is closed by hand: $(cat "$scratch/said")"
wait_for 'poll:resolve way'
wait_for 'budget:request monologue'
ok $? "the monologue outgrows its budget and asks"
[ "$(stage above state) $(stage below state)" = "done skipped" ]
ok $? "up in the flies, not down the trapdoor"
item=$("$program" inbox --json first-night | jq -r '.[0].id')
"$program" do first-night approve "$item" >"$scratch/said"
ok $? "one key: $(cat "$scratch/said")"
wait_for 'stage:complete voice'
ok $? "the line is spoken"
if command -v espeak-ng >/dev/null 2>&1; then
	wav=$(story voice | jq -r .wav)
	[ "$(dd if="$wav" bs=4 count=1 2>/dev/null)" = RIFF ]
	ok $? "into a WAV file"
else
	story voice | jq -e '.note | contains("not here")' >/dev/null
	ok $? "or only mouthed, and it says so"
fi
"$program" status --json first-night |
	jq -e '.obs.connected == false' >/dev/null
ok $? "no OBS is here, and status says so"

while [ "$(stage curtain state)" = waiting ]; do
	wait_for ' ' || break
done
[ "$(stage curtain state)" = standby ]
ok $? "the curtain stands by"
"$program" do first-night go >"$scratch/said"
ok $? "$(cat "$scratch/said")"
wait_for 'run:complete'
ok $? "the run is complete"
"$program" status --json first-night | jq -e '.run.state == "done" and
	(.budget | .allocated == .remaining + .leased + .spent)' >/dev/null
ok $? "done, and the ledger adds up"
story notice | grep -q 'the dog deserves a second act'
ok $? "the cheaper notice is printed"
story curtain | grep -q 'A slow waltz'
ok $? "to the fiddler's tune"
"$program" stop first-night >/dev/null
ok $? "the show is stopped"
wait "$core"
ok $? "and the core has ended well"
plan
