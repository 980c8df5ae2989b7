#!/bin/sh
# A real OBS Studio for a test, on a display of its own.
#
#   obs.sh start DIR PORT PASSWORD [RTMP_PORT]
#                                    the display, the settings, and OBS
#   obs.sh again DIR                 OBS once more, with what DIR holds, when the
#                                    one before has ended
#   obs.sh stop DIR                  ends what was started here, by its pid
#
# OBS has the collections House and Other (scenes "Starting Soon", Live, Poll and
# Sound, each with a picture "NAME back") and Two (two of them), and the profiles
# House, which streams to RTMP_PORT, Brief, which gives up after two retries, and
# Dead, whose ingest is not there. OBS_FPS and OBS_KBPS say how fast it draws and
# how much it sends.
#
# DIR/obs.pid and DIR/xvfb.pid name the processes. It returns when OBS was
# started; the client under test waits for it to answer. Exit 77: something is
# not installed, and says what.
set -u

command=${1:?start, again or stop}
dir=${2:?a folder}
settings=$dir/config/obs-studio

write_source() { # ID VERSIONED_ID NAME SETTINGS
	cat <<-JSON
	{ "id": "$1", "versioned_id": "$2", "name": "$3", "enabled": true,
	  "muted": false, "volume": 1.0, "mixers": 255, "settings": $4 }
	JSON
}

write_item() { # NAME ID
	echo "{ \"name\": \"$1\", \"id\": $2, \"visible\": true,
		\"pos\": { \"x\": 0.0, \"y\": 0.0 },
		\"scale\": { \"x\": 1.0, \"y\": 1.0 } }"
}

write_scene() { # NAME COLOUR [SOUND]: a picture of one colour, and a sound
	write_source color_source color_source_v3 "$1 back" \
		"{ \"color\": $2, \"width\": 320, \"height\": 180 }"
	echo ,
	write_source scene scene "$1" "{ \"id_counter\": 2, \"items\": [
		$(write_item "$1 back" 1)
		${3:+, $(write_item "$3" 2)} ] }"
}

# "Sound" has a voice that says a few words over and over; "Live" has it, too.
write_collection() { # NAME
	cat >"$settings/basic/scenes/$1.json" <<-JSON
	{ "name": "$1", "current_scene": "Starting Soon",
	  "current_program_scene": "Starting Soon",
	  "current_transition": "Cut", "transition_duration": 300,
	  "scene_order": [ { "name": "Starting Soon" }, { "name": "Live" },
	                   { "name": "Poll" }, { "name": "Sound" } ],
	  "sources": [
	$(write_source ffmpeg_source ffmpeg_source Voice "{ \"local_file\":
		\"$dir/voice.wav\", \"is_local_file\": true, \"looping\": true,
		\"hw_decode\": false, \"restart_on_activate\": true }"),
	$(write_scene "Starting Soon" 4278190335),
	$(write_scene Live 4278255360 Voice),
	$(write_scene Poll 4294901760),
	$(write_scene Sound 4278190080 Voice) ] }
	JSON
}

# As many scenes as a transition has.
write_two() {
	cat >"$settings/basic/scenes/Two.json" <<-JSON
	{ "name": "Two", "current_scene": "Starting Soon",
	  "current_program_scene": "Starting Soon",
	  "current_transition": "Cut", "transition_duration": 300,
	  "scene_order": [ { "name": "Starting Soon" }, { "name": "Poll" } ],
	  "sources": [
	$(write_scene "Starting Soon" 4278190335),
	$(write_scene Poll 4294901760) ] }
	JSON
}

write_profile() { # NAME RTMP_PORT RETRIES
	mkdir -p "$settings/basic/profiles/$1"
	cat >"$settings/basic/profiles/$1/basic.ini" <<-INI
	[General]
	Name=$1
	[Video]
	BaseCX=320
	BaseCY=180
	OutputCX=320
	OutputCY=180
	FPSType=1
	FPSInt=${OBS_FPS:-10}
	[Output]
	Mode=Simple
	Reconnect=true
	RetryDelay=1
	MaxRetries=$3
	[SimpleOutput]
	FilePath=$dir/takes
	RecFormat=mkv
	RecQuality=Small
	RecRB=true
	RecRBTime=5
	RecRBSize=64
	StreamEncoder=x264
	Preset=ultrafast
	VBitrate=${OBS_KBPS:-300}
	ABitrate=64
	INI
	echo '{"type":"rtmp_custom","settings":{"server":
"rtmp://127.0.0.1:'"$2"'/live","key":"house","use_auth":false}}' \
		>"$settings/basic/profiles/$1/service.json"
}

write_settings() { # PORT PASSWORD [RTMP_PORT]
	mkdir -p "$settings/basic/scenes" "$dir/run" "$dir/takes"
	chmod 700 "$dir/run"
	# FirstRun says that the first run has been; LastVersion is 29.0.2.
	cat >"$settings/global.ini" <<-INI
	[General]
	FirstRun=true
	LastVersion=486539266
	Pre19Defaults=false
	Pre21Defaults=false
	Pre23Defaults=false
	Pre24.1Defaults=false
	EnableAutoUpdates=false
	ConfirmOnExit=false
	[Basic]
	Profile=House
	ProfileDir=House
	SceneCollection=House
	SceneCollectionFile=House
	[BasicWindow]
	PreviewEnabled=false
	SysTrayEnabled=false
	[OBSWebSocket]
	FirstLoad=false
	ServerEnabled=true
	ServerPort=$1
	AlertsEnabled=false
	AuthRequired=true
	ServerPassword=$2
	INI
	espeak-ng -w "$dir/voice.wav" "This is the voice of the house." ||
		exit 77
	write_profile House "${3:-9}" 20
	write_profile Brief "${3:-9}" 2
	# Nothing listens on the discard port: an ingest that is dead.
	write_profile Dead 9 20
	write_collection House
	write_collection Other
	write_two
}

start_display() {
	rm -f "$dir/ready"
	mkfifo "$dir/ready"
	setsid Xvfb -displayfd 3 -screen 0 1024x768x24 -nolisten tcp \
		3>"$dir/ready" >"$dir/xvfb.log" 2>&1 </dev/null &
	echo $! >"$dir/xvfb.pid"
	# It writes its number when it is ready.
	timeout 120 cat "$dir/ready" | head -n 1 >"$dir/display"
	[ -s "$dir/display" ] || {
		cat "$dir/xvfb.log" >&2
		exit 1
	}
}

start_obs() {
	HOME=$dir XDG_CONFIG_HOME=$dir/config XDG_RUNTIME_DIR=$dir/run \
		DISPLAY=:$(cat "$dir/display") QT_QPA_PLATFORM=xcb \
		LIBGL_ALWAYS_SOFTWARE=1 LP_NUM_THREADS=1 LANG=C.UTF-8 \
		setsid obs --multi --disable-updater \
		--disable-missing-files-check --profile House \
		--collection House >"$dir/obs.log" 2>&1 </dev/null &
	echo $! >"$dir/obs.pid"
	# A scenario that ends with this ends all of its own process group.
	while [ -e /proc/$! ] &&
		[ "$(cut -d ' ' -f 6 /proc/$!/stat 2>/dev/null)" != $! ]; do
		:
	done
}

# The one before: it may still have the port that the next one wants. (A wait of
# 0.2 s, or less; nobody may be there to reap it.)
has_ended() {
	[ -s "$dir/obs.pid" ] || return 0
	pid=$(cat "$dir/obs.pid")
	for turn in $(seq 300); do
		case $(cut -d ' ' -f 3 "/proc/$pid/stat" 2>/dev/null) in
		'' | Z) return 0 ;;
		esac
		timeout 0.2 tail --pid="$pid" -f /dev/null
	done
	echo "OBS, process $pid, does not end (turn $turn)" >&2
	return 1
}

end_one() { # NAME SIGNAL: and KILL if that is not enough within 8 s
	[ -s "$dir/$1.pid" ] || return 0
	pid=$(cat "$dir/$1.pid")
	kill -CONT "$pid" 2>/dev/null
	kill "-$2" "$pid" 2>/dev/null
	timeout 8 tail --pid="$pid" -f /dev/null || kill -KILL "$pid"
	rm -f "$dir/$1.pid"
}

# Whoever started this may be killed: then all that is here ends, too, and an
# ingest in the same folder.
start_watch() {
	setsid sh -c 'tail --pid="$1" -f /dev/null
		sh "${2%/*}/ingest.sh" stop "$3"; exec sh "$2" stop "$3"' \
		watch "$PPID" "$0" "$dir" >/dev/null 2>&1 </dev/null &
	echo $! >"$dir/watch.pid"
}

end_watch() { # itself with the tail below it; it may be who asks
	[ -s "$dir/watch.pid" ] || return 0
	pid=$(cat "$dir/watch.pid")
	rm -f "$dir/watch.pid"
	[ "$pid" -eq $$ ] || kill -TERM "-$pid" 2>/dev/null
}

case $command in
start)
	for program in obs Xvfb espeak-ng; do
		command -v "$program" >/dev/null || {
			echo "$program is not installed"
			exit 77
		}
	done
	write_settings "${3:?a port}" "${4:?a password}" "${5:-9}"
	start_watch
	start_display
	start_obs
	;;
again)
	has_ended && start_obs
	;;
stop)
	end_watch
	end_one obs INT # on TERM it dies without a word
	end_one xvfb TERM
	;;
*)
	echo "usage: $0 start|again|stop DIR [PORT PASSWORD]" >&2
	exit 2
	;;
esac
