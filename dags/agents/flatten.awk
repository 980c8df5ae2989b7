# flatten.awk: one JSON value becomes lines "path<TAB>value", one a scalar:
# {"a":{"b":["x",2]}} gives "a.b.0<TAB>x" and "a.b.1<TAB>2". A string keeps its
# JSON escapes, so it can go back into JSON as it is. Exits with 1 on what is no
# JSON. Any POSIX awk.
{ text = text $0 "\n" }

END {
	at = 1
	value("")
	blanks()
	if (at <= length(text))
		bad()
}

function bad() { exit 1 }

function blanks() {
	while (index(" \t\r\n", substr(text, at, 1)) && at <= length(text))
		at++
}

function take(c) {
	blanks()
	if (substr(text, at, 1) != c)
		bad()
	at++
}

function ahead(c) {
	blanks()
	if (substr(text, at, 1) != c)
		return 0
	at++
	return 1
}

function string(  from, c) {
	take("\"")
	from = at
	while ((c = substr(text, at, 1)) != "\"") {
		if (c == "")
			bad()
		at += c == "\\" ? 2 : 1
	}
	at++
	return substr(text, from, at - 1 - from)
}

function under(path, name) { return path == "" ? name : path "." name }

function members(path,  name) {
	if (ahead("}"))
		return
	do {
		name = string()
		take(":")
		value(under(path, name))
	} while (ahead(","))
	take("}")
}

function items(path,  n) {
	if (ahead("]"))
		return
	n = 0
	do {
		value(under(path, n++))
	} while (ahead(","))
	take("]")
}

function value(path,  rest) {
	blanks()
	if (ahead("{"))
		members(path)
	else if (ahead("["))
		items(path)
	else if (substr(text, at, 1) == "\"")
		print path "\t" string()
	else {
		rest = substr(text, at)
		if (!match(rest, /^[-+.0-9a-zA-Z]+/))
			bad()
		at += RLENGTH
		print path "\t" substr(rest, 1, RLENGTH)
	}
}
