#!/bin/sh
# The token economy of a night without anybody at the console: what was given
# once, what is asked again, what money lacks, through the real program.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
cd "$scratch" || exit 99

# Uses 100 tokens; the sixth time it needs 700 to say anything.
cat >writer.sh <<'AGENT'
#!/bin/sh
has=$(jq .lease.tokens)
n=$(($(cat calls 2>/dev/null || echo 0) + 1))
echo $n >calls
if [ $n -ge 6 ] && [ "$has" -lt 700 ]; then
	echo "{\"success\":false,\"tokens_used\":0,\"error\":{\"code\":\"budget\",\"message\":\"too little\",\"details\":{\"tokens_needed\":$((700 - has))}}}"
else
	echo '{"success":true,"tokens_used":100,"result":{}}'
fi
AGENT
chmod +x writer.sh
cat >share.yaml <<'SHOW'
show: share
budget: { tokens: 60000, reserve: 1000 }
agents: { writer: { via: exec, argv: [./writer.sh] } }
defaults: { budget: { token_cap: 1000 } }
stages:
  - { id: s1, agents: [writer] }
  - { id: s2, inputs: [s1], agents: [writer] }
  - { id: s3, inputs: [s2], agents: [writer] }
  - { id: s4, inputs: [s3], agents: [writer] }
  - { id: s5, inputs: [s4], agents: [writer] }
  - { id: s6, inputs: [s5], agents: [writer] }
SHOW
events() { "$program" events "$1" --json >log && jq -c "$2" log; }

start_core share.yaml
ok $? "a show whose agent needs little, and then more of its share"
wait_event share run:complete
[ "$(events share 'select(.type == "token:lease" and .stage == "s6") | .data.tokens' | tr '\n' ' ')" = '125 700 ' ]
ok $? "it is leased what it usually uses, then what it asked for"
[ "$(events share 'select(.type == "budget:request")' | wc -l)" -eq 0 ]
ok $? "and nobody was asked"
[ "$(events share 'select(.type == "stage:error" and .stage == "s6" and .agent == "") | .data.least.writer')" = 700 ]
ok $? "the log says why it was called again"
"$program" replay share --verify >/dev/null
ok $? "and verifies"
end_core

# Money lacks and no tokens: what is given is money.
cat >money.yaml <<'SHOW'
show: money
budget: { tokens: 60000, cost: "1", currency: GBP, approval_deadline_ms: 600000 }
agents:
  dear: { via: exec, argv: [./spender.sh], price: { input_per_mtok: "100", output_per_mtok: "100" } }
stages:
  - { id: big, agents: [dear], budget: { token_cap: 12000 } }
  - { id: small, inputs: [big], agents: [dear], budget: { token_cap: 2000, cost_cap: "0.1" } }
  - { id: rich, inputs: [small], go: manual, agents: [dear], budget: { token_cap: 10, cost_cap: "0.5" } }
SHOW
cat >spender.sh <<'AGENT'
#!/bin/sh
cat >/dev/null
echo '{"success":true,"tokens_used":100,"result":{}}'
AGENT
chmod +x spender.sh
start_core money.yaml
ok $? "a show with money"
token=$(cat state/money/operator.token)
port=$(cat state/money/operator.addr)
post() {
	curl -s -m 60 -o answer.json -w '%{http_code}' -X POST \
		-H "Authorization: Bearer $token" \
		-H 'Content-Type: application/json' -d "$2" "http://$port$1"
}
item() { "$program" inbox money --json | jq -r ".[-1].$1"; }
wait_event money 'budget:request.*"big"'
fails 1 'not enough: big lacks 0.2000 GBP' "a raise of money that is too small" \
	"$program" do money answer "$(item id)" raise 0.1
[ "$(post "/api/v1/inbox/$(item id)" '{"answer":"raise","amount":"0.25","expires":"1s"}')" = 200 ]
ok $? "HTTP: money is raised for a while"
wait_event money 'budget:request.*"small"'
[ "$("$program" do money answer "$(item id)" borrow)" = 'small borrows 0.1000 GBP from rich' ]
ok $? "a stage borrows money"
wait_event money '"expired"'
[ "$("$program" status money --json | jq .budget.cost.allocated)" = 1000000 ]
ok $? "and what was raised for a while is taken back"
end_core

# A killed call is written off whole; what its provider tells corrects that, and
# the stage goes on without a question.
cat >killed.yaml <<'SHOW'
show: killed
budget: { tokens: 60000, approval_deadline_ms: 600000, settle_grace_ms: 600000 }
agents: { gone: { via: bus, timeout_ms: 600000 } }
stages:
  - { id: one, agents: [gone], budget: { token_cap: 600 } }
SHOW
start_core killed.yaml
ok $? "a show whose agent is killed"
token=$(cat state/killed/operator.token)
port=$(cat state/killed/operator.addr)
wait_event killed '"stage:start"'
lease=$(events killed 'select(.type == "token:lease") | .data.lease' | tr -d '"')
"$program" do killed kill gone >said && "$program" do killed revive >said
ok $? "it is killed and revived"
wait_event killed budget:request
[ "$("$program" status killed --json | jq .budget.spent)" = 600 ]
ok $? "its lease counts as spent, and its stage asks"
[ "$(post /api/v1/proposals "{\"stage_id\":\"one\",\"agent_id\":\"gone\",\"attempt\":1,\"lease\":\"$lease\",\"payload\":{},\"tokens_used\":10}")" = 202 ]
ok $? "then it is told what was used"
wait_event killed '"stage:start".*"attempt":2'
ok $? "the stage goes on with what is left"
[ "$("$program" status killed --json | jq -c '[.budget.spent, .budget.leased, (.inbox | length)]')" = '[10,590,0]' ]
ok $? "and nobody was needed"
end_core

# What a rerun will ask for is said before.
cat >again.yaml <<'SHOW'
show: again
budget: { tokens: 550, approval_deadline_ms: 600000 }
agents: { dear: { via: exec, argv: [./spender.sh] } }
stages:
  - { id: one, agents: [dear], budget: { token_cap: 500 } }
SHOW
start_core again.yaml
wait_event again run:complete
"$program" rollback again --to 0 --dry-run >out
grep -q 'up to 500 may be spent again; one will ask for more$' out
ok $? "the preview says who will ask for more"
"$program" do again rerun one >out
grep -q 'one will ask for more$' out
ok $? "so does the rerun"
wait_event again budget:request
ok $? "and it does"
end_core
plan
