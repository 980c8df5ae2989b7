#!/bin/sh
# Pre-flight in a console: GO is refused until the required card is green, the
# whole of a result is one key away, its sound is played, and what is overridden
# stands in the log with its reason.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
for tool in node espeak-ng; do
	command -v "$tool" >/dev/null || skip_all "$tool is missing"
done
case $top_srcdir in /*) source=$top_srcdir ;; *) source=$PWD/$top_srcdir ;; esac
cd "$scratch" || exit 99

mkfifo tts
node "$source/tests/real/tts_peer.mjs" >tts &
others=$!
tts=$(timeout 120 head -n 1 tts | grep -oE '[0-9]+$')
cat >doors.yaml <<SHOW
show: doors
title: Before the Doors
agents: { quick: { via: noop } }
stages:
  - { id: open, agents: [quick], go: manual, preflight: true }
  - { id: rest, agents: [quick], inputs: [open], go: manual }
preflight: { cards: [Must] }
checks:
  cards:
    - card: Must
      tests:
        - { name: Voice, kind: audio, endpoint: "http://127.0.0.1:$tts/v1/audio/speech",
            key_env: TTS_KEY,
            payload: { input: The doors open., voice: en }, timeout_ms: 60000,
            expected: { status: 200, min_duration_ms: 100, not_silent: true } }
        - { name: Nobody, kind: tcp, endpoint: "127.0.0.1:1" }
        - { name: Below, kind: http, endpoint: "http://127.0.0.1:1/", parent: Nobody }
SHOW
mkfifo heard
printf '#!/bin/sh\ncat "$1" >%s/heard\n' "$PWD" >player
chmod +x player
timeout 600 head -c 4 heard >bytes &
listener=$!
TTS_KEY=tts-secret-1234
export TTS_KEY
begin_core doors.yaml

fails 1 'waits for pre-flight: Must/Voice has not run' "GO before anything was proven" \
	"$program" do doors go
play 120x40 doors "SHOWCALLER_PLAYER=$PWD/player" <<SCRIPT
wait text pre-flight: 3 open
keys P
wait text pre-flight: 1 open
wait text muted
wait quiet
keys 4
keys Enter
wait text clipped
dump voice
keys PgDn PgDn
wait text authorization
dump wire
keys Esc
wait quiet
keys v
wait text playing
keys Down
wait quiet
keys Enter
wait text this show
dump nobody
keys Esc
wait quiet
keys O
wait text Why go on without?
dump why
keys f i n e Enter
wait text pre-flight ready
wait quiet
keys space
wait text STANDBY  rest
quit
SCRIPT
ok $? "pre-flight runs, a sound is heard, what fails is overridden, GO goes"
shows wire 'request'
shows wire 'POST'
shows wire '***'
shows voice 'wave'
shows voice 'Hz, 1 channels'
! grep -q "$TTS_KEY" wire
ok $? "and no key"
shows nobody '1 of 1 failed'
shows why 'Must/Nobody fails'
wait "$listener"
[ "$(cat bytes)" = RIFF ]
ok $? "the player got the sound"
"$program" events doors --json >log
[ "$(jq -rs '.[] | select(.type == "check:override") | .data.reason + " " + (.data.checks | join(","))' log)" = \
	"fine Must/Nobody" ]
ok $? "the override stands in the log, with its reason and what it was for"
"$program" events doors --json | grep '"alarm:raise"' | grep -q 'check:Must/Nobody' &&
	! grep '"alarm:raise"' log | grep -q 'check:Must/Below'
ok $? "what fails is an alarm; what hangs on it is none"
end_core
plan
