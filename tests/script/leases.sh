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
plan
