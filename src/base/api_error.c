#include "base/api_error.h"

const char *api_error_type(bool anthropic, int status)
{
	switch (status) {
	case 401:
		return "authentication_error";
	case 402:
		return "billing_error";
	case 403:
		return "permission_error";
	case 404:
		return "not_found_error";
	case 413:
		return anthropic ? "request_too_large"
				 : "invalid_request_error";
	case 429:
		return "rate_limit_error";
	case 503:
	case 529:
		return "overloaded_error";
	default:
		return status >= 400 && status < 500 ? "invalid_request_error"
						     : "api_error";
	}
}

json_object *api_error_json(bool anthropic, const char *type, const char *code,
			    const char *text)
{
	json_object *o = json_object_new_object();
	json_object *e = json_object_new_object();
	if (anthropic)
		json_add_str(o, "type", "error");
	json_add_str(e, "type", type);
	json_add_str(e, "message", text);
	if (!anthropic) {
		json_object_object_add(e, "param", NULL);
		json_add_str(e, "code", code);
	}
	json_add(o, "error", &e);
	return o;
}
