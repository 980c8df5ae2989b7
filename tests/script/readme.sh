#!/bin/sh
# What the README promises can be run.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
readme=$top_srcdir/README.md

# The block of indented lines that holds PATTERN, without its indent.
block() {
	awk -v pattern="$1" '
		/^    / || (open && /^$/) { open = 1; text = text substr($0, 5) "\n" }
		/^[^ ]/ { if (open && text ~ pattern) exit; open = 0; text = "" }
		END { sub(/\n+$/, "\n", text); printf "%s", text }' "$readme"
}

block '#!/bin/sh' >"$scratch/hello"
cmp -s "$scratch/hello" "$top_srcdir/dags/agents/hello"
ok $? "the agent in the README is dags/agents/hello"
[ "$(wc -l <"$scratch/hello")" -le 10 ]
ok $? "and has no more than ten lines"
echo '{"id":"1","parameters":{"inputs":{"house":{"seats":7}}}}' |
	sh "$scratch/hello" |
	jq -e '.success and (.result.greeting | contains("all 7 of you"))' \
		>/dev/null
ok $? "it answers a request"

# Its lines of YAML, in a show with somebody who counts the seats.
mkdir "$scratch/agents"
cp "$scratch/hello" "$scratch/agents/hello"
cat >"$scratch/agents/usher" <<'USHER'
#!/bin/sh
echo '{"success":true,"result":{"house":{"seats":9}},"tokens_used":1}'
USHER
chmod +x "$scratch/agents/hello" "$scratch/agents/usher"
{
	echo 'show: readme'
	block 'greeter: .* via: exec' | sed '
		/^agents:/a\  usher: { via: exec, argv: [agents/usher] }
		/^stages:/a\  - { id: doors, agents: [usher], outputs: [house] }'
} >"$scratch/readme.yaml"
"$program" lint "$scratch/readme.yaml" >"$scratch/lint" 2>&1
ok $? "its part of a show file is right"
start_core "$scratch/readme.yaml" && wait_event readme '"run:complete"'
ok $? "the show runs"
redis-cli -s "$scratch/state/readme/redis.sock" \
	hget 'showcaller:{readme}:story' greeting |
	grep -q 'Good evening, all 9 of you'
ok $? "and the agent's answer is in the story"
end_core
ok $? "which ends well"
core=

# Commands of the README: each is known, and what it names is there.
grep -E '^    (build/showcaller|\./bootstrap) ' "$readme" |
	sed 's/^ *//; s/ *#.*//' >"$scratch/commands"
while read -r word command rest; do
	case $word in
	./bootstrap)
		sh "$top_srcdir/bootstrap" --help |
			grep -q "bootstrap $command "
		;;
	*)
		"$program" "$command" --help >/dev/null
		;;
	esac || echo "$word $command"
	for file in $rest; do
		case $file in
		dags/*) [ -e "$top_srcdir/$file" ] || echo "$file" ;;
		esac
	done
done <"$scratch/commands" >"$scratch/unknown"
[ "$(wc -l <"$scratch/commands")" -ge 8 ]
ok $? "the README names commands"
none "$scratch/unknown" "and all of them exist"

cd "$top_srcdir" || exit 99
for command in lint graph; do
	"$program" "$command" dags/first-night.yaml >"$scratch/said" 2>&1 &&
		[ -s "$scratch/said" ]
	ok $? "showcaller $command dags/first-night.yaml"
done
plan
