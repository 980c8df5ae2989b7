#!/bin/sh
# What was done is done again from the log: replay to any point, rollback and
# rerun to the end, an export that shows each byte that was changed.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
cd "$scratch" || exit 99

cat >actor <<'AGENT'
#!/bin/sh
cd "${0%/*}" || exit
n=$(cat count 2>/dev/null || echo 0)
n=$((n + 1))
echo "$n" >count
jq -r .correlationId >>keys
echo "{\"success\":true,\"result\":{\"oa\":$n,\"ob\":{\"n\":$n},\"oc\":$n,\"os\":$n},\"tokens_used\":40}"
AGENT
chmod +x actor
cat >night.yaml <<'SHOW'
show: night
budget: { tokens: 10000 }
agents: { x: { via: exec, argv: [./actor] } }
defaults: { budget: { token_cap: 100, time_cap_ms: 60000 } }
stages:
  - { id: a, agents: [x], outputs: [oa] }
  - { id: b, inputs: [oa], agents: [x], outputs: [ob] }
  - id: way
    inputs: [ob]
    poll: { question: Which?, options: [{ id: l }, { id: r }], open_ms: 600000, min_votes: 1 }
  - { id: c, inputs: [ob, way], agents: [x], outputs: [oc] }
SHOW
vote() { # VOTER OPTION
	[ "$(curl -s -o answer -w '%{http_code}' -m 60 -b "$1" -c "$1" \
		-H 'Content-Type: application/json' -d "{\"option\":\"$2\"}" \
		"http://$(cat state/night/audience.addr)/vote/way")" = 200 ]
}
votes_are_taken() { # the listener follows the log, a moment behind it
	timeout 120 sh -c "until curl -s -m 60 \
		'http://$(cat state/night/audience.addr)/vote/way' |
		grep -q '<button[^>]*name=\"option\"'; do :; done"
}
wait_nth() { # COUNT PATTERN: until that many events match
	fifo=$scratch/nth.$$
	mkfifo "$fifo"
	timeout 120 "$program" events night --follow --json >"$fifo" 2>nth.err &
	reader=$!
	[ "$(grep -m "$1" -E "$2" <"$fifo" | wc -l)" -eq "$1" ]
	found=$?
	kill "$reader" 2>/dev/null
	wait "$reader" 2>/dev/null
	rm -f "$fifo"
	return "$found"
}

start_core night.yaml
ok $? "the core says that the show runs"
wait_nth 1 '"poll:create"' && votes_are_taken && vote v l && vote w r && vote u l
ok $? "three votes are taken"
"$program" do night poll-close way >out
wait_nth 1 '"run:complete"'
ok $? "the run comes to its end"
"$program" status night --json >before

# The preview, and nobody to ask.
"$program" rollback night --to 1 --dry-run >out
grep -q '^rollback from version 4 to 1 of run r1$' out &&
	grep -q '^again    b, way, c: 80 tokens are thrown away, up to 200 may be spent again$' out &&
	grep -qE '^story    taken out: (ob|way), (ob|way), oc$' out &&
	grep -q '^budget   9,880 tokens are left' out
ok $? "rollback --dry-run says what it throws away"
[ "$("$program" status night --json | jq .run.state)" = '"done"' ]
ok $? "and changes nothing"
fails 2 'say --yes' 'rollback without --yes and without a terminal' \
	"$program" rollback night --to 1
fails 1 'the story is at version 4' 'a version that is not yet' \
	"$program" rollback night --to 4 --yes
fails 2 'is no version' 'a version that is none' \
	"$program" rollback night --to now --yes
fails 2 'needs --to' 'rollback to nowhere' "$program" rollback night --yes

# Back, with a poll that opens with no old votes.
"$program" rollback night --to v1 --yes >out
ok $? "rollback: $(tail -n 1 out)"
wait_nth 2 '"poll:create"'
ok $? "the stages after that version run again"
[ "$(redis-cli -s state/night/redis.sock EXISTS 'showcaller:{night}:votes:way')" = 0 ]
ok $? "the poll opens with no old votes"
votes_are_taken && vote v r
ok $? "whoever voted before votes again"
"$program" do night poll-close way >out
wait_nth 2 '"run:complete"'
ok $? "and the run ends again"
"$program" do night rerun c >out
ok $? "do rerun: $(cat out)"
grep -q '^running again: c: 80 tokens are thrown away, up to 100 may be spent again$' out
ok $? "it says what it costs"
wait_nth 3 '"run:complete"'
ok $? "and the run ends once more"
"$program" status night --json >after
jq -e '.run.stages | map({(.id): .attempt}) | add == {a: 1, b: 2, way: 2, c: 3}' \
	after >/dev/null
ok $? "each attempt has its number"
jq -e '.story.version == 9 and .budget.spent == 240' after >/dev/null
ok $? "every version is a new one, and what was spent is spent"
[ "$(sort keys | uniq -d | wc -l)" -eq 0 ] && [ "$(wc -l <keys)" -eq 6 ]
ok $? "no two calls had the same key"

# Replay: the end, an event, a version.
state() { # OPTION...: version, hash and states, from the log
	"$program" replay night --json "$@" |
		jq -c '[.story.version, .story.hash, .run.state]'
}
[ "$(state)" = "$(jq -c '[.story.version, .story.hash, .run.state]' after)" ]
ok $? "replay gives the state that is"
[ "$(state --to v4)" = "$(jq -c '[.story.version, .story.hash, "running"]' before)" ]
ok $? "replay --to VERSION gives the state that was"
"$program" events night --json >log
over=$(jq -s 'map(select(.type == "run:complete")) | .[0].id' log)
[ "$(state --to "$over")" = "$(jq -c '[.story.version, .story.hash, .run.state]' before)" ]
ok $? "replay --to EVENT too"
"$program" replay night --to v1 --json |
	jq -e '.story.document == {oa: 1}' >/dev/null
ok $? "with the story"
"$program" replay night --to v1 | grep -q '^folded .* and stopped there$'
ok $? "in words, too"
"$program" replay night --to v1 | grep -c '^redis' | grep -qx 0
ok $? "and no word of Redis, which it does not need"
fails 1 'the log ends at event' 'an event that is not there' \
	"$program" replay night --to 99999
fails 1 'no version 77' 'a version that is not there' \
	"$program" replay night --to v77
fails 2 'it takes an event' 'a place that is none' \
	"$program" replay night --to yesterday
"$program" replay night --verify >out
ok $? "replay --verify: $(grep verified out)"

# One file.
"$program" export night -o night.log >out
ok $? "export: $(cut -c1-60 out)"
cp night.log kept.log
fails 1 'is there already; --force' 'a file that is there' \
	"$program" export night r1 -o night.log
cmp -s night.log kept.log
ok $? "is left alone"
"$program" export night r1 -o night.log --force >out && ! cmp -s night.log kept.log
ok $? "and is written over with --force"
mv kept.log night.log
[ "$(stat -c %a night.log)" = 600 ] && jq -e . night.log >/dev/null
ok $? "is JSON lines, for its owner alone"
env SHOWCALLER_STATE=/nowhere PATH= "$program" verify night.log >out
ok $? "verify needs nothing else: $(cut -c1-40 out)"
"$program" export night r1 --output r1.log >out && "$program" verify r1.log >out
ok $? "one run alone"
fails 1 'no run r7' 'a run that is not there' \
	"$program" export night r7 -o r7.log
[ ! -e r7.log ]
ok $? "leaves no file"
[ "$("$program" replay night.log --json --to v4 | jq -c .story.hash)" = \
	"$(jq -c .story.hash before)" ]
ok $? "replay of the file"
"$program" replay night.log --verify | grep -q '^verified .*, every byte of the file$'
ok $? "replay --verify of the file"
"$program" replay night.log --verify --to 20 | grep -q '^verified [0-9]* hashes$'
ok $? "and of a part of it"
cp night.log night.json
"$program" replay night.json --json | jq -e '.story.version == 9' >/dev/null
ok $? "a log is known by its first bytes, whatever its name"
"$program" events night.log --json | cmp -s - log
ok $? "events of the file are those of the show"
flip() { # LINE: one byte in the middle of it
	awk -v line="$1" 'NR == line { at = int(length($0) / 3)
		c = substr($0, at, 1) == "x" ? "y" : "x"
		$0 = substr($0, 1, at - 1) c substr($0, at + 1) } { print }' \
		night.log >flipped.log
}
flip 1
fails 1 'flipped.log: line 1 \(the header\)' 'a byte of the header' \
	"$program" verify flipped.log
flip 2
fails 1 'line 2 \(a definition\)' 'a byte of the definition' \
	"$program" verify flipped.log
flip 12
fails 1 'line 12 \(event 10\)' 'a byte of an event' \
	"$program" verify flipped.log
flip "$(wc -l <night.log)"
fails 1 "\\(the end\\)" 'a byte of the last line' "$program" verify flipped.log
head -n 12 night.log >flipped.log
fails 1 'cut off behind line 12' 'a file that is cut off' \
	"$program" verify flipped.log
sed 7d night.log >flipped.log
fails 1 'line 7 \(event 5\)' 'a line that is gone' "$program" verify flipped.log

# Someone writes into Redis.
redis() {
	redis-cli -s state/night/redis.sock "$@" >redis.out
}
redis HSET 'showcaller:{night}:story' oa 77
fails 1 'the key story holds' 'a story that is not the log'"'"'s' \
	"$program" replay night --verify
redis HSET 'showcaller:{night}:story' oa 1
"$program" replay night --verify >out
ok $? "and is right again"
# Not while the core makes its first one.
timeout 120 sh -c "until redis-cli -s state/night/redis.sock \
	GET 'showcaller:{night}:snapshot:last' | grep -q .; do :; done"
# Nor the next one in its place: the core stands still meanwhile.
kill -STOP "$core"
redis SET 'showcaller:{night}:snapshot:r1' '{"seq":10}'
fails 1 'event 10: the snapshot that was taken there is not' \
	'a snapshot that is not the fold' "$program" replay night --verify
redis DEL 'showcaller:{night}:snapshot:r1'
kill -CONT "$core"
"$program" stop night >out
wait "$core"
ok $? "the core ends in good order"
core=
"$program" replay night --verify --json >stopped
ok $? "a stopped show is replayed"
[ "$(jq -c '[.mode, .story.version]' stopped)" = '["replay",9]' ]
ok $? "to its end"
"$program" replay night --verify >out
grep -q '^verified .*, the snapshot' out
ok $? "the snapshot of an orderly stop is what the log folds to"
"$program" events night --json >out && head -n "$(wc -l <log)" out | cmp -s - log
ok $? "events of a stopped show"
fails 69 'it is stopped; .*showcaller run SHOW.yaml' 'but nobody follows one' \
	"$program" events night --follow
[ ! -S state/night/redis.sock ]
ok $? "and its Redis is stopped again"

# A log with one byte changed: the first hash that differs is named.
redis-server --port 0 --unixsocket "$scratch/r.sock" --dir "$scratch" \
	--appendonly no --save '' --daemonize yes --pidfile "$scratch/r.pid" \
	>/dev/null
timeout 120 sh -c "until redis-cli -s '$scratch/r.sock' ping 2>/dev/null |
	grep -q PONG; do :; done"
changed=$(jq -s 'map(select(.type == "stage:complete" and .stage == "b")) |
	.[0].id' log)
jq -r --argjson changed "$changed" '
	def word: @json;
	(if .id == $changed then .data.patch.ob.n = 5 else . end) |
	"XADD showcaller:{night}:events \(.id)-0 type \(.type | word) run \(.run | word) stage \(.stage | word) agent \(.agent | word) at \(.at) data \(.data | tojson | word)"' \
	log >commands
jq -r 'select(has("definition")) | "SET showcaller:{night}:show:\(.hash) \(.definition | tojson | @json)", "SET showcaller:{night}:show \(.hash)"' \
	night.log >>commands
redis-cli -s r.sock <commands >redis.out
fails 1 "event $changed \\(stage:complete b\\): the story.s hash after it is [0-9a-f]{64}, and the event says [0-9a-f]{64}" \
	'a patch that was changed in Redis' \
	"$program" replay night --redis "unix://$scratch/r.sock" --verify

# A log that was trimmed tells what it still can, and says what it cannot.
redis-cli -s r.sock XTRIM 'showcaller:{night}:events' MINID "$((changed + 1))-0" >redis.out
"$program" replay night --redis "unix://$scratch/r.sock" >out
ok $? "a trimmed log is folded"
grep -q 'was trimmed: how the show stood cannot be told' out
ok $? "and what cannot be told is said"
fails 1 'older than what the log still holds' 'a version that was trimmed' \
	"$program" rollback night --to 1 --dry-run \
	--redis "unix://$scratch/r.sock"
"$program" replay night --redis "unix://$scratch/r.sock" --verify >out
ok $? "what is left follows from itself: $(grep verified out)"
redis-cli -s r.sock XDEL 'showcaller:{night}:events' "$((changed + 9))-0" >redis.out
fails 1 "event $((changed + 8)) is followed by $((changed + 10))-0" 'an event that is gone' \
	"$program" replay night --redis "unix://$scratch/r.sock" --verify
kill "$(cat r.pid)"
plan
