#!/bin/sh
# Which run a start goes on with: the unfinished one by its own definition, or a
# new one.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
cd "$scratch" || exit 99

cat >night.yaml <<'SHOW'
show: night
title: The old title
agents:
  quick: { via: noop }
stages:
  - { id: one, agents: [quick], outputs: [a] }
  - { id: two, agents: [quick], inputs: [a], go: manual }
SHOW
title() { "$program" status night --json | jq -r .title; }

start_core night.yaml
wait_event night '"stage:complete".*"one"'
ok $? "a run begins"
kill -HUP "$core"
wait_log 'hangup; the show goes on'
ok $? "a hangup does not end it"
end_core
ok $? "SIGTERM does"

sed 's/old title/new title/; s/id: two/id: second/' night.yaml >changed.yaml
start_core changed.yaml
ok $? "the file has changed when it starts again"
[ "$(title)" = "The old title" ]
ok $? "the unfinished run goes on by its own definition"
wait_event night '"note".*has changed'
ok $? "and the log says so"
grep -q 'has changed' core.log
ok $? "as does the core"
"$program" events night --json | jq -es 'map(select(.type == "run:start")) |
	length == 1' >/dev/null
ok $? "it is the same run"
end_core

fails 75 'is live and unfinished.*--new' \
	"a live run is not carried on in a rehearsal" "$program" run --headless \
	--rehearse --operator 127.0.0.1:0 --audience 127.0.0.1:0 night.yaml

start_core changed.yaml --new
wait_event night '"run:start".*"r2"'
ok $? "--new begins another run"
"$program" events night --json --run r1 | jq -es 'map(select(.type ==
	"run:cancel" or .type == "run:complete")) | length == 1' >/dev/null
ok $? "the one before is over"
[ "$(title)" = "The new title" ]
ok $? "the new one is by the new file"
wait_event night '"stage:progress".*"second"'
"$program" do night go >/dev/null
wait_event night '"run:complete".*"r2"|"r2".*"run:complete"|"run:complete"'
end_core
core=

start_core changed.yaml --rehearse
wait_event night '"run:start".*"r3"'
ok $? "a finished run is followed by a new one"
end_core
start_core changed.yaml
wait_event night '"run:start".*"r4"'
ok $? "a rehearsal that was left does not hold a live show up"
end_core
core=

# A supervisor starts again what died; a run that was over stays so.
supervised() { # OPTION...
	: >core.log
	"$program" run --headless --operator 127.0.0.1:0 \
		--audience 127.0.0.1:0 changed.yaml "$@" >>core.log 2>&1 &
	core=$!
	wait_log 'night runs'
}
start_core changed.yaml --new
wait_event night '"stage:progress","run":"r5".*"second"' &&
	"$program" do night go >/dev/null
over() { "$program" status night --json |
	jq -e ".run.id == \"$1\" and .run.state == \"done\"" >/dev/null; }
timeout 120 sh -c "until '$program' status night --json |
	jq -e '.run.id == \"r5\" and .run.state == \"done\"'; do :; done" >/dev/null
over r5
ok $? "a run is done, and its core dies"
kill_core
supervised
ok $? "it is started again"
over r5 && grep -q 'run r5 is over (done), and no other begins by itself' core.log
ok $? "and begins no other run"
end_core
supervised
over r5
ok $? "neither after a SIGTERM"
kill_core
: >core.log
timeout 120 "$program" run --headless --exit-when-done --operator 127.0.0.1:0 \
	--audience 127.0.0.1:0 changed.yaml >>core.log 2>&1
ok $? "with --exit-when-done it ends with the status of that run"
supervised
wait_event night '"run:start".*"r6"'
ok $? "which ends the show: the next start begins a run"
"$program" stop night >/dev/null
wait "$core"
supervised
over r5
[ $? -ne 0 ]
ok $? "an unfinished run goes on as ever"
kill_core
supervised --new
wait_event night '"run:start".*"r7"'
ok $? "and --new begins one"
end_core
core=
plan
