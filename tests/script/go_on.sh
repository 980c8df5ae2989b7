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
plan
