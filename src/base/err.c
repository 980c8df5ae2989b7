#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

static void err_take(struct err *err, char *text)
{
	char *clean = text_clean_str(text, sizeof err->text - 1);
	strcpy(err->text, clean);
	free(clean);
	free(text);
}

bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	if (!err)
		return false;
	va_list ap;
	va_start(ap, fmt);
	/* The arguments may lie in err->text: format before writing there. */
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	err->code = code;
	err_take(err, text);
	return false;
}

bool err_wrap(struct err *err, const char *fmt, ...)
{
	if (!err)
		return false;
	va_list ap;
	va_start(ap, fmt);
	char *context = xvasprintf(fmt, ap);
	va_end(ap);
	err_take(err, xasprintf("%s: %s", context, err->text));
	free(context);
	return false;
}
