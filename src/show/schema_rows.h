/* schema_rows: how a row of the tables is written. Private to schema*.c. */
#ifndef SHOW_SCHEMA_ROWS_H
#define SHOW_SCHEMA_ROWS_H

/* clang-format off */
#define AT(type, member) offsetof(struct type, member)
#define HOURS24 86400000
#define TOKENS  1e12
#define MONEY   1e15
#define NONE    ((double)SHOW_UNSET)

#define ROW(n, t, a, s, ...) \
	{.name = n, .type = t, .at = a, .about = s, __VA_ARGS__}
#define TEXT(n, a, bytes, s, ...) \
	ROW(n, KEY_TEXT, a, s, .min = 1, .max = bytes, __VA_ARGS__)
#define LINES(n, a, s, ...) \
	ROW(n, KEY_LINES, a, s, .max = 4000, __VA_ARGS__)
#define EXACT(n, a, s, ...) \
	ROW(n, KEY_EXACT, a, s, .min = 1, .max = 4096, __VA_ARGS__)
#define INT(n, a, lo, hi, d, u, s, ...) \
	ROW(n, KEY_INT, a, s, .min = lo, .max = hi, .def = d, .unit = u, \
	    __VA_ARGS__)
#define NUM(n, a, lo, hi, d, s, ...) \
	ROW(n, KEY_NUM, a, s, .min = lo, .max = hi, .def = d, __VA_ARGS__)
#define CASH(n, a, d, s, ...) \
	ROW(n, KEY_MONEY, a, s, .max = MONEY, .def = d, __VA_ARGS__)
#define WORD(n, a, w, d, s, ...) \
	ROW(n, KEY_WORD, a, s, .words = w, .def = d, __VA_ARGS__)
#define LATER .later = true
/* clang-format on */

#endif
