#!/bin/sh
# The man page says what the program's tables say, word for word.
. "$top_srcdir/tests/tap.sh"
program=$top_builddir/showcaller
page=$top_srcdir/man/showcaller.1

# From the program: "command|option|help" and "action|key|from outside|help".
"$program" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' >"$scratch/commands"
while read -r command; do
	"$program" "$command" --help </dev/null | awk -v command="$command" '
		NR == 3 { print command "||" $0 }
		/^  --/ && !/^  --(help|version) / {
			# A name as wide as its column is followed by one blank.
			line = substr($0, 3)
			name = substr(line, 1, 20)
			help = substr(line, 22)
			while (name ~ /[^ ]$/ && help ~ /^[^ ]/ &&
			       length(line) > 20 && substr(line, 21, 1) != " ") {
				at = match(line, / [a-z]/)
				name = substr(line, 1, at - 1)
				help = substr(line, at + 1)
				break
			}
			sub(/ +$/, "", name)
			sub(/^ +/, "", help)
			print command "|" name "|" help
		}'
done <"$scratch/commands" | sort >"$scratch/options.program"
"$program" help keys | awk '
	/^  / {
		key = substr($0, 3, 5)
		star = substr($0, 9, 1)
		rest = substr($0, 11)
		at = match(rest, / [A-Z][a-z]/)
		name = substr(rest, 1, at - 1)
		sub(/ +$/, "", key)
		sub(/ +$/, "", name)
		print name "|" key "|" (star == "*" ? "*" : "") "|" \
			substr(rest, at + 1)
	}' | sort >"$scratch/actions.program"

# From the page: a .TP, a .B with the name, then text up to the next macro.
awk -v options="$scratch/options.page" -v actions="$scratch/actions.page" '
	function flush() {
		if (name == "" && text == "")
			return
		sub(/^ /, "", text)
		if (section == "COMMANDS" && command != "")
			print command "|" name "|" text >options
		else if (section == "ACTIONS" && name != "")
			print name "|" key "|" star "|" text >actions
		name = text = ""
	}
	{ gsub(/\\-/, "-"); gsub(/\\&/, "") }
	/^\.SH / { flush(); section = $2; command = ""; next }
	/^\.SS / { flush(); command = $2; taking = 1; next }
	/^\.TP/ { flush(); taking = 0; tagged = 1; next }
	/^\.B / && section ~ /^(COMMANDS|ACTIONS)$/ && tagged {
		tagged = 0
		name = substr($0, 4)
		key = star = ""
		if (match(name, / \\fR/)) {
			mark = substr(name, RSTART + 4)
			name = substr(name, 1, RSTART - 1)
			if (sub(/\*$/, "", mark))
				star = "*"
			gsub(/[()]/, "", mark)
			key = mark
		}
		taking = 1
		next
	}
	/^\./ { flush(); taking = 0; next }
	taking && name == "" && section == "COMMANDS" {
		# The first sentence of a command is its help.
		text = $0
		flush()
		taking = 0
		next
	}
	taking { text = text " " $0 }
	END { flush() }' "$page"
sort -o "$scratch/options.page" "$scratch/options.page"
sort -o "$scratch/actions.page" "$scratch/actions.page"

[ "$(wc -l <"$scratch/commands")" -ge 10 ] &&
	[ "$(wc -l <"$scratch/actions.program")" -ge 30 ]
ok $? "there is something to compare"
diff -u "$scratch/options.program" "$scratch/options.page" >"$scratch/diff" 2>&1
none "$scratch/diff" "the page has every command and option, and no other"
diff -u "$scratch/actions.program" "$scratch/actions.page" >"$scratch/diff" 2>&1
none "$scratch/diff" "the page has every action with its key, and no other"

"$program" do --help | awk '/^actions:/ { on = 1; next } on { print $1 }' |
	sort >"$scratch/do"
grep '|\*|' "$scratch/actions.program" | sed 's/[ |].*//' | sort |
	diff -u - "$scratch/do" >"$scratch/diff" 2>&1
none "$scratch/diff" "do --help lists what can be done from outside"

# The completion asks the program, so all of it must come through.
cat >"$scratch/complete" <<'BASH'
. "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_showcaller
printf '%s\n' "${COMPREPLY[@]}"
BASH
completes() { # WORD...: what the last one may become
	bash "$scratch/complete" "$top_srcdir/completions/showcaller" \
		"$program" "$@" | sort
}
if command -v bash >/dev/null; then
	{
		cat "$scratch/commands"
		printf '%s\n' --help --version
	} | sort >"$scratch/want"
	completes '' | diff -u "$scratch/want" - >"$scratch/diff" 2>&1
	none "$scratch/diff" "the completion offers every command"
	completes do show '' | diff -u "$scratch/do" - >"$scratch/diff" 2>&1
	none "$scratch/diff" "and every action"
	"$program" run --help | grep -oE '^  --[a-z-]+' | tr -d ' ' |
		sort >"$scratch/want"
	completes run -- | diff -u "$scratch/want" - >"$scratch/diff" 2>&1
	none "$scratch/diff" "and every option"
fi
plan
