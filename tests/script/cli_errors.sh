#!/bin/sh
# Bad input and missing services: each has a message that says what to do, and
# the right exit status.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
cd "$scratch" || exit 99

cat >good.yaml <<'SHOW'
show: good
agents:
  quick: { via: noop }
stages:
  - { id: one, agents: [quick], outputs: [a] }
  - { id: two, agents: [quick], inputs: [a], go: manual }
SHOW
sed 's/show: good/show: other/' good.yaml >other.yaml
sed 's/show: good/show: unknown/; s/: \[quick\], inputs/: [quik], inputs/' good.yaml >unknown.yaml
printf 'show: broken\nstages: [\n' >broken.yaml

# words
fails 2 'usage' 'no command at all prints the usage' \
	sh -c "'$program' 2>&1 | sed 's/^/showcaller: /' >&2; '$program' 2>/dev/null"
fails 2 'rnu: no such command \(did you mean run\?\)' \
	'an unknown command names the nearest' "$program" rnu
fails 2 'did you mean --headless' 'an unknown option names the nearest' \
	"$program" run --headles good.yaml
fails 2 '[-]-redis needs URL' 'an option without its value' \
	"$program" run good.yaml --redis
fails 2 '[-]-json takes no value' 'a value for a flag' \
	"$program" status --json=yes
fails 2 'a number from 0.1 to 1000' 'a speed that is no speed' \
	"$program" run --rehearse=fast good.yaml
fails 2 'one show file' 'run without a file' "$program" run
fails 2 'needs a terminal; use --headless' 'run without a terminal' \
	"$program" run good.yaml
fails 2 'needs a terminal' 'attach without a terminal' "$program" attach good
fails 2 'password' 'a password in the URL' \
	"$program" run --headless --redis redis://me:secret@127.0.0.1:1 good.yaml
grep -q secret err
[ $? -ne 0 ]
ok $? "and it is not repeated"

# files
fails 65 'nosuch.yaml.*No such file' 'a file that is not there' \
	"$program" run --headless nosuch.yaml
"$program" lint nosuch.yaml 2>err
[ $? -eq 65 ] && grep -q '^nosuch.yaml: error: cannot be read: No such' err
ok $? "which lint names once (65)"
mkdir side && printf '#!/bin/sh\n' >side/there && chmod +x side/there
cat >side/programs.yaml <<'SHOW'
show: programs
agents:
  a: { via: exec, argv: [./there] }
  b: { via: exec, argv: [./gone] }
  c: { via: exec, argv: [no-such-program-here, x] }
  d: { via: exec, argv: [sh, -c, "true"] }
stages:
  - { id: one, agents: [a, b, c, d] }
checks:
  cards:
    - card: Sound
      tests:
        - { name: voice, kind: exec, payload: { argv: [no-such-voice] } }
SHOW
"$program" lint side/programs.yaml 2>err >out && [ "$(grep -c . err)" -eq 3 ] &&
	grep -q "^side/programs.yaml:4:26: warning: .*'./gone' is not there" err &&
	grep -q "^side/programs.yaml:5:26: warning: .*'no-such-program-here' is not in PATH" err &&
	grep -q "programs.yaml:13:.*'no-such-voice' is not in PATH" err
ok $? "lint warns of programs that are not there: $(grep -c . err)"
fails 65 'did you mean: showcaller run good.yaml' 'a file without its ending' \
	"$program" run --headless good
fails 65 'cannot be read|not a regular|folder|directory' 'a folder as a file' \
	"$program" run --headless "$scratch"
fails 65 '^broken.yaml:[0-9]+:[0-9]+: error: ' 'a broken show' \
	"$program" run --headless broken.yaml
fails 65 "unknown.yaml:[0-9]+:[0-9]+: error: .*quik.*quick" \
	'an unknown agent names the nearest' "$program" run --headless unknown.yaml
[ ! -e state/broken ] && [ ! -e state/unknown ]
ok $? "and nothing was started for any of these"

# services
mkdir empty
fails 69 'redis-server.*(install|apt)' 'no redis-server installed' \
	env PATH="$scratch/empty" "$program" run --headless good.yaml
fails 69 '127.0.0.1:1' 'a Redis that is away' \
	"$program" run --headless --redis redis://127.0.0.1:1 good.yaml
fails 78 'cannot be made: .*; set SHOWCALLER_STATE to' 'a state folder that cannot be written' \
	env SHOWCALLER_STATE=/proc/showcaller "$program" run --headless good.yaml

# a Redis of our own that wants a password
strict_redis() {
	redis-server --port 0 --unixsocket "$scratch/auth.sock" --requirepass \
		hunter22 --daemonize yes --pidfile "$scratch/auth.pid" --dir \
		"$scratch" --save '' --appendonly yes >/dev/null
}
strict_redis
timeout 120 sh -c "until redis-cli -s '$scratch/auth.sock' ping; do :; done" \
	>/dev/null 2>&1
fails 78 'password|NOAUTH' 'a Redis that wants a password' \
	"$program" run --headless --redis "unix://$scratch/auth.sock" good.yaml
fails 78 'password|WRONGPASS' 'a Redis that refuses the password' \
	env SHOWCALLER_REDIS_PASSWORD=wrong-one "$program" run --headless \
	--redis "unix://$scratch/auth.sock" good.yaml
grep -q wrong-one err
[ $? -ne 0 ]
ok $? "and the password is not repeated"
redis-cli -s "$scratch/auth.sock" -a hunter22 shutdown nosave >/dev/null 2>&1

# shows
fails 69 'no show runs here' 'status without any show' "$program" status
fails 69 'no such show has run here' 'an unknown show' "$program" status nosuch
fails 69 'no such show has run here' 'a command to an unknown show' \
	"$program" do nosuch pause
fails 2 'no show.s name' 'a name that is no name' "$program" events ..
fails 69 'no such show' 'stop of an unknown show' "$program" stop nosuch

start_core good.yaml
ok $? "a core runs"
mv good.yaml away.yaml
fails 65 'runs here, a console on it: showcaller attach good' \
	'run by the id of a show that runs' "$program" run --headless good
mv away.yaml good.yaml
fails 75 'it already runs here \(pid [0-9]+\).*attach good' 'a second core' \
	"$program" run --headless good.yaml
fails 69 'in use' 'a port in use' "$program" run --headless --operator \
	"$(cat state/good/operator.addr)" --audience 127.0.0.1:0 other.yaml
fails 78 '99999" is not host:port' 'a port that is none' "$program" \
	run --headless --operator 127.0.0.1:99999 other.yaml
fails 69 'name an address that this machine has' 'a foreign address' \
	"$program" run --headless --operator 192.0.2.1:7420 \
	--audience 127.0.0.1:0 other.yaml
fails 69 'knows no such show' 'a show that a Redis does not know' "$program" \
	status nosuch --redis "unix://$scratch/state/good/redis.sock"
fails 69 'knows no such show' 'and its events' "$program" \
	events nosuch --redis "unix://$scratch/state/good/redis.sock"
fails 69 'did you mean good' 'a show by nearly its name' "$program" status goood
fails 2 'no action aprove \(did you mean approve\?\)' \
	'an unknown action names the nearest' "$program" do good aprove
fails 2 'usage is: approve ITEM' 'an action without its argument' \
	"$program" do good approve
fails 2 'takes a time' 'a time that is none' "$program" do good note x --wait never
fails 2 'key of the console' 'a key that is no action' "$program" do good zoom
fails 1 'nosuch' 'an unknown stage' "$program" do good skip nosuch
fails 1 'i999' 'an inbox item that is gone' "$program" do good approve i999
fails 1 '.' 'an action that is impossible now' "$program" do good retry one
fails 2 "event's id is a number" 'an event id that is none' \
	"$program" events good --from yesterday
"$program" events good >/dev/full 2>err
[ $? -eq 69 ] && grep -q 'showcaller: standard output: ' err
ok $? "output that cannot be written (69)"
{ "$program" events good --json 2>err; echo $? >status; } | head -n 0
[ "$(cat status)" -eq 0 ] && [ ! -s err ]
ok $? "a reader that leaves early is no error"
cat >live.json <<CHECKS
{ "cards": [ { "card": "Desk", "tests": [
  { "name": "Line", "kind": "tcp", "endpoint": "$(cat state/good/operator.addr)",
    "timeout_ms": 60000, "expected": {} },
  { "name": "Health", "kind": "http", "timeout_ms": 60000,
    "endpoint": "http://$(cat state/good/operator.addr)/health",
    "expected": { "status": 200, "/ok": true } } ] } ] }
CHECKS
"$program" check live.json >out 2>err
[ $? -eq 0 ] && grep -q '^ok   Desk / Health' out && grep -q '2 of 2 pass' out
ok $? "checks that pass (0)"
"$program" check live.json desk/line >out
[ $? -eq 0 ] && grep -q '1 of 1 pass' out
ok $? "one test by CARD/TEST, in any case of letters"
"$program" lint --help <&- >&- 2>&-
[ $? -eq 0 ]
ok $? "closed standard descriptors do no harm"
end_core
ok $? "SIGTERM ends the core in good order"
fails 69 'it is stopped' 'a command to a stopped show' "$program" do good go
mv good.yaml away.yaml
fails 65 'has run here and is stopped: name its file' \
	'run by the id of a stopped show' "$program" run --headless good
mv away.yaml good.yaml

# checks
cat >checks.json <<'CHECKS'
{ "cards": [ { "card": "Desk", "tests": [
  { "name": "Line", "kind": "tcp", "endpoint": "127.0.0.1:1", "expected": {} }
] } ] }
CHECKS
"$program" check checks.json >out 2>err
[ $? -eq 1 ] && grep -q '^FAIL Desk / Line' out
ok $? "a check that fails (1)"
"$program" check --json checks.json >out 2>err
[ $? -eq 1 ] && [ "$(jq -r '.[0] | "\(.card) \(.test) \(.ok)"' out)" = \
	"Desk Line false" ]
ok $? "and as JSON"
fails 2 'no card or test Desc.*did you mean Desk' 'an unknown card' \
	"$program" check checks.json Desc
fails 65 'it has no checks' 'a show without checks' "$program" check good.yaml

"$program" lint --json good.yaml broken.yaml >out 2>err
[ $? -eq 65 ] && [ "$(jq -c '[.[].ok]' out)" = '[true,false]' ] &&
	jq -e '.[1].problems[0] | .line and .column and .text' out >/dev/null
ok $? "lint --json says what is wrong where (65)"
"$program" lint good.yaml >out 2>err
[ $? -eq 0 ] && grep -q 'good.yaml: 2 stages, 1 agents: ok' out
ok $? "lint of a good show"
for command in run attach status stop lint graph check events inbox 'do'; do
	"$program" "$command" --help | grep -q "^usage: showcaller $command " ||
		echo "$command"
	"$program" "$command" --version | grep -q '^showcaller [0-9]' ||
		echo "$command"
done >bad
none bad "--help and --version everywhere"
plan
