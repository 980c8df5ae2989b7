#!/bin/sh
# Votes from a real chat: counted once each, beside those of the page, through
# restarts; and what the operator hears of a chat that is lost.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
[ -x /usr/sbin/ngircd ] || skip_all "ngircd is missing"
command -v node >/dev/null || skip_all "node is missing"
cd "$scratch" || exit 99
irc=
end_all() {
	[ -z "$irc" ] || kill "$irc" 2>/dev/null
	clean_up_console
}
trap end_all EXIT

port=$(free_port)
cat >ngircd.conf <<CONF
[Global]
Name = irc.test
Info = a test
Listen = 127.0.0.1
Ports = $port
ServerUID = nobody
ServerGID = nogroup
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxPenaltyTime = 0
[Options]
Ident = no
DNS = no
PAM = no
CONF
chmod 755 . && chmod 644 ngircd.conf
start_irc() {
	/usr/sbin/ngircd -n -f "$scratch/ngircd.conf" >irc.log 2>&1 &
	irc=$!
}
say() { # NICK TEXT...
	node "$top_srcdir/tests/script/irc_say.mjs" "$port" "$@"
}
cat >talk.yaml <<SHOW
show: talk
title: Talk
agents: { quick: { via: noop } }
stages:
  - id: way
    poll:
      question: Which way?
      open_ms: 3600000
      options: [{ id: cave }, { id: ridge }]
polls: { change_vote: true }
chat: { url: "irc://127.0.0.1:$port", channel: "#show" }
SHOW
votes() { # POLL: "1 2", by option
	state=$SHOWCALLER_STATE/talk
	curl -s -H "Authorization: Bearer $(cat "$state/operator.token")" \
		"http://$(cat "$state/operator.addr")/api/v1/polls" |
		jq -r --arg poll "$1" '.polls[] | select(.id == $poll) |
			[.options[].votes] | join(" ")'
}
is_frozen() { # POLL: as those hear it who take the votes
	state=$SHOWCALLER_STATE/talk
	curl -s -H "Authorization: Bearer $(cat "$state/operator.token")" \
		"http://$(cat "$state/operator.addr")/api/v1/polls" |
		jq -e --arg poll "$1" '.polls[] | select(.id == $poll) | .frozen' >/dev/null
}
votes_are() { [ "$(votes "$1")" = "$2" ]; }
status_has() { "$program" status talk --json | jq -e "$1" >/dev/null; }

begin_core talk.yaml
until_true status_has '.alarms[] | select(.id == "chat")'
ok $? "without its chat the show runs, and an alarm says so"
start_irc
wait_event talk '"chat:status".*"connected":true'
ok $? "the chat is found by itself"
until_true status_has '.chat.connected and (.alarms | length == 0)'
ok $? "and the alarm is over"

say ann '!1' '!cave' && say bob 'hello' '!RIDGE indeed' 'what is !1?'
until_true votes_are way '1 1'
ok $? "a word is a vote, once for each chatter"
curl -s -o /dev/null -H 'Content-Type: application/json' \
	-d '{"option":"cave"}' \
	"http://$(cat "$SHOWCALLER_STATE/talk/audience.addr")/vote/way"
until_true votes_are way '2 1'
ok $? "beside those of the page"
say ann '!2'
until_true votes_are way '1 2'
ok $? "a vote is changed where the show lets it be"
status_has '.poll.from == {web: 1, chat: 2}'
ok $? "and still came from where it came from"

"$program" do talk poll 'Whose hat?' 'hers|his' 10m >/dev/null
until_true votes_are 1 '0 0'
say bob '!1'
until_true votes_are 1 '1 0'
ok $? "a word is for the poll that was opened last"
"$program" do talk poll-freeze 1 >/dev/null
until_true status_has '.poll.frozen' && until_true is_frozen 1
say bob '!cave'
until_true votes_are way '2 1'
ok $? "or, while that takes none, for the one before"

play 120x40 talk <<SCRIPT
keys 2
keys 2
wait text chat #show
dump pane
quit
SCRIPT
shows pane 'vote: !1'
kill -KILL "$irc"
until_true status_has '.alarms[] | select(.id == "chat") |
	.text | test("no votes come from the chat #show")'
ok $? "a chat that is lost is an alarm"
play 120x40 talk <<SCRIPT
wait text no votes come from the chat
keys 2
keys 2
wait text chat #show  lost
quit
SCRIPT
ok $? "and stands in pane 2"
start_irc
wait_event talk '"chat:status".*"connected":true.*' &&
	until_true status_has '.chat.connected'
ok $? "it is found again"

kill_core
begin_core talk.yaml
# The log may still say that it is there from before: who speaks waits for it.
until_true status_has '.chat.connected'
say cyd '!cave'
until_true votes_are way '3 1'
say ann '!ridge'
say bob '!cave'
say cyd '!cave'
"$program" do talk poll-void 1 >/dev/null
"$program" do talk poll-close way >/dev/null
wait_event talk '"poll:resolve".*"counts":{"cave":3,"ridge":1}'
ok $? "a chatter is the same voter after the core was killed"
end_core
plan
