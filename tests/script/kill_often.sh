#!/bin/sh
# A core that is killed again and again, each time at another event, and once
# together with its Redis: no stage is lost, none completes twice.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
cd "$scratch" || exit 99

awk 'BEGIN {
	print "show: chain\nagents:\n  quick: { via: noop }\nstages:"
	print "  - { id: s0, agents: [quick], outputs: [o0] }"
	for (i = 1; i < 1200; i++)
		printf "  - { id: s%d, agents: [quick], inputs: [o%d], " \
			"outputs: [o%d] }\n", i, i - 1, i
}' >chain.yaml

for at in 301 702 1303 1904 2505; do
	start_core chain.yaml || break
	wait_event chain "\"id\":$at," || break
	kill_core
	if [ "$at" = 1303 ]; then
		kill -KILL "$(redis-cli -s state/chain/redis.sock info server |
			tr -d '\r' | sed -n 's/^process_id://p')"
	fi
done
[ "$at" = 2505 ]
ok $? "the core is killed five times, once with its Redis"
start_core chain.yaml
ok $? "it starts again"
wait_event chain '"type":"run:complete"'
ok $? "and finishes the run"
"$program" events chain --json >log
[ "$(jq -s 'map(.id) == [range(1; length + 1)]' log)" = true ]
ok $? "the log has no gap"
[ "$(grep -c '"type":"run:start"' log)" -eq 1 ]
ok $? "it was one run all the time"
leaders=$(grep -c '"type":"leader:take"' log)
[ "$leaders" -ge 3 ] && [ "$leaders" -le 6 ]
ok $? "under $leaders leaders"
grep '"type":"stage:complete"' log | jq -r .stage | sort >completed
[ "$(wc -l <completed)" -eq 1200 ] && [ -z "$(uniq -d completed)" ]
ok $? "each of 1,200 stages completed once"
"$program" status chain --json | jq -e '.run.state == "done" and
	(.budget | .allocated == .remaining + .leased + .spent)' >/dev/null
ok $? "the run is done and the ledger adds up"
kill_core
[ "$(redis-cli -s state/chain/redis.sock ping)" = PONG ]
ok $? "a Redis outlives its core"
"$program" stop chain >stopped && grep -q 'its Redis is stopped' stopped
ok $? "stop ends it when the core is gone"
fails 69 'chain: it is stopped' "and there is nothing more to stop" \
	"$program" stop chain
core=
plan
