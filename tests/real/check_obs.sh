#!/bin/sh
# Kind obs against a real OBS that streams to a real ingest: connection, scenes,
# the macros that go on air and off again, a wrong password, and OBS that hangs.
. "$top_srcdir/tests/tap.sh"
program=$top_builddir/showcaller
case $program in /*) ;; *) program=$PWD/$program ;; esac
case $top_srcdir in /*) source=$top_srcdir ;; *) source=$PWD/$top_srcdir ;; esac
SHOWCALLER_STATE=$scratch/state
OBS_PASSWORD=obs-secret-5678
export SHOWCALLER_STATE OBS_PASSWORD
for tool in node jq; do
	command -v "$tool" >/dev/null || skip_all "$tool is missing"
done
cd "$scratch" || exit 99
set -- $(node "$source/tests/real/free_ports.mjs" 3)
[ $# -eq 3 ] || exit 99
port=$1 rtmp=$2 stat=$3
clean_up() {
	[ ! -e obs/obs.pid ] || kill -CONT "$(cat obs/obs.pid)" 2>/dev/null
	sh "$source/tests/real/obs.sh" stop "$scratch/obs" >/dev/null 2>&1
	sh "$source/tests/real/ingest.sh" stop "$scratch/ingest" >/dev/null 2>&1
	cd / && rm -rf "$scratch"
}
trap clean_up EXIT
sh "$source/tests/real/ingest.sh" start "$scratch/ingest" "$rtmp" "$stat" >ingest.log 2>&1 ||
	skip_all "no ingest: $(head -n 1 ingest.log)"
sh "$source/tests/real/obs.sh" start "$scratch/obs" "$port" "$OBS_PASSWORD" "$rtmp" >obs.log 2>&1 ||
	skip_all "no OBS: $(head -n 1 obs.log)"

cat >obs.yaml <<YAML
show: obs
obs:
  url: ws://127.0.0.1:$port
  password_env: OBS_PASSWORD
  macros:
    go_live: [ { StartStream: {} }, { SetCurrentProgramScene: { sceneName: Live } } ]
    sign_off: [ { SetCurrentProgramScene: { sceneName: Starting Soon } }, { StopStream: {} } ]
agents: { a: { via: noop } }
stages: [ { id: s, agents: [a] } ]
checks: obs.json
YAML
jq '.cards |= (map(select(.card == "Streaming Control")) |
	map(.tests |= map(select(.name | test("OBS|macros"))))) |
	.cards += [{card: "Bad", tests: [
	{name: "request", kind: "obs", payload: {request: "GetNothing"}},
	{name: "scene", kind: "obs", payload: {request: "SetCurrentProgramScene",
		data: {sceneName: "Nowhere"}}},
	{name: "old name", kind: "obs", payload: {request: "SetCurrentScene",
		data: {"scene-name": "Live"}}},
	{name: "password", kind: "obs", endpoint: $url},
	{name: "other", kind: "obs", payload: {request: "GetSceneList"},
		expected: {"/currentProgramSceneName": "Nowhere"}}]}] |
	# On a machine that is busy a real OBS takes its time.
	.cards[].tests[] |= (.timeout_ms = 120000 |
		(.expected.max_latency_ms | select(.)) = 60000 |
		(.steps[]? | .within_ms | select(.)) = 50000)' \
	--arg url "ws://127.0.0.1:$port" "$source/dags/checks/adventure.json" >obs.json
"$program" lint obs.yaml 2>lint.err >/dev/null
ok $? "the cards are right"
# Until OBS is there.
jq '{cards: [{card: "First", tests: [{name: "there", kind: "obs",
	within_ms: 110000, timeout_ms: 120000}]}]}' obs.json >first.json
sed 's/obs.json/first.json/' obs.yaml >first.yaml
"$program" check first.yaml >first
ok $? "OBS is there: $(head -n 1 first)"
"$program" check --json obs.yaml >results
result() { # CARD TEST OK TEXT
	jq -e --arg c "$1" --arg t "$2" --argjson ok "$3" --arg x "$4" \
		'.[] | select(.card == $c and .test == $t) | .ok == $ok and
		(.text | startswith($x))' results >/dev/null
	right=$?
	ok "$right" "$2: $4"
	[ "$right" -eq 0 ] || jq -c --arg t "$2" '.[] | select(.test == $t)' results |
		cut -c 1-600 | sed 's/^/# /'
}
result "Streaming Control" "OBS connection" true "1 request in "
result "Streaming Control" "OBS scenes" true "1 request in "
result "Streaming Control" "Start and stop macros" true "4 steps in "
result Bad request false "OBS refuses GetNothing (204)"
result Bad scene false "OBS refuses SetCurrentProgramScene (600)"
result Bad "old name" true "1 request in "
result Bad password false "OBS wants a password"
result Bad other false "/currentProgramSceneName: wanted \"Nowhere\""
jq -e '.[] | select(.test == "Start and stop macros") |
	.detail.cleanup[0].ok' results >/dev/null
ok $? "it goes off the air again"
! grep -q "$OBS_PASSWORD" results
ok $? "no password stands in a result"

jq '{cards: [{card: "Hung", tests: [.cards[].tests[] |
	select(.name == "OBS connection") | .timeout_ms = 5000]}]}' obs.json >hung.json
sed 's/obs.json/hung.json/' obs.yaml >hung.yaml
kill -STOP "$(cat obs/obs.pid)"
"$program" check hung.yaml >hung
kill -CONT "$(cat obs/obs.pid)"
grep -q '^FAIL .*OBS does not answer in time' hung
ok $? "OBS that hangs is no hung check"
plan
