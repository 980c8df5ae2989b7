#!/bin/sh
# Every kind of check against the true thing: an MCP server of npm, a speech
# service, an ingest, Prometheus with its node exporter, the show's own Redis,
# log, listeners and agents, one of them on the bus.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
PATH=$PATH:/usr/sbin
for tool in node npm espeak-ng nginx prometheus prometheus-node-exporter; do
	command -v "$tool" >/dev/null || skip_all "$tool is missing"
done
case $top_srcdir in /*) source=$top_srcdir ;; *) source=$PWD/$top_srcdir ;; esac
case $program in /*) ;; *) program=$PWD/$program ;; esac
cd "$scratch" || exit 99
echo '{"private": true}' >package.json
timeout 300 npm install --no-audit --no-fund --no-progress --silent \
	@modelcontextprotocol/server-everything >npm.log 2>&1 ||
	skip_all "the npm registry does not give server-everything: $(tail -n 1 npm.log)"
everything=$scratch/node_modules/@modelcontextprotocol/server-everything/dist/index.js

answers() { # URL: within two minutes
	timeout 120 curl -s -o /dev/null --retry 600 --retry-delay 0 \
		--retry-max-time 120 --retry-connrefused "$1"
}
set -- $(node "$source/tests/real/free_ports.mjs" 5)
[ $# -eq 5 ] || exit 99
mcp=$1 rtmp=$2 stat=$3 prom=$4 node_port=$5
PORT=$mcp node "$everything" streamableHttp >mcp.log 2>&1 &
others="$others $!"
node "$source/tests/real/tts_peer.mjs" >tts.port &
others="$others $!"
sh "$source/tests/real/ingest.sh" start "$scratch/ingest" "$rtmp" "$stat" >ingest.log 2>&1 ||
	skip_all "no ingest: $(head -n 1 ingest.log)"
others="$others $(cat ingest/ingest.pid)"
prometheus-node-exporter --web.listen-address=127.0.0.1:"$node_port" >node.log 2>&1 &
others="$others $!"
cat >prometheus.yml <<YAML
global: { scrape_interval: 1s }
scrape_configs:
  - { job_name: node, static_configs: [ { targets: ["127.0.0.1:$node_port"] } ] }
YAML
prometheus --config.file=prometheus.yml --storage.tsdb.path=tsdb \
	--web.listen-address=127.0.0.1:"$prom" >prom.log 2>&1 &
others="$others $!"
tts=$(timeout 60 sh -c 'tail -n +1 -f tts.port | head -n 1')
for url in "$mcp/mcp" "$stat/stat" "$node_port/metrics" "$prom/-/ready"; do
	answers "http://127.0.0.1:$url" || echo "# nobody at $url"
done

cat >agent <<'AGENT'
#!/bin/sh
cat >request
jq -c '{success: true, correlationId, result: {beat: "b", marked: .parameters.check,
	run: .parameters.run, lease: .lease}, tokens_used: 5, confidence: 1}' request
AGENT
chmod +x agent
TTS_KEY=tts-secret-1234
export TTS_KEY
cat >peers.yaml <<YAML
show: peers
title: Peers
budget: { tokens: 1000 }
mcp:
  every: { url: "http://127.0.0.1:$mcp/mcp" }
  piped: { argv: [node, "$everything", stdio] }
agents:
  writer: { via: exec, argv: [./agent] }
  player: { via: bus }
  tool: { via: mcp, mcp: every, tool: echo, arguments: { message: "on {{inputs.beat}}" } }
  slow: { via: mcp, mcp: piped, tool: trigger-long-running-operation,
          arguments: { duration: 1, steps: 2 } }
stages:
  - { id: one, agents: [writer], outputs: [beat], go: manual }
  - { id: two, agents: [tool], inputs: [beat], outputs: [said] }
  - { id: three, agents: [slow], inputs: [said], outputs: [long] }
  - { id: four, agents: [player], inputs: [long] }
checks: peers.json
YAML
cat >peers.json <<JSON
{ "cards": [
  { "card": "MCP", "tests": [
    { "name": "http", "kind": "mcp", "endpoint": "mcp:every", "timeout_ms": 30000,
      "payload": { "tool": "echo", "arguments": { "message": "hi" } },
      "expected": { "/content/0/text": { "contains": "hi" }, "/isError": { "exists": false } } },
    { "name": "stdio", "kind": "mcp", "endpoint": "mcp:piped", "timeout_ms": 60000,
      "payload": { "tool": "get-sum", "arguments": { "a": 2, "b": 3 } },
      "expected": { "/content/0/text": { "contains": "5" } } },
    { "name": "old", "kind": "mcp", "endpoint": "mcp:every", "timeout_ms": 30000,
      "payload": { "tool": "echo", "arguments": { "message": "hi" }, "protocol": "2024-11-05" },
      "expected": { "/content/0/text": { "contains": "hi" } } },
    { "name": "no such tool", "kind": "mcp", "endpoint": "mcp:every", "timeout_ms": 30000,
      "payload": { "tool": "nothing" } } ] },
  { "card": "Audio", "tests": [
    { "name": "speech", "kind": "audio", "endpoint": "http://127.0.0.1:$tts/v1/audio/speech",
      "key_env": "TTS_KEY", "timeout_ms": 20000, "payload": { "input": "The gate opens." },
      "expected": { "status": 200, "content_type": "audio/*", "min_duration_ms": 300,
                    "not_silent": true, "sample_rate": 22050, "loudness_lufs": { "gt": -40 } } },
    { "name": "silence", "kind": "audio", "endpoint": "http://127.0.0.1:$tts/silence",
      "key_env": "TTS_KEY", "timeout_ms": 20000, "payload": {}, "expected": { "not_silent": true } },
    { "name": "no key", "kind": "audio", "endpoint": "http://127.0.0.1:$tts/v1/audio/speech",
      "timeout_ms": 20000, "payload": { "input": "The gate opens." } },
    { "name": "no sound", "kind": "audio", "endpoint": "http://127.0.0.1:$stat/stat",
      "timeout_ms": 20000 } ] },
  { "card": "Ingest", "tests": [
    { "name": "app", "kind": "rtmp", "endpoint": "rtmp://127.0.0.1:$rtmp/live", "timeout_ms": 20000,
      "expected": { "/code": "NetConnection.Connect.Success", "/handshake_ms": { "lt": 20000 } } },
    { "name": "bare", "kind": "rtmp", "endpoint": "rtmp://127.0.0.1:$rtmp", "timeout_ms": 20000 },
    { "name": "no app", "kind": "rtmp", "endpoint": "rtmp://127.0.0.1:$rtmp/nothing", "timeout_ms": 5000 },
    { "name": "no rtmp", "kind": "rtmp", "endpoint": "rtmp://127.0.0.1:$stat/live", "timeout_ms": 5000 } ] },
  { "card": "Prometheus", "tests": [
    { "name": "up", "kind": "prometheus", "endpoint": "http://127.0.0.1:$prom", "timeout_ms": 60000,
      "payload": { "query": "up{job=\"node\"}", "wait_ms": 50000 },
      "expected": { "value": 1, "/data/result/0/metric/job": "node" } },
    { "name": "scalar", "kind": "prometheus", "endpoint": "http://127.0.0.1:$prom", "timeout_ms": 20000,
      "payload": { "query": "scalar(vector(2.5))" }, "expected": { "value": { "gt": 2, "lt": 3 } } },
    { "name": "empty", "kind": "prometheus", "endpoint": "http://127.0.0.1:$prom", "timeout_ms": 20000,
      "payload": { "query": "gpu_nobody_scraped" } },
    { "name": "bad", "kind": "prometheus", "endpoint": "http://127.0.0.1:$prom", "timeout_ms": 20000,
      "payload": { "query": "sum(" } } ] },
  { "card": "Own", "tests": [
    { "name": "redis", "kind": "redis", "timeout_ms": 20000,
      "expected": { "/loading": 0, "/aof_enabled": 1, "/redis_version": { "matches": "^7[.]" } } },
    { "name": "no redis", "kind": "redis", "endpoint": "redis://127.0.0.1:$stat", "timeout_ms": 2000 },
    { "name": "log", "kind": "log", "endpoint": "log:core.log", "timeout_ms": 20000,
      "payload": { "room": "engine", "pattern": "peers .*runs", "seconds": 600 },
      "expected": { "/count": { "gt": 0 } } },
    { "name": "no log", "kind": "log", "endpoint": "log:core.log", "timeout_ms": 20000,
      "payload": { "pattern": "the roof is on fire" }, "expected": { "value": { "gt": 0 } } } ] },
  { "card": "Agents", "tests": [
    { "name": "exec", "kind": "agent", "endpoint": "agent:writer", "timeout_ms": 30000,
      "payload": { "inputs": { "x": 1 } },
      "expected": { "/success": true, "/result/marked": true, "/result/run": "check",
                    "/result/lease": null } },
    { "name": "mcp", "kind": "agent", "endpoint": "agent:tool", "timeout_ms": 30000,
      "payload": { "inputs": { "beat": "air" } },
      "expected": { "/result/said": { "contains": "on air" } } },
    { "name": "bus", "kind": "agent", "endpoint": "agent:player", "timeout_ms": 30000,
      "expected": { "/result/played": true } } ] } ] }
JSON
"$program" lint peers.yaml >lint.out 2>&1
ok $? "the cards are right"
start_core peers.yaml
ok $? "a core runs"

# An agent on the bus that plays whatever it is asked to.
socket=$scratch/state/peers/redis.sock
cli() {
	redis-cli -s "$socket" --raw "$@"
}
play() { # answers one call
	cli xgroup create 'showcaller:{peers}:inbox:player' player 0 mkstream >/dev/null
	data=$(timeout 120 redis-cli -s "$socket" --raw xreadgroup group player me \
		block 60000 count 1 streams 'showcaller:{peers}:inbox:player' '>' | tail -n 1)
	cli xadd 'showcaller:{peers}:proposals' '*' data "$(echo "$data" | jq -c \
		'{stage_id: .parameters.stage, agent_id: "player", attempt: 1,
		correlationId: .correlationId, payload: {played: true}, confidence: 1}')" >/dev/null
}
play &
"$program" do peers check-all >/dev/null
ok $? "all of them are run"

# Until each has come to an end.
count=$("$program" status --json peers | jq '.checks | length')
timeout 120 "$program" events peers --follow --json 2>/dev/null | jq -rc --unbuffered \
	'select(.type == "check:result" and .data.state != "running") |
	[.data.card, .data.test, .data.state, .data.text] | @tsv' | head -n "$count" >results
wait_for() { # CARD TEST STATE TEXT
	got=$(grep -F "$(printf '%s\t%s\t' "$1" "$2")" results | cut -f 3-)
	case $got in "$(printf '%s\t%s' "$3" "$4")"*) right=0 ;; *) right=1 ;; esac
	ok "$right" "$1, $2: $3 $4"
	[ "$right" -eq 0 ] || echo "# got: $got"
}
wait_for MCP http pass "mcp-servers/everything"
wait_for MCP stdio pass "mcp-servers/everything"
wait_for MCP old pass "mcp-servers/everything"
wait_for MCP "no such tool" fail "the tool says: MCP error -32602"
wait_for Audio speech pass "1."
wait_for Audio silence fail "not_silent: wanted true, got false"
wait_for Audio "no key" fail "status: wanted success, got 401"
wait_for Audio "no sound" fail "it is no sound"
wait_for Ingest app pass "handshake in "
wait_for Ingest bare pass "handshake in "
wait_for Ingest "no rtmp" fail "127.0.0.1:$stat: "
wait_for Ingest "no app" fail "127.0.0.1:$rtmp: "
wait_for Prometheus up pass "1 in "
wait_for Prometheus scalar pass "2.5 in "
wait_for Prometheus empty fail "no samples for gpu_nobody_scraped"
wait_for Prometheus bad fail "Prometheus refuses the query"
wait_for Own redis pass "Redis 7"
wait_for Own "no redis" fail ""
wait_for Own log pass "1 line"
wait_for Own "no log" fail "value: wanted {\"gt\":0}, got 0"
wait_for Agents exec pass "writer answered"
wait_for Agents mcp pass "tool answered"
wait_for Agents bus pass "player answered"
! grep -rq tts-secret results "$scratch/state/peers"/*.log core.log &&
	! cli hgetall 'showcaller:{peers}:checks' | grep -q tts-secret
ok $? "no secret stands in a result or a log"
cli hget 'showcaller:{peers}:checks' "$(printf 'Audio\tspeech')" |
	jq -e '.audio | .peaks | length > 10' >/dev/null
ok $? "a waveform is kept"
wav=$(cli hget 'showcaller:{peers}:checks' "$(printf 'Audio\tspeech')" | jq -r .audio.file)
[ "$(head -c 4 "$wav")" = RIFF ]
ok $? "and the sound, to be played"
"$program" status --json peers | jq -e '.story.version == 0 and .budget.spent == 0 and
	.budget.leased == 0 and (.run.stages | map(select(.state != "standby" and
	.state != "waiting")) | length == 0)' >/dev/null
ok $? "neither the story nor the budget has noticed"

# The show itself, over both transports.
play &
"$program" do peers go >/dev/null
wait_event peers '"run:complete"'
ok $? "agents are called via MCP"
cli hget 'showcaller:{peers}:story' said | jq -e '. == "Echo: on b"' >/dev/null
ok $? "and what the tool says is the stage's output"
end_core
ok $? "the core ends"
plan
