#!/bin/sh
# Limits at the token, through the real program: the finale's reserve, midnight
# in the show's time zone, a late answer that no longer fits.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
cd "$scratch" || exit 99
PATH=$PATH:/usr/sbin:/sbin
command -v zic >/dev/null || skip_all "zic is missing"

status() { # SHOW JQ
	"$program" status "$1" --json | jq -r "$2"
}
item() { # SHOW JQ: of the newest question
	"$program" inbox "$1" --json | jq -r ".[-1]$2"
}

# --- the finale's reserve ----------------------------------------------------

# All that the fence leaves is leased and used; then the finale wants its cap.
fence() { # SHOW CAP
	cat >"$1.yaml" <<SHOW
show: $1
budget: { tokens: 10000, reserve: 4000, approval_deadline_ms: 600000 }
agents:
  meter: { via: bus, timeout_ms: 600000 }
stages:
  - { id: long, agents: [meter], on_failure: continue }
  - { id: last, agents: [meter], inputs: [long], finale: true, budget: { token_cap: $2 } }
SHOW
	begin_core "$1.yaml"
	wait_event "$1" '"stage:start".*"long"'
	left=$(($(status "$1" .budget.remaining) - 4000))
	"$program" do "$1" lease long meter "$left" >lease.json
	ok $? "$1: all that is before the fence is leased without a question"
	"$program" do "$1" lease long meter 1 >more 2>&1 &
	asks=$!
	wait_event "$1" '"budget:request".*"asked":1[,}]'
	[ "$(item "$1" .tokens)/$(item "$1" .reason)" = 1/episode ]
	ok $? "$1: one token more is the finale's, and a person is asked"
	"$program" do "$1" deny "$(item "$1" .id)" >/dev/null
	wait "$asks"
	"$program" do "$1" lease-settle "$(jq -r .lease lease.json)" "$left" \
		>/dev/null
	"$program" do "$1" skip long >/dev/null
}

fence exact 4000
wait_event exact '"stage:start".*"last"'
[ "$(status exact .budget.remaining)" = 0 ] &&
	! "$program" events exact --json | grep '"budget:request"' | grep -q '"stage":"last"'
ok $? "the finale takes the reserve to its last token, and asks nobody"
end_core

fence beyond 4001
wait_event beyond '"budget:request".*"stage":"last"'
[ "$(item beyond .tokens)" = 1 ]
ok $? "a finale of one token more asks for that one"
"$program" do beyond approve "$(item beyond .id)" >/dev/null
wait_event beyond '"stage:start".*"last"'
[ "$(status beyond '.budget | [.allocated, .leased + .spent, .over] | map(tostring) | join(" ")')" = '10001 10001 0' ]
ok $? "and gets it"
end_core

# --- a late answer that no longer fits ---------------------------------------

cat >quick.sh <<'AGENT'
#!/bin/sh
echo '{"success":true,"tokens_used":1,"result":{"x":"in time"}}'
AGENT
chmod +x quick.sh
cat >clash.yaml <<'SHOW'
show: clash
agents:
  slow: { via: bus, timeout_ms: 300 }
  quick: { via: exec, argv: [./quick.sh] }
stages:
  - { id: s, agents: [slow], outputs: [x], on_failure: continue }
  - { id: t, go: manual, agents: [quick], outputs: [x] }
  - { id: end, go: manual, agents: [quick] }
SHOW
begin_core clash.yaml
wait_event clash '"stage:error".*"stage":"s"'
code=$(curl -s -m 60 -o /dev/null -w '%{http_code}' \
	-H "Authorization: Bearer $(cat "$SHOWCALLER_STATE/clash/operator.token")" \
	-H 'Content-Type: application/json' \
	"http://$(cat "$SHOWCALLER_STATE/clash/operator.addr")/api/v1/proposals" \
	-d '{"stage_id":"s","agent_id":"slow","attempt":1,"payload":{"x":"late"},"tokens_used":3}')
[ "$code" = 202 ]
ok $? "an answer comes too late"
wait_event clash proposal:late
late=$(status clash '.late[0].id')
"$program" do clash go t >/dev/null
wait_event clash '"stage:complete".*"stage":"t"'
story() { "$program" replay clash --verify --json | jq -r .story.document.x; }
[ "$(story)" = 'in time' ]
ok $? "meanwhile the story goes on"
"$program" do clash adopt "$late" >said
[ "$(item clash .kind)" = conflict ] && [ "$(story)" = 'in time' ]
ok $? "adopted, it is a conflict to look at, and the story is as it was"
item clash .text | grep -q 'does not fit: inputs or outputs have changed since'
ok $? "which says why"
"$program" do clash answer "$(item clash .id)" adopt-anyway >/dev/null
wait_event clash proposal:adopt
[ "$(story)" = late ] && [ "$(status clash '.late | length')" = 0 ]
ok $? "a person may have it all the same, and the log verifies"
end_core

# --- midnight ----------------------------------------------------------------

# A time zone of its own, whose midnight is so many seconds away.
zone() { # SECONDS
	now=$(date +%s)
	midnight=$((now + $1))
	offset=$((86400 - $1 - now % 86400))
	[ "$offset" -le -43200 ] && offset=$((offset + 86400))
	sign=
	[ "$offset" -lt 0 ] && sign=- && offset=$((-offset))
	printf 'Zone Soon %s%d:%02d:%02d - SOON\n' "$sign" $((offset / 3600)) \
		$((offset / 60 % 60)) $((offset % 60)) >zone.txt
	zic -d "$scratch/zones" zone.txt
}
TZDIR=$scratch/zones
export TZDIR

cat >day.sh <<'AGENT'
#!/bin/sh
echo '{"success":true,"tokens_used":1000}'
AGENT
chmod +x day.sh
day() { # SECONDS: false when midnight came before the quota was used up
	cat >"day$1.yaml" <<SHOW
show: day$1
budget: { tokens: 60000, time_zone: Soon, approval_deadline_ms: 600000 }
agents:
  daily: { via: exec, argv: [./day.sh], quota: { daily: 1000 } }
stages:
  - { id: one, agents: [daily], budget: { token_cap: 1000 } }
  - { id: two, inputs: [one], agents: [daily], budget: { token_cap: 1000 } }
SHOW
	zone "$1"
	start_core "day$1.yaml" || return 1
	wait_event "day$1" '"budget:request".*"stage":"two"|"stage:start".*"stage":"two"'
	[ "$(days "day$1")" = 1 ] && [ "$(date +%s)" -lt "$midnight" ]
}
days() { # SHOW: how many there were
	"$program" events "$1" --json | grep -c '"budget:day"'
}
for seconds in 6 25 120 600; do
	day "$seconds" && break
	end_core
done
night=day$seconds
[ "$(item "$night" .reason)" = day ] &&
	item "$night" .text | grep -q 'until midnight in Soon'
ok $? "what an agent may use in a day is used up"
# A day begins with the first thing that happens in it.
is_past() { [ "$(date +%s)" -gt "$midnight" ]; }
until is_past; do
	"$program" status "$night" >/dev/null
done
"$program" do "$night" note midnight --wait 60s >/dev/null
[ "$(days "$night")" = 2 ]
ok $? "midnight comes"
"$program" do "$night" approve "$(item "$night" .id)" >/dev/null
wait_event "$night" '"stage:complete".*"stage":"two"'
ok $? "after midnight in the show's time zone the stage goes on"
[ "$("$program" events "$night" --json | grep '"budget:approve"' |
	jq -r '.data.raises | [.. | numbers] | add // 0')" = 0 ]
ok $? "and nothing had to be added: the quota had begun anew"
end_core
plan
