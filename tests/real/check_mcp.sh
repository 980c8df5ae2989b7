#!/bin/sh
# The MCP client against a server that behaves badly on request, over Streamable
# HTTP and stdio: each way has a clear result.
. "$top_srcdir/tests/tap.sh"
for tool in node jq timeout mkfifo; do
	command -v "$tool" >/dev/null || skip_all "$tool is missing"
done
program=$top_builddir/showcaller
case $program in /*) ;; *) program=$PWD/$program ;; esac
case $top_srcdir in /*) source=$top_srcdir ;; *) source=$PWD/$top_srcdir ;; esac
SHOWCALLER_STATE=$scratch/state
export SHOWCALLER_STATE
cd "$scratch" || exit 99
node "$source/tests/real/mcp_peer.mjs" >requests 2>peer.err &
peer=$!
trap 'kill "$peer" 2>/dev/null; wait "$peer" 2>/dev/null; rm -rf "$scratch"' EXIT
port=$(timeout 60 sh -c 'tail -n +1 -f requests | head -n 1')
[ -n "$port" ] || skip_all "the peer does not start: $(head -n 1 peer.err)"

# A row: the way, whether it passes, and how its text begins or what it answers.
rows='
plain     true  hi
json      true  hi
older     true  hi
strict    true  hi
crlf      true  hi
forgets   true  forgets-2
forgets400 true forgets400-2
cut       true  hi
twice     true  hi
asks      true  refused -32601
pings     true  ponged {}
new       true  echo hi
future    false the server speaks MCP 2099-01-01
amnesia   false the server forgets each session at once
lost      false http://127.0.0.1:PORT/lost: the stream ended before the answer, and has no ids
gone      false http://127.0.0.1:PORT/gone: the stream ended before the answer, and could not
accepts   false http://127.0.0.1:PORT/accepts: status 202, and no answer
other     false http://127.0.0.1:PORT/other: what it answers is not the answer
garbage   false http://127.0.0.1:PORT/garbage: what it answers is not the answer
html      false http://127.0.0.1:PORT/html: what it answers is not the answer
refuses   false the server refuses it (-32602): no such tool
endless   false http://127.0.0.1:PORT/endless: the answer is larger
short     false http://127.0.0.1:PORT/short: the connection ended within the answer
resets    false http://127.0.0.1:PORT/resets: the connection ended without an answer
moved     false http://127.0.0.1:PORT/moved: it redirects to http://127.0.0.1:9/other
error500  false http://127.0.0.1:PORT/error500: status 500
locked    false http://127.0.0.1:PORT/locked: status 401, it wants another key
'
printf '%s\n' "$rows" | sed "s/PORT/$port/g" >rows
jq -Rn --arg url "http://127.0.0.1:$port/" '{cards: [{card: "m", tests: [inputs |
	select(length > 0) | split(" ")[0] | {name: ., kind: "mcp",
	endpoint: ($url + .), timeout_ms: 20000, payload: {tool: "echo",
	arguments: {message: "hi"}}}]}]}' rows >checks.json
"$program" check --json checks.json >results.json
[ $? -eq 1 ]
ok $? "the checks run"
while read -r way passes text; do
	[ -n "$way" ] || continue
	got=$(jq -r --arg way "$way" '.[] | select(.test == $way) |
		if .ok then .detail.answer.result.content[0].text else .text end' results.json)
	case $got in "$text"*) right=0 ;; *) right=1 ;; esac
	[ "$(jq -r --arg way "$way" '.[] | select(.test == $way).ok' results.json)" = "$passes" ] ||
		right=1
	ok "$right" "$way: $text"
	[ "$right" -eq 0 ] || echo "# got: $got"
done <rows

answer() { # WAY FILTER: of what the client says of the exchange
	jq -e --arg way "$1" ".[] | select(.test == \$way).detail.answer | $2" \
		results.json >/dev/null
}
seen() { # FILTER over the requests that the peer saw
	tail -n +2 requests | jq -es "$1" >/dev/null
}
answer plain '.protocol == "2025-11-25" and (.stateless | not)'
ok $? "the newest revision with a handshake is agreed on"
answer older '.protocol == "2025-03-26"' && answer strict '.protocol == "2024-11-05"'
ok $? "or an older one, that the server chooses or names"
answer new '.protocol == "2026-07-28" and .stateless and .server == "new 2"'
ok $? "or none is needed"
seen 'map(select(.way == "new" and .says == "initialize")) | length == 0'
ok $? "then there is no handshake"
answer cut '.resumed == 1' && answer twice '.resumed == 2'
ok $? "streams were taken up again"
seen 'map(select(.way == "cut" and .method == "GET")) | .[0].last == "c1"'
ok $? "behind the last event that had come whole"
seen 'map(select(.way == "forgets" and .says == "initialize")) | length == 2'
ok $? "a forgotten session is begun once more"
seen 'map(select(.way == "plain")) | .[-1].method == "DELETE" and .[-1].session == "plain-1"'
ok $? "a session is ended"
seen 'map(select(.says == "notifications/initialized" and .protocol != "2025-11-25"
	and .way != "older" and .way != "strict")) | length == 0'
ok $? "what was agreed on stands in a header"

# A deadline, and what comes of it at the server.
cat >late.json <<JSON
{ "cards": [ { "card": "m", "tests": [
  { "name": "cancel", "kind": "mcp", "endpoint": "http://127.0.0.1:$port/cancel",
    "timeout_ms": 5000, "payload": { "tool": "echo" } } ] } ] }
JSON
"$program" check late.json >late
grep -q '^FAIL m / cancel .* no answer after ' late
ok $? "what hangs is ended at its deadline"
seen 'map(select(.way == "cancel" and .says == "notifications/cancelled"
	and .reason == "timeout")) | length == 1'
ok $? "and cancelled at the server"

# --- stdio
cat >stdio.yaml <<YAML
show: stdio
mcp:
  plain: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, plain] }
  noise: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, noise] }
  new: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, new] }
  mute: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, mute] }
  dies-asked: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, dies-asked] }
  late-new: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, late-new] }
  late-dies: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, late-dies-asked] }
  late-plain: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, late-plain] }
  slow-new: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, slow-new], protocol: "2026-07-28" }
  asks: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, asks] }
  ends: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, ends] }
  leaves: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, leaves] }
  long: { argv: [node, $source/tests/real/mcp_peer.mjs, stdio, long] }
  none: { argv: [./no-such-server] }
stages: [ { id: s, agents: [a] } ]
agents: { a: { via: noop } }
checks: stdio.json
YAML
cat >rows <<'ROWS'
plain true hi
noise true hi
new true 2026-07-28
mute true hi
dies-asked true hi
late-new true 2026-07-28
late-dies true hi
late-plain true hi
slow-new true 2026-07-28
asks true refused -32601
ends false node: it ended with exit status 3 before it answered: the stage is dark
leaves false node: it ended with exit status 7 before it answered
long false node: it printed a line of more than
none false ./no-such-server: No such file or directory
ROWS
jq -Rn '{cards: [{card: "s", tests: [inputs | split(" ")[0] | {name: .,
	kind: "mcp", endpoint: ("mcp:" + .), timeout_ms: 60000,
	payload: {tool: "echo", arguments: {message: "hi"}}}]}]}' rows >stdio.json
"$program" check --json stdio.yaml >results.json
while read -r way passes text; do
	got=$(jq -r --arg way "$way" '.[] | select(.test == $way) |
		if .ok then .detail.answer.result.content[0].text else .text end' results.json)
	case $got in "$text"*) right=0 ;; *) right=1 ;; esac
	[ "$(jq -r --arg way "$way" '.[] | select(.test == $way).ok' results.json)" = "$passes" ] ||
		right=1
	ok "$right" "stdio, $way: $text"
	[ "$right" -eq 0 ] || echo "# got: $got"
done <rows
answer noise '.noise == 2'
ok $? "lines that are no messages are passed by, and counted"
plan
