#!/bin/sh
# showcaller check runs a hundred tests at once, tells of them in the order of the
# file as they come, one at a time on the air, and ends cleanly when it is stopped.
. "$top_srcdir/tests/tap.sh"
for tool in node jq; do
	command -v "$tool" >/dev/null || skip_all "$tool is missing"
done
program=$top_builddir/showcaller
case $program in /*) ;; *) program=$PWD/$program ;; esac
cd "$scratch" || exit 99
others=
trap '[ -z "$others" ] || kill $others 2>/dev/null; rm -rf "$scratch"' EXIT

# A service that answers nobody before all hundred have asked, and the first last.
cat >together.mjs <<'JS'
import http from 'node:http'
const waiting = []
const server = http.createServer((request, answer) => {
	waiting.push([Number(request.url.slice(1)), answer])
	if (waiting.length < 100)
		return
	waiting.sort((a, b) => b[0] - a[0])
	for (const [, a] of waiting.splice(0))
		a.end('together')
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
JS
mkfifo port
node together.mjs >port &
others=$!
port=$(timeout 120 head -n 1 port)
jq -n --arg at "http://127.0.0.1:$port/" '{cards: [{card: "All", tests: [range(100) |
	{name: "t\(.)", endpoint: "\($at)\(.)", timeout_ms: 60000,
	expected: {body: "together"}}]}]}' >all.json
began=$(date +%s%N)
"$program" check --json all.json >all.out
ok $? "a hundred run at once"
took=$((($(date +%s%N) - began) / 1000000))
slowest=$(jq '[.[].latency_ms] | max' all.out)
echo "# $took ms, the slowest $slowest ms"
[ $((took - slowest)) -lt "$(at_most 5000)" ]
ok $? "and it ends with the slowest, not at a deadline"
"$program" check all.json >all.out
i=0
while [ "$i" -lt 100 ]; do
	echo "ok   All / t$i"
	i=$((i + 1))
done >wanted
echo '100 of 100 pass' >>wanted
sed 's/^\(ok   All . t[0-9]*\) .*/\1/' all.out | cmp -s - wanted
ok $? "told in the order of the file"

jq -n --arg lane "$scratch/lane" '{cards: [{card: "Air", tests: [range(8) |
	{name: "a\(.)", kind: "exec", touches_air: true, timeout_ms: 60000, payload: {argv:
	["sh", "-c", "mkdir \($lane) || exit; timeout 0.05 tail -f /dev/null; rmdir \($lane)"]}}]}]}' >air.json
"$program" check air.json >air.out
ok $? "what touches the air has it alone"
sed -n '/^FAIL/s/^/# /p' air.out

cat >stop.json <<JSON
{ "cards": [ { "card": "Stop", "tests": [
  { "name": "quick", "kind": "exec", "payload": { "argv": ["true"] } },
  { "name": "hangs", "timeout_ms": 60000, "steps": [
      { "name": "wait", "kind": "exec", "payload": { "argv": ["sh", "-c", "echo >$scratch/began && exec tail -f /dev/null"] } } ],
    "cleanup": [
      { "name": "clean", "kind": "exec", "payload": { "argv": ["touch", "$scratch/cleaned"] } } ] } ] } ] }
JSON
mkfifo told began
"$program" check stop.json >told &
pid=$!
others="$others $pid"
exec 3<told
timeout 60 head -n 1 <&3 | grep -q '^ok   Stop / quick'
ok $? "a result is told while another test hangs"
timeout 60 head -n 1 began >/dev/null
kill -TERM "$pid"
wait "$pid"
[ $? -eq 143 ]
ok $? "SIGTERM ends it (143)"
cat <&3 >rest
grep -q '^FAIL Stop / hangs .*cancelled' rest && grep -q '^1 of 2 pass; stopped$' rest
ok $? "what was stopped is told"
[ -e cleaned ]
ok $? "and cleaned up"
plan
