#!/bin/sh
# A show whose agents are language models, of a server that behaves well, and
# badly: what its ledger says then, and that the key is nowhere to be found.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
command -v ps >/dev/null || skip_all "ps is missing"
cd "$scratch" || exit 99

canary=sk-live-canary-0123456789abcdef
start_peer
cat >narrator.md <<'PROMPT'
{{stage.description}}, for {{show.title}}.
<<say>>The gate opens.<</say>>
PROMPT
awk 'BEGIN { for (i = 0; i < 150; i++) print "a line of it" }' >wordy.md
cat >second.md <<'PROMPT'
Before: {{story.beat}} {{outputs.beat}} {{inputs.beat}} <<members>> p q
PROMPT
cat >talk.yaml <<SHOW
show: talk
title: A Talk
budget: { tokens: 20000 }
agents:
  narrator:
    via: llm
    role: Tells it
    url: $peer/v1
    model: test
    key_env: NARRATOR_KEY
    prompt: narrator.md
    price: { input_per_mtok: "3", output_per_mtok: "15" }
  stormy: { via: llm, url: "$peer/status=429+times=1+retry=1/v1", model: test }
  silent: { via: llm, url: "$peer/nousage/v1", model: test }
  second:
    via: llm
    api: anthropic
    url: $peer/v1
    model: test
    key_env: NARRATOR_KEY
    prompt: second.md
  cut: { via: llm, url: "$peer/cut=3/v1", model: test }
  wrong: { via: llm, url: "$peer/key=other/v1", model: test, key_env: NARRATOR_KEY }
  wordy: { via: llm, url: "$peer/v1", model: test, prompt: wordy.md }
  hand: { via: exec, argv: [./hand], timeout_ms: 600000 }
defaults:
  budget: { token_cap: 600, time_cap_ms: 600000 }
  on_failure: continue
stages:
  - { id: one, agents: [narrator], outputs: [beat], description: Open it }
  - id: two
    inputs: [one]
    agents: [stormy]
    outputs: [verse]
    retry: { max_attempts: 2, backoff_ms: 10 }
  - { id: three, inputs: [one], agents: [silent], outputs: [chorus] }
  - { id: four, inputs: [beat], agents: [second], outputs: [p, q] }
  - { id: five, inputs: [one], agents: [cut], outputs: [nothing] }
  - { id: six, inputs: [one], agents: [wrong], outputs: [less] }
  - { id: long, inputs: [one], agents: [wordy], outputs: [speech], budget: { token_cap: 200 } }
  - id: seven
    inputs: [two, three, four, five, six, long]
    agents: [hand]
    outputs: [end]
SHOW
# What the programs of the show can see: it waits until the test has looked.
mkfifo started gate
cat >hand <<'AGENT'
#!/bin/sh
here=${0%/*}
tr '\0' '\n' </proc/$$/environ >"$here/seen"
echo on >"$here/started"
cat "$here/gate" >/dev/null
echo '{"success":true,"result":{"end":"here"},"tokens_used":0}'
AGENT
chmod +x hand

"$program" lint talk.yaml >lint 2>&1
[ ! -s lint ] || ! grep -q 'not acted on yet' lint
ok $? "lint has nothing to say about llm agents"
sed -i 's/{{stage.description}}/{{stage.descripton}}/' narrator.md
"$program" lint talk.yaml >lint 2>&1
[ $? -eq 65 ] && grep -q "narrator.md:1:3: error: .*did you mean" lint
ok $? "a wrong name in a prompt has its place in the prompt's file"
sed -i 's/{{stage.descripton}}/{{stage.description}}/' narrator.md

NARRATOR_KEY=$canary
export NARRATOR_KEY
start_core talk.yaml
ok $? "the core runs"
unset NARRATOR_KEY

# A prompt that alone is more than the stage may spend: nobody is called before
# a person has looked at it.
wait_event talk '"budget:request".*"long"'
ok $? "a prompt beyond its lease asks for a larger one"
item=$("$program" inbox talk --json |
	jq -r '.[] | select(.stage == "long") | .id')
"$program" do talk approve "$item" >/dev/null
ok $? "which is approved"
wait_event talk '"stage:complete".*"long"'
ok $? "and the call goes on"

timeout 120 head -n 1 started >/dev/null
ok $? "all that went before is settled"

status() { # FILTER WANTED TEXT
	"$program" status talk --json >status.json
	got=$(jq -c "$1" status.json)
	[ "$got" = "$2" ]
	ok $? "$3"
	[ "$got" = "$2" ] || echo "# $got instead of $2"
}
"$program" events talk --json >events.json
of() { # TYPE STAGE FILTER: of the last such event
	jq -r -s "[.[] | select(.type == \"$1\" and .stage == \"$2\")] |
		last | $3" events.json
}
[ "$(of stage:complete one .data.patch.beat)" = "The gate opens." ]
ok $? "an answer becomes the output"
curl -s "$peer/stats" >stats
spent=$(of token:spend one '.data.tokens // .data.spent')
[ "${spent:-0}" -gt 15 ] && [ "$spent" -lt 100 ]
ok $? "what the server reports is spent ($spent)"
cost=$(of token:spend one .data.cost_micros)
[ "${cost:-0}" -gt 100 ] && [ "$cost" -lt 1500 ]
ok $? "and has its price ($cost millionths)"
[ "$(of stage:complete two .data.attempt)" = 2 ] &&
	[ "$(of stage:error two .data.code)" = http_429 ]
ok $? "a storm of 429 is followed by success"
jq -s -e '[.[] | select(.stage == "two")] | (map(select(.type ==
	"stage:error" and .data.retry_at)) | last) as $e |
	($e.data.retry_at - $e.at) >= 1000 and
	(map(select(.type == "token:spend")) | first | .data.tokens) == 0' \
	events.json >/dev/null
ok $? "not before the second that the server asked for, and for nothing"
status '[.run.stages[] | select(.id == "three") | .state, .spent]' '["done",600]' \
	"without a usage the whole lease is spent"
of token:spend three .data | grep -q '"assumed": *true'
ok $? "and marked so"
[ "$(of stage:complete four '.data.patch | .p + .q')" = mademade ]
ok $? "several outputs come as one JSON object, from the other API"
status '[.run.stages[] | select(.id == "five") | .state, .spent]' \
	'["failed",600]' "a cut answer counts in full"
[ "$(of stage:error six .data.code)" = http_401 ] &&
	of stage:error six .data.message | grep -q '\*\*\*'
ok $? "a wrong key is refused, and what the server repeats is blanked"
status '[.budget | .allocated == .remaining + .leased + .spent]' '[true]' \
	"the ledger holds"

# The key: the core has it, so that a search would find it where root can look;
# nobody else does.
if [ -r "/proc/$core/environ" ]; then
	tr '\0' '\n' <"/proc/$core/environ" | grep -q "$canary"
	ok $? "the core has been given the key"
else
	ok 0 "not even its user can look into the core"
fi
curl -s "$peer/stats" | jq -r .last_key >last_key
ps -ef ww >ps.txt 2>/dev/null || ps -ef >ps.txt
: >children
for pid in $(ps -o pid= --ppid "$core"); do
	tr '\0' '\n' <"/proc/$pid/environ" >>children
	tr '\0' '\n' <"/proc/$pid/cmdline" >>children
done
grep -q redis-server children
ok $? "its Redis is looked at"
"$program" export talk -o talk.log >/dev/null
"$program" inbox talk --json >inbox.json
redis-cli -s state/talk/redis.sock --no-raw client list >clients
grep -rl --exclude=last_key "$canary" "$scratch" >found 2>/dev/null
none found "the key is in no log, file, dump, program or list of processes"
echo on >gate
wait_event talk '"run:complete"'
ok $? "the run ends"
end_core
ok $? "and the core leaves"
mkdir away && mv ./*.md talk.yaml away &&
	"$program" replay talk.log --verify >replayed 2>&1
ok $? "what was exported is folded again without the files of the prompts"
plan
