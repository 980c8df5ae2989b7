/*
 * api_error: errors in the form of the two APIs that models are called by, so
 * that their clients understand them. Pure, any thread.
 *
 * https://platform.openai.com/docs/guides/error-codes
 * https://docs.anthropic.com/en/api/errors
 */
#ifndef BASE_API_ERROR_H
#define BASE_API_ERROR_H

#include <stdbool.h>

#include "base/json.h"

/* What a status means there: "invalid_request_error", ... A literal. */
const char *api_error_type(bool anthropic, int status);
/* `code` is OpenAI's alone. Caller puts. */
json_object *api_error_json(bool anthropic, const char *type, const char *code,
			    const char *text);

#endif
