#!/bin/sh
# The terminal around the console: sizes, colours, locales, signals, crashes. It
# is always given back as it was, and the show always goes on.
. "$top_srcdir/tests/tap.sh"
. "$top_srcdir/tests/script/core.sh"
. "$top_srcdir/tests/script/console.sh"
cd "$scratch" || exit 99

cat >calm.yaml <<'SHOW'
show: calm
title: A Calm Evening
# Wide, combined and joined letters, and a terminal's own language.
agents: { quick: { via: noop } }
stages:
  - { id: one, agents: [quick], outputs: [a] }
  - id: two
    agents: [quick]
    inputs: [a]
    go: manual
    notes: "e\u0301 \u591c\u306e\u5287\u5834 \u00fc \U0001F3AD \U0001F469\u200d\U0001F680 \u202eevil\u202c \u0e01\u0e33 end"
SHOW
begin_core calm.yaml

# The first picture waits for the log, not for its patience to run out; that
# may happen to one on a busy machine.
first_is_whole() {
	for round in $(seq 20); do
		play 120x40 calm <<-SCRIPT || return 1
		dump first.$round
		quit
		SCRIPT
		grep -qF 'reading the log' "first.$round" || return 0
	done
	return 1
}
first_is_whole
ok $? "the first picture is a whole one"

# A human is needed: once for each item, in words for a terminal that shows them.
stay 80x24 calm <<SCRIPT
wait quiet
dump ready
wait text Allow
wait quiet
dump asked
quit
SCRIPT
term_of pipe-pane -t "$stays" "cat >'$scratch/raw'"
"$program" do calm poll-propose quick 'Allow it?' 'yes|no' 30s >/dev/null
until_true [ -e asked ] && ended
# What it says when it has left comes last.
until_true grep -qa 'come back with' raw
[ "$(tr -d '\n' <raw | grep -ao ']9;showcaller: [^[:cntrl:]]*Allow it' |
	wc -l)" = 1 ]
ok $? "the terminal is told once, and why"
"$program" do calm deny "$("$program" inbox calm --json | jq -r '.[0].id')" \
	>/dev/null

# Sizes.
stay 120x40 calm <<SCRIPT
wait quiet
dump ready
wait text 5 OBS none
dump narrow
wait gone A Calm Evening
wait text q leave
dump tiny
wait text 3 Tokens ─
dump wide
quit
SCRIPT
ok $? "a console at 120x40"
shows shot '─ 3 Tokens ─'
term_of resize-window -t "$stays" -x 80 -y 24
until_true [ -e narrow ]
ok $? "it becomes 80x24"
shows narrow ' 3 Tokens 0'
[ "$(wc -l <narrow)" = 24 ]
ok $? "and fills it"
term_of resize-window -t "$stays" -x 1 -y 1
term_of resize-window -t "$stays" -x 20 -y 5
until_true [ -e tiny ]
ok $? "it becomes 1x1, and 20x5"
shows tiny '! PANIC  q leave'
term_of resize-window -t "$stays" -x 200 -y 60
until_true [ -e wide ] && ended
ok $? "it becomes 200x60"
[ "$(wc -l <wide)" = 60 ]
ok $? "and fills it"

# What the terminal shows is what was drawn, cell for cell (but the clock).
stay 100x30 calm <<SCRIPT
wait quiet
dump ready
SCRIPT
same_as_shot() {
	term_of capture-pane -p -t "$stays" | sed 1d >seen
	sed 1d shot | cmp -s - seen
}
until_true same_as_shot
ok $? "what is in the grid stands in the terminal"
[ -s seen ] && sed 1d shot | diff - seen | sed 's/^/# /'
kill -TERM "$console"
ended

# Colours and letters.
for vars in NO_COLOR=1 TERM=vt100 'LC_ALL=C LANG=C'; do
	stay 100x30 calm "$vars" <<-SCRIPT
		wait quiet
		dump ready
	SCRIPT
	ok $? "with $vars"
	term_of capture-pane -e -p -t "$stays" >colours
	case $vars in
	LC_ALL*) ;;
	*)
		grep -qE "$(printf '\033')\[([0-9;]*;)?(3[0-8]|4[0-8])[;m]" \
			colours
		[ $? -ne 0 ]
		ok $? "no colours"
		;;
	esac
	case $vars in
	NO_COLOR*) shows shot '‖ two' ;;
	*)
		LC_ALL=C grep -q '[^ -~]' shot
		[ $? -ne 0 ]
		ok $? "nothing but ASCII"
		shows shot '= two'
		;;
	esac
	kill -TERM "$console"
	ended
	ok $? "SIGTERM ends it"
done

# Refusals.
for vars in TERM=dumb TERM= TERM=nosuch-terminal; do
	play 80x24 calm "$vars" </dev/null >quiet
	[ $? -eq 69 ]
	ok $? "$vars is refused with 69"
	grep -q 'showcaller: console: TERM=.* cannot show a full screen' said
	ok $? "in words"
done
play 80x24 calm TERM=xterm-kitty <<SCRIPT
wait quiet
quit
SCRIPT
ok $? "a terminal that the system does not know yet is taken for an xterm"

# Signals.
alternate() { [ "$(term_of display-message -p -t "$stays" '#{alternate_on}')" = "$1" ]; }
is_stopped() { grep -q '^State:.*T' "/proc/$console/status"; }
stay_on() {
	stay 80x24 calm <<-SCRIPT
		wait quiet
		dump ready
	SCRIPT
}

stay_on && until_true alternate 1
ok $? "a console has the screen"
kill -TSTP "$console"
until_true is_stopped && until_true alternate 0
ok $? "SIGTSTP gives the terminal back and stops it"
kill -CONT "$console"
until_true alternate 1
ok $? "SIGCONT brings it back"
until_true on_screen 'STANDBY  two'
ok $? "with its picture"
term_of send-keys -t "$stays" C-z
until_true is_stopped && until_true alternate 0
ok $? "so does ^Z"
kill -CONT "$console"
until_true on_screen 'STANDBY  two'
ok $? "and SIGCONT brings that back, too"
kill -HUP "$console"
ended
ok $? "SIGHUP ends it"
is_on calm
ok $? "and the show goes on"

stay_on
before=$(date +%s%N)
term_of kill-session -t "$stays"
ended
ok $? "it ends with its terminal"
[ $((($(date +%s%N) - before) / 1000000)) -lt "$(at_most 5000)" ]
ok $? "soon"
is_on calm
ok $? "and the show goes on"

stay_on
kill -KILL "$console"
ended
is_on calm
ok $? "kill -9 of a console is nothing to the show"

stay_on
kill -SEGV "$console"
ended && until_true alternate 0
ok $? "a crash gives the terminal back"
is_on calm
ok $? "and the show goes on"

# What is pasted is no command, and neither is a key that we do not know.
stay_on
term_of set-buffer '! ! Qyes q'
term_of paste-buffer -p -t "$stays"
until_true on_screen 'pasted is ignored'
ok $? "pasted text is ignored"
term_of send-keys -t "$stays" -l "$(printf '\033[1;5Q\033[99~\033Oq\033[I')"
term_of send-keys -t "$stays" '?'
until_true on_screen 'Releases the stage'
ok $? "the key behind unknown sequences is understood"
"$program" status calm --json |
	jq -e '.run.state == "running" and .run.stages[1].state == "standby"' \
		>/dev/null
ok $? "and none of it was done"
kill -TERM "$console"
ended

# The core goes away and comes back with a file that was edited.
stay 80x24 calm <<SCRIPT
wait quiet
dump ready
wait text LIVE?
wait text curtain
wait gone LIVE?
quit
SCRIPT
end_core
ok $? "the show ends in good order"
core=
until_true on_screen 'LIVE?'
ok $? "a console that hears nothing says so"
echo '  - { id: curtain, agents: [quick], inputs: [two] }' >>calm.yaml
start_core calm.yaml --new
ok $? "the show runs again, with another stage"
ended_with 0
ok $? "and the console follows"
stay 80x24 calm <<SCRIPT
wait quiet
dump ready
wait text no core runs this show
quit
SCRIPT
kill_core
ended && until_true on_screen 'no core runs calm; go on with: showcaller run'
ok $? "who leaves a show whose core was killed is told how it goes on"
plan
