/* Keys: read when a call is made, held no longer than it lasts. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "jobs/llm.h"

static void free_zeroed(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* A line end in a key would begin a header of its own. */
static bool is_header_text(const char *key)
{
	for (const char *c = key; *c; c++)
		if ((unsigned char)*c < 0x21 || (unsigned char)*c > 0x7e)
			return false;
	return *key != '\0';
}

bool llm_key_read(const struct show *show, const struct show_agent *agent,
		  char **key, struct err *err)
{
	*key = NULL;
	if (!agent->key_env && !agent->key_file)
		return true;
	char *path = agent->key_file ? file_beside(show->path ? show->path : "",
						   agent->key_file)
				     : NULL;
	*key = file_secret(agent->key_env, path, err);
	free(path);
	if (!*key)
		return false;
	if (is_header_text(*key))
		return true;
	llm_key_free(key);
	return err_set(err, ERR_CONFIG,
		       "the key of agent %s has blanks or other characters "
		       "that no key has",
		       agent->id);
}

void llm_key_free(char **key)
{
	free_zeroed(*key);
	*key = NULL;
}

char **llm_headers_new(const struct llm_api *api, const char *version,
		       const char *key, const char *idempotency)
{
	size_t n = 0;
	char **headers = xcalloc(4, sizeof *headers);
	if (api->version_header)
		headers[n++] = xasprintf("%s%s", api->version_header,
					 version ? version : api->version);
	if (key)
		headers[n++] = xasprintf("%s%s", api->key_header, key);
	if (idempotency)
		headers[n++] = xasprintf("Idempotency-Key: %s", idempotency);
	return headers;
}

void llm_headers_free(char ***headers)
{
	for (size_t i = 0; *headers && (*headers)[i]; i++)
		free_zeroed((*headers)[i]);
	free(*headers);
	*headers = NULL;
}
