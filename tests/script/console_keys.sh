#!/bin/sh
# What an operator does with the keys of the console, on a show that runs.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

cat >stage.yaml <<'SHOW'
show: stage
title: A Night on Stage
budget: { tokens: 10000, approval_deadline_ms: 600000 }
agents:
  quick: { via: noop }
  hungry: { via: noop, quota: { episode: 100 } }
  absent: { via: bus, timeout_ms: 600000 }
stages:
  - { id: one, agents: [quick], outputs: [a] }
  - { id: two, agents: [quick], inputs: [a], go: manual, notes: Wait for it. }
  - { id: three, agents: [hungry], inputs: [a], budget: { token_cap: 500 } }
  - { id: four, agents: [quick], inputs: [two], go: manual }
  - { id: long, agents: [absent], inputs: [a], budget: { token_cap: 500, time_cap_ms: 600000 } }
  - id: way
    inputs: [a]
    poll:
      question: Which way?
      options: [{ id: cave }, { id: ridge }]
      open_ms: 600000
checks: checks.json
SHOW
cat >checks.json <<'CHECKS'
{ "cards": [ { "card": "Desk", "tests": [
  { "name": "Nobody", "kind": "tcp", "endpoint": "127.0.0.1:1", "expected": {} } ] } ] }
CHECKS
begin_core stage.yaml
wait_event stage '"budget:request"'

play 120x40 stage <<SCRIPT
wait quiet
dump start
keys ?
wait text Releases the stage in standby.
dump help
keys Esc
wait gone Releases the stage
quit
SCRIPT
ok $? "the console comes and goes"
shows start 'A Night on Stage'
shows start '● LIVE'
shows start 'STANDBY  two   GO: quick'
shows start 'Wait for it.'
shows start '✓ one'
shows start '▶ long'
shows start 'OVERAGE three'
shows start 'Which way?'
shows start "vote: http://$(cat state/stage/audience.addr)/vote/way"
shows start '! PANIC'
grep -q 'come back with: showcaller attach stage' said
ok $? "and says how to come back"

play 120x40 stage <<SCRIPT
wait quiet
keys space
wait text STANDBY  four
wait text ✓ two
keys space
wait quiet
quit
SCRIPT
ok $? "space is GO for the stage that is seen"
"$program" events stage --json >log
# On a busy machine the press may come when it is too early no more.
jq -es '(map(select(.type == "stage:progress" and .stage == "four")) | first.at) as $since |
	map(select(.type == "stage:go")) | first.stage == "two" and
	all(.[1:][]; .at - $since >= 300)' log >/dev/null
ok $? "and a press too early released nothing else"

play 80x24 stage <<SCRIPT
wait text a approve
wait quiet
keys a
wait gone OVERAGE
wait text ✓ three
quit
SCRIPT
ok $? "a approves what is seen"
[ "$("$program" inbox stage --json | jq length)" = 0 ]
ok $? "and the inbox is empty"

play 80x24 stage <<SCRIPT
wait quiet
keys 4
wait text ▸4 Checks
keys c
wait text ✗ Desk 0/1
keys Enter
wait text 127.0.0.1:1
keys Esc
quit
SCRIPT
ok $? "c runs a check, Enter says what came"

play 120x40 stage <<SCRIPT
wait quiet
keys 1 k
wait text y yes
keys Esc
wait gone y yes
keys p
wait text PAUSED
wait quiet
keys p
wait text ● LIVE
quit
SCRIPT
ok $? "k asks first; p pauses and resumes"

# The third is for a machine where the second comes more than 3 s after the first.
play 120x40 stage <<SCRIPT
wait quiet
keys Q y e !
wait text ■ PANIC
wait gone Type yes
wait text frozen
keys ! !
wait quiet
wait gone ▶ long
keys space
wait text the run is paused
keys R
wait text R again
keys R
wait text ● LIVE
wait text OVERAGE long
quit
SCRIPT
ok $? "! halts from within a dialog, twice stops the calls, R R resumes"
"$program" events stage --json >log
jq -es 'map(select(.type == "run:pause" and .data.panic)) | length == 1' log \
	>/dev/null
ok $? "as the log says"
jq -es 'map(select(.type == "stage:error" and .stage == "long" and
	.data.code == "halted")) | length == 1' log >/dev/null
ok $? "and what ran was halted once"

how='attach stage --read-only'
play 80x24 stage <<SCRIPT
wait text read-only
wait quiet
keys space
wait text this console is read-only
keys !
quit
SCRIPT
ok $? "a read-only console does nothing"
how=
"$program" status stage --json | jq -e '.run.state == "running"' >/dev/null
ok $? "and nothing was done"

play 80x24 stage <<SCRIPT
wait quiet
keys Q y e s Enter
SCRIPT
ok $? "Q yes stops the show"
wait "$core"
ok $? "and the core ends in good order"
core=

# `run` in a terminal: the core in a process of its own, the console on top.
cat >short.yaml <<'SHOW'
show: short
agents: { quick: { via: noop } }
stages:
  - { id: one, agents: [quick], outputs: [a] }
  - { id: two, agents: [quick], inputs: [a], go: manual }
SHOW
free='--operator 127.0.0.1:0 --audience 127.0.0.1:0'
how="run short.yaml --exit-when-done $free"
play 80x24 short <<SCRIPT
wait text STANDBY  two
wait quiet
keys space
SCRIPT
ok $? "run --exit-when-done ends with the run"
grep -q 'the run is done' said
ok $? "and says so"
how="run short.yaml --exit-when-done $free"
play 80x24 short <<SCRIPT
wait quiet
keys : c a n c e l - Enter
wait text Cancel the whole run?
keys y
SCRIPT
[ $? -eq 1 ]
ok $? "it exits with 1 when the run is cancelled (from the palette)"
how="run --rehearse short.yaml $free"
play 80x24 short <<SCRIPT
wait quiet
wait text ● REHEARSAL
resize 20x5
wait text REHEARSAL
keys Q y e s Enter
SCRIPT
ok $? "a rehearsal says so at every size"
grep -q 'short is stopped' said
ok $? "and Q yes stops it"
plan
