#!/bin/sh
# Who is told away from the screen: webhooks and mail, against real receivers,
# those that refuse included.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
for tool in node npm; do
	command -v "$tool" >/dev/null || skip_all "$tool is missing"
done
case $top_srcdir in /*) source=$top_srcdir ;; *) source=$PWD/$top_srcdir ;; esac
case $program in /*) ;; *) program=$PWD/$program ;; esac
cd "$scratch" || exit 99
echo '{"private": true}' >package.json
timeout 120 npm install --no-audit --no-fund --no-progress --silent \
	smtp-server@3 >npm.log 2>&1 ||
	skip_all "the npm registry does not give smtp-server: $(tail -n 1 npm.log)"

node "$source/tests/script/alert_sinks.mjs" >got 2>sinks.err &
others=$!
# Until a message matches; they all stand in `got`.
wait_got() { # PATTERN
	fifo=$scratch/messages
	mkfifo "$fifo"
	timeout 120 tail -n +1 -f got >"$fifo" 2>/dev/null &
	reader=$!
	grep -m 1 -qE "$1" <"$fifo"
	found=$?
	kill "$reader" 2>/dev/null
	wait "$reader" 2>/dev/null
	rm -f "$fifo"
	return "$found"
}
wait_got '"hooks"'
hooks=http://127.0.0.1:$(jq 'select(.hooks).hooks' got)
mail=smtp://127.0.0.1:$(jq 'select(.hooks).mail' got)

cat >told.yaml <<SHOW
show: told
title: Told <& everybody
agents: { hand: { via: bus, timeout_ms: 600000 } }
alerts:
  slack: { to: slack, url_env: SLACK_URL }
  discord: { to: discord, url: "$hooks/discord", questions: false }
  hook: { to: webhook, url: "$hooks/hook" }
  busy: { to: webhook, url: "$hooks/busy", alarms: false }
  never: { to: webhook, url: "$hooks/never", questions: false }
  mail: { to: smtp, url: "$mail", from: show@example.org,
          recipients: [td@example.org, crew@example.org],
          user: caller, password_env: MAIL_PASSWORD }
  wrong: { to: smtp, url: "$mail", from: show@example.org,
           recipients: [td@example.org], user: caller,
           password_env: SLACK_URL, questions: false }
  nobody: { to: smtp, url: "$mail", from: show@example.org,
            recipients: [nobody@example.org], questions: false }
  dead: { to: slack, url: "http://127.0.0.1:1/", alarms: false, timeout_ms: 1000 }
stages:
  - { id: one, agents: [hand], go: manual }
SHOW
SLACK_URL=$hooks/slack/secret-path
MAIL_PASSWORD='open sesame'
export SLACK_URL MAIL_PASSWORD
"$program" lint told.yaml >/dev/null
ok $? "the show is clean"
begin_core told.yaml

wait_got '"to":"/slack/secret-path".*one waits for GO'
ok $? "Slack hears of a stage that waits for GO"
jq -se 'any(.[]; .to == "/slack/secret-path" and (.body.text | startswith("Told &lt;&amp; everybody\n")))' got >/dev/null
ok $? "what Slack would take for a link is escaped"
wait_got '"to":"/busy","status":200'
ok $? "a webhook that is busy twice gets it at the third try"
wait_got '"to":..td@example.org","crew@example.org"'
jq -se 'any(.[]; .tls and .user == "caller" and .from == "show@example.org" and
	(.text | contains("\r\n\r\nWAITS FOR YOU: one waits for GO\r\n") and contains("Subject: showcaller: told") and contains("Date: ")))' got >/dev/null
ok $? "mail goes to all its readers, over TLS and with a log-in"
wait_event told '"type":"alarm:raise".*"id":"alert:dead"'
ok $? "an address where nobody listens is an alarm"

"$program" do told kill hand >/dev/null
for to in /slack/secret-path /discord /hook; do
	wait_got "\"to\":\"$to\".*ALARM .*hand"
	ok $? "$to hears of an alarm"
done
jq -se 'any(.[]; .to == "/discord" and .body.allowed_mentions.parse == [])' got >/dev/null
ok $? "nobody is mentioned on Discord by what somebody wrote"
jq -se 'any(.[]; .to == "/hook" and .body.show == "told" and (.type == "application/json"))' got >/dev/null
ok $? "a webhook gets a JSON object that names the show"
! jq -se 'any(.[]; .to == "/discord" and (.body | tostring | contains("waits for GO"))) or
	any(.[]; .to == "/busy" and (.body | tostring | contains("ALARM")))' got >/dev/null
ok $? "each hears of what it asked for, and of no more"
for id in never wrong nobody; do
	wait_event told "\"type\":\"alarm:raise\".*\"id\":\"alert:$id\""
	ok $? "$id: what is refused is an alarm"
done
"$program" events told --json | grep '"alert:never"' | grep -q 'answered 404'
ok $? "it says what was answered"
"$program" events told --json | grep '"alert:wrong"' | grep -q 'log-in'
ok $? "a wrong password is called so"
"$program" events told --json | grep '"alert:nobody"' | grep -q 'no such person'
ok $? "what the mail server says of a reader is told"
! jq -se 'any(.[]; tostring | contains("alert:"))' got >/dev/null
ok $? "that an alert cannot be sent is told nobody else"

"$program" do told revive hand >/dev/null
wait_got '"to":"/hook".*"text":"cleared: '
ok $? "that it is over is told, too"
"$program" events told --json >events.json
! grep -rqF -e secret-path -e 'open sesame' events.json core.log state/told/log 2>/dev/null
ok $? "neither address nor password stands in log or events"
end_core

# A rehearsal rings nobody.
sed 's/^show: told/show: quiet/; s/^title: .*/title: Quiet/' told.yaml >quiet.yaml
start_core quiet.yaml --rehearse
"$program" do quiet kill hand >/dev/null
"$program" do quiet note "here" >/dev/null
curl -s -X POST -H 'Content-Type: application/json' -d '{"last": true}' "$hooks/hook" >/dev/null
wait_got '"last":true'
# By its name: some of the show before may still be on its way.
jq -se 'all(.[]; tostring | test("quiet"; "i") | not)' got >/dev/null
ok $? "in a rehearsal nobody is told"
end_core

plan
