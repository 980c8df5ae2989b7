#!/bin/sh
# The console switches the scene of a real OBS, and says what OBS says.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
for tool in obs Xvfb; do
	command -v "$tool" >/dev/null || skip_all "$tool is missing"
done
cd "$scratch" || exit 99

# What status says now: an event of a scene may be an old one.
scene_is() { # PATTERN
	"$program" status onair --json | jq -r .obs.program_scene | grep -qE "$1"
}
# What OBS itself says, without a core.
obs_shows() { # SCENE
	OBS_SCENE=$1 jq -n --arg at "ws://127.0.0.1:$port" '{cards: [{card: "OBS", tests: [
		{name: "scene", kind: "obs", endpoint: $at, key_env: "OBS_PASSWORD",
		timeout_ms: 60000, payload: {request: "GetCurrentProgramScene"},
		expected: {"/currentProgramSceneName": env.OBS_SCENE}}]}]}' >scene.json
	"$program" check scene.json >scene.out
}
obs=$top_srcdir/tests/real/obs.sh
end_all() {
	sh "$obs" stop "$scratch/obs"
	clean_up_console
}
trap end_all EXIT

port=$(free_port)
OBS_PASSWORD='in the wings'
export OBS_PASSWORD
cat >onair.yaml <<SHOW
show: onair
title: On the Air
budget: { tokens: 1000 }
agents: { quick: { via: noop } }
stages:
  - { id: wait, agents: [quick], go: manual }
  - id: way
    poll:
      question: Which way?
      open_ms: 600000
      options: [{ id: x }, { id: y, requires_extra: 5000 }]
      default: x
      hide_result: true
    inputs: [wait]
  - { id: end, agents: [quick], inputs: [way], go: manual }
obs:
  url: ws://127.0.0.1:$port
  password_env: OBS_PASSWORD
  safe_scene: Starting Soon
  scenes: [Starting Soon, Live, Poll]
rules:
  - { name: poll-scene, on: poll:create, do: { obs_scene: Poll } }
  - { name: note-scene, on: note, do: { obs_scene: Poll } }
  - { name: back-live, on: poll:resolve, do: { obs_scene: Live } }
  - { name: stage-scene, on: stage:complete, do: { obs_scene: Starting Soon } }
SHOW
start_core onair.yaml
ok $? "a show runs without its OBS"
play 120x40 onair <<SCRIPT
wait text not connected
dump away
quit
SCRIPT
shows away 'not connected'
fails 1 'OBS is not connected' "a scene is refused while OBS is away" \
	"$program" do onair scene Live

sh "$obs" start "$scratch/obs" "$port" "$OBS_PASSWORD"
ok $? "OBS starts"
wait_event onair '"obs:status".*"connected":true'
ok $? "it is found by itself"
play 120x40 onair <<SCRIPT
wait text Starting Soon
keys 5
keys Down
keys Enter
wait text obs ● Live
dump live
quit
SCRIPT
ok $? "the selected scene is switched to by one key"
shows live 'Live'
wait_event onair '"obs:command".*"state":"confirmed".*scene Live'
ok $? "OBS has confirmed it"
"$program" status onair --json | jq -e '.obs.program_scene == "Live"' \
	>/dev/null
ok $? "and status says so"
"$program" do onair scene Poll >/dev/null
ok $? "the command line asks for a scene"
wait_event onair '"obs:command".*"state":"confirmed".*scene Poll'
until_true scene_is 'Poll'
"$program" status onair --json | jq -e '.obs.program_scene == "Poll"' \
	>/dev/null
ok $? "OBS shows it, and status says so"

# What ends a recording or a stream takes two keys; any other than y: nothing.
stop() { # WHAT KEY: asks to stop it, and answers
	play 80x24 onair <<-SCRIPT
	keys 5 :
	keys $(echo "$1" | sed 's/./& /g')Enter
	wait text start
	keys Down Enter
	wait text $1 stop? It is on air.
	dump $1
	wait quiet
	keys $2
	wait gone any other key: no
	wait quiet
	quit
	SCRIPT
}
"$program" do onair record start >/dev/null
wait_event onair '"obs:status".*"recording":true'
ok $? "OBS records"
stop record n
ok $? "to stop a recording asks first"
shows record 'y yes   any other key: no'
stop stream n
ok $? "to stop a stream, too"
shows stream 'y yes   any other key: no'
"$program" events onair --json | grep '"obs:command"' | grep -q 'stop'
[ $? -ne 0 ] && "$program" status onair --json | jq -e .obs.recording >/dev/null
ok $? "by another key nothing was asked of OBS"
stop record y
wait_event onair '"obs:command".*"state":"confirmed".*record stop'
wait_event onair '"obs:status".*"recording":false'
ok $? "by y the recording ends"
rule_waits() {
	scene_is Live && "$program" status onair --json |
		jq -e '.obs.rules_wait | .why == "scene Live" and
			.held_back == 1' >/dev/null
}
"$program" do onair scene Live >/dev/null
until_true scene_is Live
ok $? "back on Live"
fails 1 'did you mean `Poll`' "a scene that OBS has not" \
	"$program" do onair scene Pol
"$program" do onair note 'a rule waits' >/dev/null
wait_event onair '"held back".*scene Poll.*rule note-scene'
ok $? "a rule waits for the operator's own choice, and says so"
until_true rule_waits
ok $? "OBS was left alone, and status says why"
"$program" do onair rules-release >/dev/null
ok $? "the rules are released"
"$program" do onair rule-off stage-scene >/dev/null
ok $? "a rule is switched off"
"$program" do onair go >/dev/null
until_true scene_is 'Poll'
ok $? "a rule switches to the poll's scene"

# Its winner has a price: until that is settled no rule hears of a result.
curl -s -o /dev/null -H 'Content-Type: application/json' -d '{"option":"y"}' \
	"http://$(cat "$SHOWCALLER_STATE/onair/audience.addr")/vote/way"
"$program" do onair poll-close way >/dev/null
wait_event onair '"budget:request".*"option":"y"'
ok $? "the price of the winner is asked for"
scene_is Poll && "$program" status onair --json | jq -e .poll.hidden >/dev/null
ok $? "and OBS stays with the poll, whose result is hidden"
item=$("$program" inbox onair --json | jq -r '.[0].id // .inbox[0].id')
"$program" do onair approve "$item" >/dev/null
until_true scene_is 'Live'
ok $? "approved, the rule switches back"
"$program" events onair --json | grep '"obs:command"' |
	grep -q 'rule stage-scene'
[ $? -ne 0 ]
ok $? "the one that is off has done nothing, though stages are complete"
play 120x40 onair <<SCRIPT
wait text obs ● Live
keys !
wait text Starting Soon
wait text PANIC
quit
SCRIPT
ok $? "panic is pressed"
until_true scene_is 'Starting Soon'
ok $? "and OBS is on the safe scene"
end_core

# The brake while a shared Redis hangs: another core may lead by now, and OBS may
# be that core's. What OBS shows is asked by the core that comes after.
redis-server --port 0 --unixsocket "$scratch/s.sock" --appendonly yes \
	--appendfsync always --save '' --dir "$scratch" >redis.log 2>&1 &
redis=$!
timeout 120 sh -c "until redis-cli -s s.sock ping; do :; done" >/dev/null 2>&1
on_live() { # a core on it, and OBS shows Live
	start_core onair.yaml --redis "unix://$scratch/s.sock" &&
		wait_event onair '"obs:status".*"connected":true' &&
		until_true scene_is .
}
act() { # ARGS: a panic over HTTP while Redis hangs
	state=$SHOWCALLER_STATE/onair
	curl -s -m 60 -H 'Content-Type: application/json' \
		-H "Authorization: Bearer $(cat "$state/operator.token")" \
		-d "{\"args\":$1}" \
		"http://$(cat "$state/operator.addr")/api/v1/actions/panic"
}
away() { ! curl -s "http://$(cat "$SHOWCALLER_STATE/onair/operator.addr")/health" |
	jq -e .redis >/dev/null; }
on_live
"$program" do onair scene Live >/dev/null
until_true scene_is Live
ok $? "a core on a shared Redis: OBS is on Live"
kill -STOP "$redis"
until_true away
act '[]' >answer
jq -e '.error.code == "refused" and
	(.error.message | test("another core may lead.*panic all"))' answer \
	>/dev/null
ok $? "the lease is in doubt: panic says what it does not do, and what would"
kill_core
kill -CONT "$redis"
on_live && obs_shows Live
ok $? "OBS was left alone"
"$program" status onair --json | jq -e '.run.panic | not' >/dev/null
ok $? "and nothing is in the log of what nobody remembered"
kill -STOP "$redis"
until_true away
act '[]' >answer
act '["all"]' >answer
jq -e '.ok' answer >/dev/null
ok $? "a second press acts all the same"
until_true obs_shows 'Starting Soon'
ok $? "and OBS hears of it"
kill_core
kill -CONT "$redis"
# The log may still say what OBS showed before.
on_live && until_true scene_is 'Starting Soon'
ok $? "OBS is on the safe scene"

kill -KILL "$(cat obs/obs.pid)"
wait_event onair '"obs:status".*"connected":false'
ok $? "an OBS that is gone is known to be gone"
end_core
ok $? "the show ends"
plan
