# Makes C of the files it is given: each line a string literal, the files in
# one table that ends with a NULL name. Deterministic; any POSIX awk.
function type_of(name) {
	if (name ~ /\.html$/) return "text/html; charset=utf-8"
	if (name ~ /\.css$/) return "text/css; charset=utf-8"
	return "text/javascript; charset=utf-8"
}
BEGIN {
	print "/* Made by assets.awk from ui/web; do not edit. */"
	print "#include \"net/page.h\"\n"
}
FNR == 1 {
	if (count) print "\t\"\";\n"
	name = FILENAME
	sub(/.*\//, "", name)
	names[++count] = name
	printf "static const char text_%d[] =\n", count
}
{
	gsub(/\\/, "\\\\")
	gsub(/"/, "\\\"")
	gsub(/\?/, "\\?")
	print "\t\"" $0 "\\n\""
}
END {
	if (count) print "\t\"\";\n"
	print "const struct asset assets[] = {"
	for (i = 1; i <= count; i++)
		printf "\t{\"%s\", \"%s\", text_%d, sizeof text_%d - 1},\n", \
			names[i], type_of(names[i]), i, i
	print "\t{0},\n};"
}
