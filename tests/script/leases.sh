#!/bin/sh
# Two hundred clients ask a live core for leases over the bus at once.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
cd "$scratch" || exit 99

cat >night.yaml <<'SHOW'
show: night
budget: { tokens: 120000, reserve: 5000, approval_deadline_ms: 300 }
agents:
  meter: { via: bus, timeout_ms: 600000 }
stages:
  - { id: long, agents: [meter], on_failure: continue }
  - { id: last, agents: [meter], inputs: [long], finale: true,
      budget: { token_cap: 4000 } }
SHOW

start_core night.yaml
wait_event night '"stage:start".*"long"'
ok $? "a call is out"
"$program" do night lease long meter 500 --json >one.json 2>&1 ||
	"$program" do night lease long meter 500 >one.json 2>&1
grep -q 'r1/long/1/meter/1' one.json
ok $? "it is leased to from outside"

"$top_builddir/tests/real/lease_storm" night long meter 200 6 >storm.json \
	2>storm.err
ok $? "two hundred clients lease, extend, settle and repeat: it holds at every event"
cat storm.err storm.json | sed 's/^/# /'
jq -e '.granted > 100 and .refused > 0 and .settled > 50 and .lost == 0 and
	.odd == 0' storm.json >/dev/null
ok $? "some were granted, some denied, each was answered"
jq -e '.leased + .spent <= .allocated and .allocated == 120000' storm.json \
	>/dev/null
ok $? "nothing is overspent"

"$program" do night skip long >/dev/null
wait_event night '"stage:start".*"last"'
ok $? "what the call never settled is written off, and the finale has its part"
"$program" status night --json | jq -e '.budget |
	.allocated + .over == .remaining + .leased + .spent and .over == 0' \
	>/dev/null
ok $? "the figures add up"
end_core

# An agent that asks for more than there is has the time that it had when it
# asked, however long the answer takes. It asks over HTTP: `do` waits for 5 s.
cat >asker <<'AGENT'
#!/bin/sh
cd 'STATE_HERE/late' || exit 1
until [ -s operator.addr ]; do :; done
curl -sf -m 600 -H "Authorization: Bearer $(cat operator.token)" \
	-H 'Content-Type: application/json' \
	-d '{"stage":"long","agent":"asker","tokens":9000}' \
	"http://$(cat operator.addr)/api/v1/leases" >&2 || {
	echo '{"success":false,"error":{"code":"no","message":"denied"}}'
	exit 0
}
echo '{"success":true,"result":{"a":"done"},"tokens_used":10}'
AGENT
chmod +x asker
# In which it has to have asked; so long it is waited for, too.
time_ms=$(at_most 2500)
[ "$time_ms" -ge 8000 ] || time_ms=8000
cat >late.yaml <<SHOW
show: late
budget: { tokens: 1000, approval_deadline_ms: 600000 }
agents:
  asker: { via: exec, argv: [./asker], timeout_ms: $time_ms }
stages:
  - { id: long, agents: [asker], outputs: [a], budget: { time_cap_ms: $time_ms } }
SHOW
sed -i "s|STATE_HERE|$SHOWCALLER_STATE|" asker
start_core late.yaml
wait_event late '"budget:request".*"long"'
ok $? "a running agent's request for a lease is held"
asked=$(date +%s%3N)
until [ "$(date +%s%3N)" -gt $((asked + time_ms + 500)) ]; do
	"$program" status late >/dev/null || break
done
item=$("$program" inbox late --json | jq -r '.[-1].id')
"$program" do late approve "$item" >out 2>&1
ok $? "it is approved after the time that the call had"
wait_event late '"stage:(complete|error)".*"long"|"long".*"stage:(complete|error)"'
grep -q '"stage:complete"' event
ok $? "the agent goes on and completes"
"$program" events late --json | jq -es 'map(select(.stage == "long") | .type) |
	(map(select(. == "stage:start")) | length == 1) and
	(index("stage:error") | not)' >/dev/null
ok $? "it was called once"
end_core

# Over HTTP a request waits as long as its client does.
cat >gone.yaml <<'SHOW'
show: gone
budget: { tokens: 10000, approval_deadline_ms: 600000 }
agents:
  meter: { via: bus, timeout_ms: 600000, fallback_agent: other }
  other: { via: bus, timeout_ms: 600000 }
stages:
  - { id: long, agents: [meter], outputs: [a], budget: { token_cap: 1000 } }
  - { id: more, agents: [meter], go: manual, budget: { token_cap: 4000 } }
SHOW
start_core gone.yaml
wait_event gone '"stage:start".*"long"'
ok $? "a call is out that has all of its stage's cap"
url=http://$(cat "$SHOWCALLER_STATE/gone/operator.addr")
token=$(cat "$SHOWCALLER_STATE/gone/operator.token")
lease() { # TOKENS: in the background; $client is its process
	curl -s -m 600 -o "lease.$1" -w '%{http_code}' \
		-H "Authorization: Bearer $token" \
		-H 'Content-Type: application/json' "$url/api/v1/leases" \
		-d '{"stage":"long","agent":"meter","tokens":'"$1"'}' \
		>"status.$1" &
	client=$!
	wait_event gone '"budget:request".*"asked":'"$1"'[,}]'
}
inbox() { # JQ
	"$program" inbox gone --json | jq -e "$1" >/dev/null
}
lease 700
ok $? "more than there is waits for a person"
first=$client
lease 300
second=$client
lease 200
third=$client
inbox '.[0].behind == {"requests": 2, "tokens": 500} and
	(.[0].text | contains("2 more behind it: 500"))'
ok $? "what waits behind it is shown"
kill "$first"
wait "$first" 2>/dev/null
wait_event gone '"budget:deny".*"choice":"withdraw".*the client left'
ok $? "a client that leaves takes its question along"
wait_event gone '"budget:request".*"asked":300.*"again"'
inbox 'length == 1 and .[0].tokens == 300 and .[0].behind.tokens == 200'
ok $? "the next one is asked about"
item=$("$program" inbox gone --json | jq -r '.[0].id')
fails 1 "is out already.*borrow" "a call that is out keeps its agent" \
	"$program" do gone answer "$item" cheaper
"$program" do gone answer "$item" borrow more 400 >said
wait "$second"
[ "$(cat status.300)" = 200 ] && jq -e '.tokens == 300' lease.300 >/dev/null
ok $? "it is leased what another stage lends"
grep -q 'borrows 400 tokens from more' said
ok $? "and the answer says so"
wait_event gone '"budget:request".*"asked":200.*"again"'
item=$("$program" inbox gone --json | jq -r '.[0].id')
"$program" do gone answer "$item" raise 5000 60s >said
wait "$third"
[ "$(cat status.200)" = 200 ] && inbox 'length == 0'
ok $? "the last one is raised for"
"$program" status gone --json | jq -e '.budget |
	.allocated + .over == .remaining + .leased + .spent and .over == 0' \
	>/dev/null
ok $? "the figures add up there, too"
end_core
plan
