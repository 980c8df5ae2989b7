#!/bin/sh
# The metering gateway by its front door: a real core, a model's server that
# behaves badly on request, and curl as the agent that was given a lease.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
cd "$scratch" || exit 99
start_peer

# It hands out what it was given, and waits.
cat >agent <<'AGENT'
#!/bin/sh
here=${0%/*}
stage=$(tee "$here/request" | jq -r .capability)
echo "$stage" >"$here/started"
cat "$here/gate.$stage"
AGENT
chmod +x agent
mkfifo started gate.one gate.two gate.three
cat >gate.yaml <<SHOW
show: gate
title: The Gate
budget: { tokens: 100000, approval_deadline_ms: 600000 }
agents:
  worker: { via: exec, argv: [./agent], timeout_ms: 600000 }
  plain: { via: llm, url: "$peer/v1", model: plain, key_env: PEER_KEY,
    price: { input_per_mtok: "2.00", output_per_mtok: "10.00" } }
  more: { via: llm, url: "$peer/more=50/v1", model: more, key_env: PEER_KEY }
  mute: { via: llm, url: "$peer/nousage/v1", model: mute, key_env: PEER_KEY }
  busy: { via: llm, url: "$peer/status=429+retry=7/v1", model: busy, key_env: PEER_KEY }
  locked: { via: llm, url: "$peer/key=other/v1", model: locked, key_env: PEER_KEY }
  torn: { via: llm, url: "$peer/cut=3/v1", model: torn, key_env: PEER_KEY }
  endless: { via: llm, url: "$peer/endless+slow=20/v1", model: endless, key_env: PEER_KEY }
  leaver: { via: llm, url: "$peer/endless+slow=20/v1", model: leaver, key_env: PEER_KEY }
  slow: { via: llm, url: "$peer/slow=40/v1", model: slow, key_env: PEER_KEY }
  garbage: { via: llm, url: "$peer/badjson/v1", model: garbage, key_env: PEER_KEY }
  claude: { via: llm, url: "$peer/v1", api: anthropic, model: claude, key_env: PEER_KEY }
  chatty: { via: llm, url: "$peer/more=50/v1", api: anthropic, model: chatty, key_env: PEER_KEY }
  nobody: { via: llm, url: "http://127.0.0.1:1/v1", model: nobody }
stages:
  - { id: one, agents: [worker], outputs: [a], budget: { token_cap: 20000, time_cap_ms: 600000 } }
  - { id: two, inputs: [a], agents: [worker], outputs: [b], budget: { token_cap: 300, time_cap_ms: 600000 } }
  - { id: three, inputs: [b], agents: [worker], outputs: [c], on_failure: continue, budget: { token_cap: 900, time_cap_ms: 600000 } }
SHOW
PEER_KEY=sk-peer-0123456789
export PEER_KEY

next_lease() { # waits for the agent; sets $lease $key $url
	timeout 120 head -n 1 started >/dev/null
	lease=$(jq -r .lease.id request)
	key=$(jq -r .lease.key request)
	url=$(jq -r .lease.base_url request)
}

finish() { # STAGE OUTPUT
	echo "{\"success\":true,\"result\":{\"$2\":\"said\"}}" >"gate.$1"
}

ask() { # PATH BODY [CURL OPTION]...: the answer in answer, its head in head
	path=$1 body=$2
	shift 2
	curl -sN -m 60 -D head -o answer -H "Authorization: Bearer $key" \
		-H 'Content-Type: application/json' "$@" "$url/$path" -d "$body"
	rc=$?
	status=$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' head)
}

chat() { # MODEL MEMBERS [CURL OPTION]...
	members=$2 model=$1
	shift 2
	ask chat/completions "{\"model\":\"$model\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]$members}" "$@"
}

message() { # MODEL MEMBERS
	ask messages "{\"model\":\"$1\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]$2}"
}

last_spend() { # FILTER: of the newest token:spend
	"$program" events gate --json | jq -s "[.[] | select(.type == \"token:spend\")] | last | .data | $1"
}

spends() {
	"$program" events gate --json | grep -c '"type":"token:spend"'
}

is_left() { # nothing is under way at the model's server
	for _ in $(seq 6000); do
		curl -s "$peer/stats" | jq -e '.open == 0' >/dev/null && return
	done
	return 1
}

start_core gate.yaml
ok $? "a core with a gateway"
next_lease
case $key in "$lease".????????????????) true ;; *) false ;; esac
ok $? "an agent finds a key beside its lease"

# --- answers -----------------------------------------------------------------

chat plain ',"max_tokens":100'
[ "$rc/$status" = 0/200 ] && jq -e '.choices[0].message.content | startswith("w01")' answer >/dev/null
ok $? "an answer in one piece"
last_spend '.tokens == 44 and .state == "held" and .lease == "'"$lease"'"' | grep -q true
ok $? "what it used is in the log when it is there"
last_spend '.cost_micros == 408' | grep -q true
ok $? "and what it cost, by the price of the model that answered"

chat plain ',"max_tokens":7,"stream":true'
[ "$status" = 200 ] && [ "$(grep -c '"content":"w' answer)" = 7 ] &&
	[ "$(grep -v '^$' answer | tail -n 1)" = 'data: [DONE]' ]
ok $? "a streamed answer, to its end"
! grep -q '"choices":\[\]' answer && [ "$(last_spend .tokens)" = 11 ]
ok $? "who did not ask for the usage does not get it; it is booked"
chat plain ',"max_tokens":7,"stream":true,"stream_options":{"include_usage":true}'
grep -q '"choices":\[\],.*"completion_tokens":7' answer
ok $? "who asked for it does"

message claude ',"max_tokens":9'
jq -e '.content[0].text and .usage.output_tokens == 9' answer >/dev/null
ok $? "messages, in one piece"
message claude ',"max_tokens":9,"stream":true'
grep -q message_stop answer && [ "$(last_spend .tokens)" = 13 ]
ok $? "messages, streamed"

# While Redis stands still nothing is stored, so no answer ends.
redis_pid=$(pgrep -P "$core" redis-server)
mkfifo still
curl -sN -m 60 -o still -H "Authorization: Bearer $key" \
	-H 'Content-Type: application/json' "$url/chat/completions" -d \
	'{"model":"slow","max_tokens":25,"stream":true,"messages":[]}' &
client=$!
{
	timeout 120 head -n 1 <&3 >before
	kill -STOP "$redis_pid"
	cat <&3 >>before &
	reader=$!
	is_left
	! grep -q -e length -e DONE before
	ok $? "the end of an answer waits until what it used is stored"
	kill -CONT "$redis_pid"
	wait "$client"
	wait "$reader"
} 3<still
grep -q length before && grep -q DONE before && [ "$(last_spend .tokens)" -ge 25 ]
ok $? "and comes then"

# --- what goes too far -------------------------------------------------------

chat more ',"max_tokens":5,"stream":true'
[ "$rc" = 0 ] && [ "$(grep -c '"content":"w' answer)" = 5 ] &&
	grep -q '^: showcaller ended this answer' answer &&
	grep -q '"finish_reason":"length"' answer &&
	[ "$(grep -v '^$' answer | tail -n 1)" = 'data: [DONE]' ]
ok $? "a model that says more than it may is ended at the cap, properly"
message chatty ',"max_tokens":5,"stream":true'
[ "$(grep -c text_delta answer)" = 5 ] && grep -q '"stop_reason":"max_tokens"' answer &&
	grep -q message_stop answer
ok $? "messages as well"
last_spend '.assumed == true and .overrun == null' | grep -q true
ok $? "what is booked then is the allowance, marked assumed"
chat mute ',"max_tokens":50'
last_spend '.assumed == true and .tokens >= 50 and .tokens < 80' | grep -q true
ok $? "no usage: all that was reserved is spent, and marked so"

# --- errors ------------------------------------------------------------------

before=$(spends)
chat busy ''
[ "$status" = 429 ] && grep -qi '^retry-after: 7' head && jq -e .error answer >/dev/null
ok $? "429 comes through, with its Retry-After"
chat locked ''
[ "$status" = 401 ] && grep -q '\*\*\*' answer && ! grep -q "$PEER_KEY" answer
ok $? "what the model's server says of our key comes through without it"
chat nobody ''
[ "$status" = 502 ] && jq -e '.error.message | contains("nobody")' answer >/dev/null
ok $? "a server that is not there is named"
chat unheard ''
[ "$status" = 404 ] && jq -e '.error.code == "model_not_found" and (.error.message | contains("plain"))' answer >/dev/null
ok $? "a model that is not there, with those that are"
message plain ',"max_tokens":5'
[ "$status" = 404 ] && jq -e '.type == "error" and (.error.message | contains("chat/completions"))' answer >/dev/null
ok $? "a model of the other API, in the form of this one"
chat plain ',"max_tokens":-1'
[ "$status" = 400 ]
ok $? "a limit that is none"
status=$(curl -s -m 60 -o answer -w '%{http_code}' -H "Authorization: Bearer $key" \
	-H 'Content-Type: text/plain' "$url/chat/completions" -d hi)
[ "$status" = 415 ] &&
	jq -e '.error.type == "invalid_request_error" and .error.code' answer >/dev/null
ok $? "what the listener itself refuses has the form of the API"
ask messages 'hi'
[ "$status" = 400 ] && jq -e '.type == "error" and .error.type == "invalid_request_error"' answer >/dev/null
ok $? "a body that is no JSON, too, in the form of the other API"
[ "$(spends)" = "$before" ]
ok $? "none of these spent anything"
good=$key
key=$lease.0123456789abcdef
chat plain ''
[ "$status" = 401 ]
ok $? "a key that we did not sign"
key=$(cat "$SHOWCALLER_STATE/gate/operator.token")
chat plain ''
[ "$status" = 403 ] && grep -q 'no lease' answer
ok $? "the operator's token is no lease"
key=$good
ask chat/completions '{"model":"plain","messages":[]}' -H "Authorization: " -H "x-api-key: $key"
[ "$status" = 200 ]
ok $? "x-api-key is taken too"
ask models '' -G
jq -e '[.data[].id] | contains(["plain", "claude"])' answer >/dev/null
ok $? "the models can be listed"

stream() { # FIFO MODEL TOKENS: $client streams into it
	mkfifo "$1"
	curl -sN -m 60 -o "$1" -H "Authorization: Bearer $key" \
		-H 'Content-Type: application/json' "$url/chat/completions" -d \
		"{\"model\":\"$2\",\"max_tokens\":$3,\"stream\":true,\"messages\":[]}" &
	client=$!
}
stream killed endless 2000
{
	timeout 120 head -n 1 >/dev/null
	"$program" do gate kill endless >/dev/null
	cat >rest
} <killed
! wait "$client" && grep -q '"error"' rest
ok $? "who switches off a model's agent ends its streams"
chat endless ',"max_tokens":5'
[ "$status" = 403 ] && grep -q switched answer
ok $? "and it is not called any more"
"$program" do gate revive endless >/dev/null
chat endless ',"max_tokens":5,"stream":true'
[ "$status" = 200 ]
ok $? "until it is revived"

chat torn ',"max_tokens":50,"stream":true'
[ "$rc" -ne 0 ] && grep -q '"error"' answer && ! grep -q DONE answer
ok $? "a stream that breaks off is an error and a cut connection"
chat garbage ',"max_tokens":50,"stream":true'
[ "$rc" -ne 0 ] && grep -q '"error"' answer
ok $? "so is one that cannot be read"

# --- a client that leaves ----------------------------------------------------

stream leaves leaver 5000
{
	timeout 120 head -n 21 >/dev/null
	kill "$client"
} <leaves
wait "$client" 2>/dev/null
wait_event gate '"type":"token:spend".*"model":"leaver"'
last_spend '.tokens > 4 and .tokens < 1000' | grep -q true
ok $? "a client that leaves: what was used until then is booked"
is_left
ok $? "and the model's server is left, too"

# --- two at once -------------------------------------------------------------

finish one a
next_lease
[ "$lease" = r1/two/1/worker ]
ok $? "the next stage has a lease of its own"
good=$key
key=$(echo "$good" | sed 's|/two/|/one/|')
chat plain ''
[ "$status" = 401 ]
ok $? "its key opens no other lease"
key=$good
body='{"model":"slow","stream":true,"max_tokens":100,"messages":[{"role":"user","content":"hi"}]}'
for i in 1 2 3 4 5; do
	curl -sN -m 60 -o "answer.$i" -H "Authorization: Bearer $key" \
		-H 'Content-Type: application/json' "$url/chat/completions" \
		-d "$body" &
	eval "client$i=\$!"
done
wait "$client1" "$client2" "$client3" "$client4" "$client5"
[ "$(cat answer.? | grep -c DONE)" = 5 ]
ok $? "five at once, for more than the lease has: all are answered"
"$program" status gate --json | jq -e '.budget.spent <= .budget.allocated' >/dev/null
ok $? "and nothing is overspent"

# --- held calls --------------------------------------------------------------

held() { # STAGE: until a request of it waits for a person; sets $item
	wait_event gate '"type":"budget:request".*"stage":"'"$1"'"'
	item=$("$program" inbox gate --json | jq -r '.[-1].id // empty')
	[ -n "$item" ]
}
body='{"model":"plain","max_tokens":400,"messages":[{"role":"user","content":"'$(head -c 1200 /dev/zero | tr '\0' x)'"}]}'
curl -sN -m 60 -o held.answer -w '%{http_code}' -H "Authorization: Bearer $key" \
	-H 'Content-Type: application/json' "$url/chat/completions" -d "$body" >held.status &
client=$!
held two
ok $? "a request that its lease does not cover asks a person"
"$program" do gate approve "$item" >/dev/null
wait "$client"
[ "$(cat held.status)" = 200 ] && jq -e .choices held.answer >/dev/null
ok $? "approved: it goes on"

finish two b
next_lease
body='{"model":"plain","max_tokens":400,"messages":[{"role":"user","content":"'$(head -c 6000 /dev/zero | tr '\0' x)'"}]}'
curl -sN -m 60 -o held.answer -w '%{http_code}' -H "Authorization: Bearer $key" \
	-H 'Content-Type: application/json' "$url/chat/completions" -d "$body" >held.status &
client=$!
held three
"$program" do gate deny "$item" >/dev/null
wait "$client"
[ "$(cat held.status)" = 402 ] || [ "$(cat held.status)" = 403 ]
ok $? "denied: it is told so"
jq -e '.error.code and .error.message' held.answer >/dev/null
ok $? "in the form of its API"

asked() { # how often a person was asked
	"$program" events gate --json | grep -c '"type":"budget:request"'
}
leased() {
	"$program" status gate --json | jq .budget.leased
}
before=$(asked) leased=$(leased)
curl -sN -m 600 -o left.answer -H "Authorization: Bearer $key" \
	-H 'Content-Type: application/json' "$url/chat/completions" -d "$body" &
client=$!
for _ in $(seq 1000); do
	[ "$(asked)" -gt "$before" ] && break
done
"$program" inbox gate --json | jq -e 'length == 1' >/dev/null
ok $? "one more waits for a person"
kill "$client"
wait "$client" 2>/dev/null
wait_event gate '"type":"budget:deny".*"choice":"withdraw".*the client left'
ok $? "its client leaves: it is withdrawn, and the log says why"
"$program" inbox gate --json | jq -e 'length == 0' >/dev/null &&
	[ "$(leased)" = "$leased" ]
ok $? "nobody is asked any more, and nothing was leased to it"

# --- the end of a lease ------------------------------------------------------

"$program" status gate --json | jq -e '.run.stages[] | select(.id == "three") | .state == "running"' >/dev/null
ok $? "the stage goes on after a denied request"
mkfifo stream
curl -sN -m 60 -o stream -H "Authorization: Bearer $key" \
	-H 'Content-Type: application/json' "$url/chat/completions" -d \
	'{"model":"endless","max_tokens":100,"stream":true,"messages":[]}' &
client=$!
{
	timeout 120 head -n 1 >first
	"$program" do gate cancel three >/dev/null
	cat >rest
} <stream
wait "$client"
is_left
ok $? "a stage that is cancelled ends the streams of its lease"
chat plain ''
[ "$status" = 403 ] && jq -e '.error.code == "lease_not_held"' answer >/dev/null
ok $? "and its lease is good for nothing more"

"$program" events gate --json >events
for secret in "$PEER_KEY" "${key##*.}"; do
	! grep -q -- "$secret" events core.log
	ok $? "no key in the log of the show, nor in ours"
done
end_core
ok $? "the core ends"

# --- the end of a core -------------------------------------------------------

start_core --new gate.yaml
next_lease
mkfifo last
curl -sN -m 60 -o last -H "Authorization: Bearer $key" \
	-H 'Content-Type: application/json' "$url/chat/completions" -d \
	'{"model":"endless","max_tokens":5000,"stream":true,"messages":[]}' &
streaming=$!
{
	timeout 120 head -n 1 >/dev/null
	body='{"model":"plain","max_tokens":400,"messages":[{"role":"user","content":"'$(head -c 90000 /dev/zero | tr '\0' x)'"}]}'
	curl -sN -m 60 -o held.answer -w '%{http_code}' -H "Authorization: Bearer $key" \
		-H 'Content-Type: application/json' "$url/chat/completions" -d "$body" >held.status &
	waiting=$!
	wait_event gate '"type":"budget:request".*"run":"r2"'
	end_core
	ok $? "a core ends with a stream and a held request under way"
	cat >/dev/null
} <last
! wait "$streaming"
ok $? "the stream is cut"
wait "$waiting"
[ "$(cat held.status)" = 503 ] || [ "$(cat held.status)" = 000 ]
ok $? "the held request is not left alone"
start_core gate.yaml
next_lease
[ "$lease" = r2/one/1/worker ]
ok $? "the next core hands out the same lease"
chat plain ',"max_tokens":5'
[ "$status" = 200 ]
ok $? "and its key is good again"
end_core # and with it what it has started
kill "$peer_pid"
wait "$peer_pid" 2>/dev/null
plan
