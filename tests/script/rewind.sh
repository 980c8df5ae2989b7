#!/bin/sh
# Looking back in the console of a show that runs, and coming back to it.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

cat >back.yaml <<'SHOW'
show: back
title: Looking Back
budget: { tokens: 10000 }
agents:
  quick: { via: noop }
stages:
  - { id: one, agents: [quick], outputs: [a] }
  - { id: two, agents: [quick], inputs: [a], go: manual }
  - { id: three, agents: [quick], inputs: [two] }
  - { id: four, agents: [quick], inputs: [three], go: manual }
SHOW
begin_core back.yaml
wait_event back '"stage:complete".*"one"|"one".*"stage:complete"'

play 120x40 back <<SCRIPT
wait quiet
dump live
keys [
wait text REWIND  event
wait gone loading
dump back
keys [ [ { {
wait quiet
dump first
keys space
wait text GO: not from the past
keys }
wait gone GO: not from the past
dump done
keys L
wait gone REWIND
keys space
wait text STANDBY  four
keys [ Esc
wait gone REWIND
dump again
quit
SCRIPT
ok $? "back, on, and live again"
shows live 'STANDBY  two'
shows back 'REWIND ═╗'
grep -qE 'REWIND  event [0-9]+ of [0-9]+  00:00:[0-9]+  -  L live' back
ok $? "the line says where"
shows first 'REWIND  event 1 of'
shows first '● LIVE'
shows done '✓ one'
grep -q REWIND again
[ $? -ne 0 ]
ok $? "Esc comes back"
"$program" status back --json |
	jq -e '.run.stages[1].state == "done" and .run.stages[3].state == "standby"' \
		>/dev/null
ok $? "a GO in the past did nothing, one in the live show did"

# The brake works there, too, and comes back to the show.
play 80x24 back <<SCRIPT
wait quiet
keys { !
wait gone REWIND
wait text PANIC
wait quiet
keys R R
wait text LIVE
quit
SCRIPT
ok $? "PANIC works in the past"

# Where the operator was is where the next console begins.
stay 120x40 back <<SCRIPT
wait quiet
keys 1 Home Down Down z
wait text ▸1 Run
wait quiet
dump ready
SCRIPT
kill -HUP "$console"
ended
file=$SHOWCALLER_STATE/back/console.json
[ "$(stat -c %a "$file")" = 600 ] && jq -e \
	'.focus == "run" and .zoom and .stage == "three"' "$file" >/dev/null
ok $? "SIGHUP: focus, zoom and selection are kept"
play 120x40 back <<SCRIPT
wait quiet
dump kept
quit
SCRIPT
ok $? "it attaches again"
sed '1d;$d' shot >shot.1 && sed '1d;$d' kept | cmp -s - shot.1
ok $? "with the same picture"
echo '{"focus": [' >"$file"
play 120x40 back <<SCRIPT
wait quiet
dump kept
quit
SCRIPT
ok $? "a file that is nonsense is nothing"
shows kept '▸Inbox'

# More events than a console keeps, of a core that died: those of the start are
# read again when they are asked for.
kill_core
socket=$SHOWCALLER_STATE/back/redis.sock
last=$(redis-cli -s "$socket" XREVRANGE 'showcaller:{back}:events' + - COUNT 1 |
	sed -n '1s/-0$//p')
awk -v from="$last" 'BEGIN {
	for (i = 1; i <= 201000; i++)
		printf "XADD showcaller:{back}:events %d-0 type note run r " \
			"stage \"\" agent \"\" at %d data {}\r\n",
			from + i, 9000000000000 + i
}' | redis-cli -s "$socket" --pipe >pipe.log 2>&1
ok $? "a long log"
sed "s|^|# |" pipe.log
play 120x40 back <<SCRIPT
wait text no core runs
wait quiet
keys [
wait text REWIND
wait text 201,0
keys { {
wait gone loading
dump early
keys L
wait gone REWIND
quit
SCRIPT
ok $? "what is no longer in memory comes again"
shows early 'REWIND  event'
shows early '✓ one'
plan
