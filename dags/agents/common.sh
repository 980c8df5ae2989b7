# common.sh: what the company of First Night shares. Sourced, not run; the
# working folder is the show's.
#
# An agent is a program. The request is one JSON object on stdin, the answer one
# on stdout; what goes to stderr is the agent's log. It sees which try this is
# in SHOWCALLER_ATTEMPT. Nothing here needs more than a POSIX shell, sed and awk.
request=$(cat)
flat=$(printf '%s\n' "$request" | awk -f agents/flatten.awk) || {
	echo "no JSON request on stdin" >&2
	exit 65
}

# field PATH: a member of the request, as it stands between JSON quotes; "" if
# there is none.
field() {
	printf '%s\n' "$flat" | awk -v path="$1" '
		{ tab = index($0, "\t") }
		substr($0, 1, tab - 1) == path { print substr($0, tab + 1); exit }'
}

# input NAME [MEMBER]: what an earlier stage left for this one.
input() {
	field "parameters.inputs.$1${2:+.$2}"
}

# think SECONDS: people need time, and so do models.
think() {
	sleep "$1"
}

# answer RESULT TOKENS CONFIDENCE COST: RESULT is JSON, the others numbers. A
# line end in RESULT is a blank.
answer() {
	printf '{"id":"%s","success":true,"result":%s,"tokens_used":%s,' \
		"$(field id)" "$(printf '%s' "$1" | tr '\n' ' ')" "$2"
	printf '"confidence":%s,"cost":%s,"correlationId":"%s"}\n' \
		"$3" "$4" "$(field correlationId)"
}

# refuse CODE MESSAGE TOKENS: it went wrong, and this much was used up by then.
refuse() {
	printf '{"id":"%s","success":false,"tokens_used":%s,"cost":0,' \
		"$(field id)" "$3"
	printf '"error":{"code":"%s","message":"%s"},"correlationId":"%s"}\n' \
		"$1" "$2" "$(field correlationId)"
}
