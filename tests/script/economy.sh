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
plan
