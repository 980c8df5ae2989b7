# console.sh: a console in a terminal (tmux). Sourced after core.sh.
#
# Where $how is set, it is the command line instead of `attach SHOW`.
#
#   play WxH SHOW [VAR=VALUE]... <SCRIPT   attaches in a terminal of that size,
#               drives it by the script (SHOWCALLER_SCRIPT) and waits for its
#               end; its exit status. What then stands there is in $scratch/said
#   stay WxH SHOW [VAR=VALUE]... [<SCRIPT] the same in the background: comes back
#               when the script wrote to the FIFO `ready`, whose text is then in
#               $scratch/shot. $console is its process
#   ended       waits for the end of $console: 0 when it ended
#   ended_with CODE         the same, and whether it was with that exit status
#   until_true COMMAND...   as wait_until; if it never is, prints what stands in
#               the terminals
#   on_screen TEXT          TEXT stands in the terminal now
#   all_told PATTERN TERMINAL...   each of them has shown it since `told` was
#               emptied: words that stand there for three seconds, in any order
#   shows FILE TEXT    a test point: TEXT stands in the dumped screen
command -v tmux >/dev/null || skip_all "tmux is missing"
plays=0
term_of() { tmux -S "$scratch/tmux.sock" -f /dev/null "$@"; }

# A first session keeps the server, which reaps what ends.
term_of new-session -d -s keep -x 20 -y 5 'exec cat'
term_of set-option -g status off

enter() { # NAME WxH SHOW VARS...: a session NAME with a console in it
	name=$1 width=${2%x*} height=${2#*x} show=$3
	shift 3
	cat >"$scratch/script.$name"
	cat >"$scratch/start.$name" <<-START
		cd '$scratch'
		echo \$\$ >'$scratch/pid'
		exec env LC_ALL=C.UTF-8 SHOWCALLER_STATE='$SHOWCALLER_STATE' \
			SHOWCALLER_SCRIPT='$scratch/script.$name' $* \
			'$program' ${how:-attach $show}
	START
	# A shell of its own: tmux itself would wake a process that was stopped.
	term_of new-session -d -s "$name" -x "$width" -y "$height" \
		"sh '$scratch/start.$name'; echo \$? >'$scratch/status.$name'; \
		tmux -S '$scratch/tmux.sock' wait-for -S $name; exec cat"
}
how=

# A long look back takes its time under a sanitizer.
patience_s=$(($(at_most 120000) / 1000))

play() {
	plays=$((plays + 1))
	stays=p$plays
	enter "$stays" "$@"
	timeout "$patience_s" tmux -S "$scratch/tmux.sock" wait-for "$stays"
	term_of capture-pane -p -J -t "$stays" >"$scratch/said"
	term_of kill-session -t "$stays"
	status=$(cat "$scratch/status.$stays")
	[ "$status" = 0 ] || sed '/^ *$/d; s/^/# /' "$scratch/said"
	return "${status:-99}"
}

stay() {
	plays=$((plays + 1))
	stays=p$plays
	rm -f "$scratch/ready"
	mkfifo "$scratch/ready"
	enter "$stays" "$@"
	timeout "$patience_s" cat "$scratch/ready" >"$scratch/shot"
	console=$(cat "$scratch/pid")
	[ -s "$scratch/shot" ]
}

until_true() {
	wait_until "$@" && return
	say_terminals
	return 1
}

say_terminals() {
	for session in $(term_of list-sessions -F '#S'); do
		echo "# in terminal $session:"
		term_of capture-pane -p -J -t "$session" | sed '/^ *$/d; s/^/# /'
	done
}

on_screen() { term_of capture-pane -p -J -t "$stays" | grep -qF -- "$1"; }
told=
all_told() {
	pattern=$1 missing=0
	shift
	for terminal; do
		term_of capture-pane -p -J -t "$terminal" |
			grep -qE -- "$pattern" && told="$told <$terminal>"
		case $told in
		*"<$terminal>"*) ;;
		*) missing=1 ;;
		esac
	done
	return "$missing"
}
# One that ended and that tmux has not reaped yet is gone, too.
is_gone() {
	case $(ps -o stat= -p "$console") in
	'' | Z*) return 0 ;;
	esac
	return 1
}
ended() { until_true is_gone; }
# The shell around it writes the status down when it has reaped it.
ended_with() {
	ended && until_true [ -s "$scratch/status.$stays" ] &&
		[ "$(cat "$scratch/status.$stays")" = "$1" ]
}

shows() {
	grep -qF -- "$2" "$1"
	shown=$?
	ok "$shown" "the screen shows: $2"
	[ "$shown" -eq 0 ] || sed 's/^/# /' "$1"
}

is_on() { # the show goes on
	"$program" status "$1" --json | jq -e '.mode != "stopped"' >/dev/null
}

clean_up_console() {
	exec >/dev/null 2>&1
	term_of kill-server
	# A core that `run` started is no child of ours.
	for folder in "$SHOWCALLER_STATE"/*/; do
		[ -S "$folder/redis.sock" ] &&
			timeout 120 "$program" stop "$(basename "$folder")"
	done
	clean_up
}
trap clean_up_console EXIT
