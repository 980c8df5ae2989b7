#!/bin/sh
# "A real client library works against it unchanged": the packages openai and
# @anthropic-ai/sdk as the npm registry has them, against a real core and a
# model's server that behaves badly on request.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
for tool in node npm; do
	command -v "$tool" >/dev/null || skip_all "$tool is missing"
done
case $top_srcdir in /*) source=$top_srcdir ;; *) source=$PWD/$top_srcdir ;; esac
case $program in /*) ;; *) program=$PWD/$program ;; esac
cd "$scratch" || exit 99
echo '{"private": true}' >package.json
# The newest ones want Node 20; Debian 12 has 18.
case ${NODE_MAJOR:-$(node -p 'process.versions.node.split(".")[0]')} in
[1-9] | 1[0-9]) packages="openai@4 @anthropic-ai/sdk@0.39" ;;
*) packages="openai@6 @anthropic-ai/sdk@1" ;;
esac
# shellcheck disable=SC2086
timeout 300 npm install --no-audit --no-fund --no-progress --silent \
	$packages >npm.log 2>&1 ||
	skip_all "the npm registry does not give openai and @anthropic-ai/sdk: $(tail -n 1 npm.log)"
cp "$source/tests/real/gateway_clients.mjs" clients.mjs

mkfifo started gate
start_peer
cat >agent <<'AGENT'
#!/bin/sh
here=${0%/*}
cat >"$here/request"
echo on >"$here/started"
cat "$here/gate"
AGENT
chmod +x agent
cat >clients.yaml <<SHOW
show: clients
title: Clients
budget: { tokens: 40000, approval_deadline_ms: 600000 }
agents:
  worker: { via: exec, argv: [./agent], timeout_ms: 600000 }
  plain: { via: llm, url: "$peer/v1", model: plain, key_env: PEER_KEY }
  more: { via: llm, url: "$peer/more=50/v1", model: more, key_env: PEER_KEY }
  busy: { via: llm, url: "$peer/status=429+retry=7/v1", model: busy, key_env: PEER_KEY }
  torn: { via: llm, url: "$peer/cut=3/v1", model: torn, key_env: PEER_KEY }
  claude: { via: llm, url: "$peer/v1", api: anthropic, model: claude, key_env: PEER_KEY }
  chatty: { via: llm, url: "$peer/more=50/v1", api: anthropic, model: chatty, key_env: PEER_KEY }
stages:
  - { id: one, agents: [worker], outputs: [a], budget: { token_cap: 30000, time_cap_ms: 600000 } }
SHOW
PEER_KEY=sk-peer-0123456789
export PEER_KEY
start_core clients.yaml
ok $? "a core with a gateway"
timeout 120 head -n 1 started >/dev/null

# Whoever is asked for more says no.
{
	wait_event clients '"type":"budget:request"'
	"$program" do clients deny "$("$program" inbox clients --json |
		jq -r '.[-1].id')" >/dev/null
} &
person=$!
timeout 100 node clients.mjs "$(jq -r .lease.key request)" \
	"$(jq -r .lease.base_url request)" >points 2>node.err
ok $? "the clients run to their end"
wait "$person"
while IFS= read -r line; do
	case $line in
	"ok "*) ok 0 "${line#ok }" ;;
	"not ok "*) ok 1 "${line#not ok }" ;;
	*) echo "# $line" ;;
	esac
done <points
head -n 20 node.err | sed 's/^/# /'
"$program" status clients --json |
	jq -e '.budget | .spent > 6000 and .spent <= .allocated' >/dev/null
ok $? "what they used is booked, and no more than there was"
kill "$peer_pid"
wait "$peer_pid" 2>/dev/null
end_core
ok $? "the core ends"
plan
