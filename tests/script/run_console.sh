#!/bin/sh
# `run` behind its console, in a terminal of its own (script(1)): the core is
# another process and outlives it; what stops the core from starting is said in
# the terminal.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
command -v script >/dev/null || skip_all "script (package bsdutils) is missing"
cd "$scratch" || exit 99
TERM=xterm-256color
export TERM

cat >night.yaml <<'SHOW'
show: night
agents:
  quick: { via: noop }
stages:
  - { id: one, agents: [quick] }
  - { id: two, agents: [quick], inputs: [one] }
SHOW
sed 's/show: night/show: other/; s/inputs: \[one\]/&, go: manual/' night.yaml \
	>other.yaml
sed 's/via: noop/via: bus/; s/show: night/show: fails/; s/stages:/&\n  - { id: zero, agents: [quick], on_failure: fail_run, rehearsal: { fail_first: 9, after_ms: 1 } }/' \
	night.yaml >fails.yaml
in_terminal() { # COMMAND: its exit status; what it showed is in `shown`
	timeout 120 script -qec "stty rows 40 cols 120; $1" shown </dev/null \
		>/dev/null 2>&1
}
free="--operator 127.0.0.1:0 --audience 127.0.0.1:0"

in_terminal "$program run night.yaml --exit-when-done $free"
ok $? "--exit-when-done behind a console: done is 0"
grep -q 'night: the run is done' shown
ok $? "and the terminal says so"
in_terminal "$program run fails.yaml --rehearse --exit-when-done $free"
[ $? -eq 1 ]
ok $? "a run that fails is 1"

start_core other.yaml
in_terminal "$program run night.yaml --audience 127.0.0.1:0 \
	--operator $(cat state/other/operator.addr)"
[ $? -eq 69 ] && grep -q 'showcaller: .*in use' shown
ok $? "a port in use is said in the terminal (69)"
in_terminal "$program run other.yaml --new $free"
[ $? -eq 75 ] && grep -q 'it runs already; stop it first' shown
ok $? "--new for a show that runs is refused (75)"
in_terminal "TERM=dumb $program attach other"
status=$?
[ "$status" -ne 0 ] && grep -q 'attach other' shown
ok $? "a terminal that cannot show it is refused; the show goes on ($status)"
"$program" status other --json | jq -e '.mode == "live"' >/dev/null
ok $? "it does"
end_core
core=
in_terminal "TERM=dumb $program run night.yaml --new $free"
[ $? -eq 69 ] && grep -q 'nothing was started: TERM=dumb' shown
ok $? "without a core, run with such a terminal says so before it starts (69)"
"$program" status night --json | jq -e '.mode == "stopped"' >/dev/null
ok $? "and starts nothing"

in_terminal "env PATH=$scratch/none $program run night.yaml $free"
[ $? -eq 69 ] && grep -q 'redis-server' shown
ok $? "no redis-server is said in the terminal (69)"
plan
