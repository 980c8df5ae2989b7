#!/bin/sh
# A rehearsal is deterministic: the same file gives the same story, whatever the
# speed; its exit status says how the run ended.
. "$top_srcdir/tests/tap.sh"
command -v redis-server >/dev/null 2>&1 || skip_all "redis-server is missing"
command -v jq >/dev/null 2>&1 || skip_all "jq is missing"
program=$top_builddir/showcaller

rehearse() { # NAME SPEED SHOW
	SHOWCALLER_STATE=$scratch/$1
	export SHOWCALLER_STATE
	timeout 120 "$program" run --rehearse="$2" --headless --exit-when-done \
		--operator 127.0.0.1:0 --audience 127.0.0.1:0 "$3" \
		>"$scratch/$1.log" 2>&1
}

story() { # NAME
	jq -r '.story.version, .story.hash' "$scratch/$1.json"
}

stages() { # NAME
	jq -r '.run.stages[] | "\(.id) \(.state) \(.attempt) \(.spent)"' \
		"$scratch/$1.json"
}

show=$top_srcdir/dags/adventure.yaml
rehearse one 100 "$show"
ok $? "the adventure is rehearsed, exit 0"
"$program" status --json adventure >"$scratch/one.json"
ok $? "a stopped show answers from its files"
rehearse two 25 "$show"
ok $? "and again, at another speed"
"$program" status --json adventure >"$scratch/two.json"

[ "$(jq -r .run.state "$scratch/one.json")" = done ]
ok $? "the run is done"
[ "$(story one)" = "$(story two)" ] && [ -n "$(story one)" ]
ok $? "both tell the same story ($(story one | tr '\n' ' '))"
stages one >"$scratch/one.stages"
stages two >"$scratch/two.stages"
cmp -s "$scratch/one.stages" "$scratch/two.stages"
ok $? "stage by stage, attempt by attempt, token by token"
grep -q '^placement done 2 ' "$scratch/one.stages"
ok $? "placement failed once and was tried again"
grep -q '^wade_branch done ' "$scratch/one.stages" &&
	grep -q '^lantern_branch skipped ' "$scratch/one.stages"
ok $? "the house chose to wade"
jq -e '.budget | .allocated == .remaining + .leased + .spent and .leased == 0' \
	"$scratch/one.json" >/dev/null
ok $? "the ledger adds up"

# Its players are language models: no server, no key.
"$program" lint "$top_srcdir/dags/night-radio.yaml" >"$scratch/radio.lint" 2>&1
ok $? "a show of language models is right"
rehearse radio 100 "$top_srcdir/dags/night-radio.yaml"
ok $? "and is rehearsed without any"
"$program" status --json night-radio >"$scratch/radio.json"
[ "$(jq -r .run.state "$scratch/radio.json")" = done ]
ok $? "to its end"

cat >"$scratch/sad.yaml" <<'SHOW'
show: sad
agents: { nobody: { via: bus } }
stages:
  - id: last_word
    agents: [nobody]
    on_failure: fail_run
    rehearsal: { after_ms: 10, fail_first: 3 }
SHOW
rehearse sad 100 "$scratch/sad.yaml"
[ $? -eq 1 ]
ok $? "a run that fails ends with 1"
plan
