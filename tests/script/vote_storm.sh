#!/bin/sh
# A core is killed in the middle of a flood of votes, and another one goes on:
# a vote that was answered is counted, one that was not is sent again, and at the
# end each voter is there once.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

voters=900
cat >night.yaml <<'SHOW'
show: night
stages:
  - id: way
    poll:
      question: Which way?
      options: [{ id: cave }, { id: ridge }]
      open_ms: 3600000
SHOW
begin_core night.yaml
bus() { redis-cli -s state/night/redis.sock "$@"; }
counted() { bus hget 'showcaller:{night}:tally:way' "$1"; }
stand() { bus hlen 'showcaller:{night}:votes:way'; }
# One process of curl for all that are in the file `open`, twenty at a time;
# adds a line "<voter> <status>" for each to the file `said`.
flood() {
	auth="Authorization: Bearer $(cat state/night/operator.token)"
	url="http://$(cat state/night/audience.addr)/vote/way"
	while read -r v; do
		[ $((v % 3)) = 0 ] && option=cave || option=ridge
		printf 'url="%s"\nheader="%s"\nheader="%s"\n' "$url" "$auth" \
			'Content-Type: application/json'
		printf 'data="{\\"voter\\":\\"v%s\\",\\"option\\":\\"%s\\"}"\n' \
			"$v" "$option"
		printf 'output="/dev/null"\nmax-time=60\n'
		printf 'write-out="%s %%{http_code}\\n"\nnext\n' "$v"
	done <open >config
	sed -i '$d' config
	curl -s -Z --parallel-max 20 -K config >>said 2>/dev/null
}
# Who has no answer that settles it. Some of them stay behind for each kill that
# is still to come, however late the one before it is.
open_ones() {
	awk '$2 == 200 || $2 == 409 { print $1 }' said | sort -u >settled
	seq "$voters" | sort | comm -23 - settled >left
	head -n -$((kills < 2 ? (2 - kills) * 150 : 0)) left >open
	[ -s left ]
}

: >said
kills=0
while open_ones; do
	before=$(stand)
	flood &
	flood=$!
	if [ $kills -lt 3 ]; then
		grew() { [ "$(stand)" -ge $((before + 100)) ]; }
		until_true grew
		kill -9 "$core"
		wait "$core" 2>/dev/null
		kills=$((kills + 1))
		wait $flood
		start_core night.yaml || break
	else
		wait $flood
	fi
done
[ $kills -eq 3 ] && ! open_ones
ok $? "a core that was killed $kills times is followed by one that goes on"
answered=$(awk '$2 == 200 { print $1 }' said | sort -u | wc -l)
lost=$(awk '$2 == 200 { print $1 }' said | sort -u | while read -r v; do
	[ "$(bus hexists 'showcaller:{night}:votes:way' "v:v$v")" = 1 ] ||
		echo "$v"
done | wc -l)
[ "$lost" = 0 ]
ok $? "of $answered votes that were answered none is lost"
[ -z "$(awk '$2 == 200 { print $1 }' said | sort | uniq -d)" ]
ok $? "nobody is told twice that the vote counts"
[ "$(stand)" = $voters ] && [ "$(counted cave)" = $((voters / 3)) ] &&
	[ "$(counted ridge)" = $((voters - voters / 3)) ]
ok $? "each voter counts once: $(counted cave) and $(counted ridge)"

# While votes go on pouring in, the show is run as ever.
(
	while [ ! -e enough ]; do
		seq 200 >open
		flood
	done
) &
storm=$!
stormy() { [ "$(wc -l <said)" -gt "$1" ]; }
notes=0
for i in 1 2 3 4 5; do
	until_true stormy "$(wc -l <said)"
	"$program" do night note "in the storm, $i" >answer &&
		notes=$((notes + 1))
done
[ $notes = 5 ] && kill -0 $storm
ok $? "notes are taken in the middle of it"
until_true stormy "$(wc -l <said)"
ok $? "and votes are answered still"
: >enough
wait $storm
[ "$(stand)" = $voters ]
ok $? "who votes again and again counts once"
end_core
plan
