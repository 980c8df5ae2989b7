#!/bin/sh
# First Night, for real: its programs, a vote over HTTP, a budget that asks, a
# retry, GO, the checks against its own listeners, and a WAV file.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
unset OBS_PASSWORD

# The show as it is, but on ports of its own, and with time for a busy machine.
cp -R "$top_srcdir/dags" "$scratch/dags" && chmod -R u+w "$scratch/dags"
show=$scratch/dags/first-night.yaml
sed -i 's/127\.0\.0\.1:742[01]/127.0.0.1:0/g
	s/\(open_ms\|approval_deadline_ms\|time_cap_ms\): [0-9]*/\1: 600000/' "$show"
jq '.cards[].tests[] |= (.timeout_ms = 60000 |
	if .expected.max_latency_ms then .expected.max_latency_ms = 60000 else . end)' \
	"$top_srcdir/dags/checks/first-night.json" >"$scratch/dags/checks/first-night.json"

start_core "$show"
ok $? "the show runs"

came() { # TYPE STAGE TEXT: a test point, when such an event has come
	wait_event first-night "\"$1\".*\"stage\":\"$2\""
	ok $? "$3"
}
stage() { # ID MEMBER
	"$program" status --json first-night |
		jq -r ".run.stages[] | select(.id == \"$1\") | .$2"
}
story() { # KEY
	redis-cli -s "$scratch/state/first-night/redis.sock" \
		hget 'showcaller:{first-night}:story' "$1"
}
does() { # ACTION [ARG]...: a test point with the answer
	said=$("$program" do first-night "$@")
	ok $? "$1: $said"
}

came poll:create way "the poll opens"
audience=$(cat "$scratch/state/first-night/audience.addr")
asks() { curl -sf "http://$audience/vote/way" | grep -q 'The stage door is stuck'; }
wait_until asks
ok $? "the vote page asks the question"
curl -sf -o /dev/null -d option=flies "http://$audience/vote/way"
ok $? "one votes for the flies"
came stage:error music "a string snaps"
came stage:complete music "and is replaced: the fiddler's second try succeeds"
[ "$(stage music attempt)" = 2 ]
ok $? "on attempt 2"

# A headless core says on stderr what others write there.
ln -s "$scratch/core.log" "$scratch/state/first-night/core.log"
"$program" check "$show" >"$scratch/checks"
ok $? "its checks pass against its own listeners"
[ "$(grep -c '^ok' "$scratch/checks")" -eq 9 ]
ok $? "all of them"
sed -n '/^FAIL/s/^/# /p' "$scratch/checks"
does check "Front of House/Box office"
wait_event first-night '"check:result".*"state":"pass".*"phases":'
ok $? "the core runs one of them, too, and the event tells its phases"
is_kept() {
	redis-cli -s "$scratch/state/first-night/redis.sock" hget \
		'showcaller:{first-night}:checks' "$(printf 'Front of House\tBox office')" |
		jq -e '.ok and .at > 0 and .request.url and .answer.status == 303' >/dev/null
}
wait_until is_kept
ok $? "request and answer are kept beside the log"

does poll-close way
came budget:request monologue "the monologue outgrows its budget and asks"
[ "$(stage above state) $(stage below state)" = "done skipped" ]
ok $? "up in the flies, not down the trapdoor"
does approve "$("$program" inbox --json first-night | jq -r '.[0].id')"
came stage:complete voice "the line is spoken"
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

[ "$(stage curtain state)" = standby ]
ok $? "the curtain stands by"
does go
wait_event first-night '"run:complete"'
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
core=
plan
