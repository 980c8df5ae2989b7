#!/bin/sh
# Votes and who may cast them: over the bus, as often as allowed, and a burst
# that is found, said in words, taken out of the count by one action and put back.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

cat >night.yaml <<'SHOW'
show: night
polls: { votes_per_address: 60, votes_per_voter: 3, burst_votes: 30 }
http: { trusted_proxies: [127.0.0.1] }
stages:
  - id: way
    poll:
      question: Which way?
      options: [{ id: cave }, { id: ridge }]
      open_ms: 600000
SHOW
begin_core night.yaml
bus() { redis-cli -s state/night/redis.sock "$@"; }
audience() { echo "http://$(cat state/night/audience.addr)"; }
poll() { "$program" status night --json | jq -r ".poll | $1"; }
poll_says() { [ "$(poll "$1")" = "$2" ]; }
send() { # VOTER OPTION [FIELD VALUE]...: a vote over the bus
	voter=$1 option=$2
	shift 2
	bus XADD 'showcaller:{night}:votes' '*' poll way voter "$voter" \
		option "$option" source matrix "$@" >/dev/null
}
say() { # ADDRESS OPTION: the status; each time somebody new
	curl -s -o answer -w '%{http_code}' -m 60 -H "X-Forwarded-For: $1" \
		-H 'Content-Type: application/json' -d "{\"option\":\"$2\"}" \
		"$(audience)/vote/way"
}

# The bus.
send ann cave && send bob ridge && send ann cave && send ann ridge
send eve cave id q1
timeout 60 redis-cli -s state/night/redis.sock BLPOP \
	'showcaller:{night}:reply:q1' 60 | grep -q 'your vote is counted'
ok $? "a vote over the bus is answered"
send eve cave id q2
timeout 60 redis-cli -s state/night/redis.sock BLPOP \
	'showcaller:{night}:reply:q2' 60 | grep -q 'voted already'
ok $? "the same voter again is told so"
until_true poll_says '.options | map(.votes) | join(" ")' "2 1"
ok $? "each counts once"
poll_says '.from | tostring' '{"bus":3}'
ok $? "and it is told where they came from"
send zoe cave id q3 && send zoe cave && send zoe cave && send zoe cave id q4
timeout 60 redis-cli -s state/night/redis.sock BLPOP \
	'showcaller:{night}:reply:q4' 60 | grep -q 'too many votes'
ok $? "who votes too often in a minute is told so"
send "$(printf '%0200d' 1)" cave id q5
timeout 60 redis-cli -s state/night/redis.sock BLPOP \
	'showcaller:{night}:reply:q5' 60 | grep -q 'at most 96 bytes'
ok $? "a voter that is too long is refused"
send max nowhere id q6
timeout 60 redis-cli -s state/night/redis.sock BLPOP \
	'showcaller:{night}:reply:q6' 60 | grep -q 'no such option'
ok $? "so is an option that the poll has not"

# An audience, then a burst from one address behind the proxy.
good=0
for i in 1 2 3 4 5 6; do
	[ "$(say "10.0.0.$i" cave)" = 200 ] && good=$((good + 1))
done
for i in 1 2 3 4; do
	[ "$(say "10.0.1.$i" ridge)" = 200 ] && good=$((good + 1))
done
[ $good = 10 ]
ok $? "people behind the proxy vote"
for i in $(seq 100); do
	echo "url=\"$(audience)/vote/way\""
	printf 'output="/dev/null"\n'
done >urls
curl -s -m 60 -Z --parallel-max 10 \
	-H 'X-Forwarded-For: 6.6.6.6, 10.9.9.9' \
	-H 'Content-Type: application/json' -d '{"option":"ridge"}' \
	-w '%{http_code}\n' -K urls >statuses 2>/dev/null
many=$(grep -c 200 statuses)
[ "$many" -ge 60 ]
ok $? "so does somebody who has many names ($(sort statuses | uniq -c | tr -s ' \n' ' '))"
grep -q 429 statuses && [ "$(say 10.0.2.1 cave)" = 200 ] &&
	[ "$(say '10.9.9.9, 10.0.2.2' cave)" = 200 ]
ok $? "until that address has had its votes of the minute, and nobody else"
item_kind() { [ "$("$program" inbox night --json | jq -r '.[0].kind')" = "$1" ]; }
until_true item_kind burst
ok $? "the burst is told: $("$program" inbox night --json | jq -r '.[0].text')"
"$program" inbox night --json | jq -r '.[0].text' |
	grep -Eq 'way: [0-9]+ votes for ridge in [0-9]+ s from 1 address; (the rest of the audience votes [0-9]+% ridge|nobody else votes)'
ok $? "in words"
until_true poll_says '.options | map(.votes) | join(" ")' "11 $((5 + many))"
ok $? "it counts until somebody says otherwise"
"$program" do night poll-exclude way >said
ok $? "one action takes it out: $(cat said)"
until_true poll_says '.options | map(.votes) | join(" ")' "11 5"
ok $? "all of it, and nothing else"
poll '.bursts[0].excluded' | grep -qx true
ok $? "status says so"
"$program" do night poll-include way >said
until_true poll_says '.options | map(.votes) | join(" ")' "11 $((5 + many))"
ok $? "another one puts it back"
"$program" do night poll-exclude way 1 >said

poll_says '.from | tostring' "{\"web\":$((12 + many)),\"bus\":4}"
ok $? "where votes came from is told as they were cast"
token=$(cat state/night/operator.token)
metric() { # what Prometheus is told of a source
	curl -s -m 60 -H "Authorization: Bearer $token" \
		"http://$(cat state/night/operator.addr)/metrics" |
		sed -n "s/^showcaller_votes_cast{source=\"$1\"} //p"
}
[ "$(metric web)" = $((12 + many)) ] && [ "$(metric bus)" = 4 ] &&
	[ "$(metric chat)" = 0 ]
ok $? "Prometheus, too"

# It is remembered by another core.
kill -9 $core
wait $core 2>/dev/null
start_core night.yaml
until_true poll_says '.options | map(.votes) | join(" ")' "11 5"
ok $? "a core that goes on knows of it"
"$program" do night poll-close way >said
wait_event night '"poll:resolve"' &&
	jq -e '.data | .winner == "cave" and .counts.ridge == 5' event >/dev/null
ok $? "and the result goes by it"
jq -e ".data.from == {web: $((12 + many)), bus: 4}" event >/dev/null
ok $? "and says where votes came from, also those before the restart"
poll_says '.from | tostring' "{\"web\":$((12 + many)),\"bus\":4}" &&
	"$program" status night | grep -q "from web $((12 + many)), bus 4"
ok $? "as status does, when it is over"
[ "$(say 10.0.3.1 cave)" = 409 ] && grep -q closed answer
ok $? "a vote after the end is told so"
"$program" replay night --verify >said 2>&1
ok $? "replay finds all hashes"
end_core
plan
