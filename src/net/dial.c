#include "net/dial.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

static const char *scheme_of(struct dial *d, const char *url,
			     const struct dial_scheme *schemes)
{
	for (int i = 0; schemes[i].name; i++) {
		size_t n = strlen(schemes[i].name);
		if (strncmp(url, schemes[i].name, n) != 0 ||
		    strncmp(url + n, "://", 3) != 0)
			continue;
		d->scheme = i;
		d->port = schemes[i].port;
		return url + n + 3;
	}
	return NULL;
}

/* host, host:port, [v6], [v6]:port */
static bool read_host(struct dial *d, const char *text, size_t len)
{
	char *host = xstrndup(text, len);
	char *bracket = strrchr(host, ']'), *colon = strrchr(host, ':');
	if (colon && (!bracket || colon > bracket)) {
		char *end;
		long port = strtol(colon + 1, &end, 10);
		d->port = *end || port < 1 || port > 65535 ? 0 : (int)port;
		*colon = '\0';
	}
	size_t n = strlen(host);
	bool v6 = n > 2 && host[0] == '[' && host[n - 1] == ']';
	d->host = v6 ? xstrndup(host + 1, n - 2) : xstrdup(host);
	free(host);
	return *d->host && d->port > 0;
}

bool dial_init(struct dial *d, const char *url,
	       const struct dial_scheme *schemes, int64_t least_ms,
	       int64_t most_ms)
{
	*d = (struct dial){
		.least_ms = least_ms, .most_ms = most_ms, .pause_ms = least_ms};
	const char *rest = url ? scheme_of(d, url, schemes) : NULL;
	if (!rest)
		return false;
	size_t len = strcspn(rest, "/");
	d->path = xstrdup(rest[len] ? rest + len : "/");
	return read_host(d, rest, len);
}

void dial_release(struct dial *d)
{
	lookup_drop(&d->lookup);
	free(d->host);
	free(d->path);
	d->host = d->path = NULL;
}

const char *dial_next(struct dial *d, void (*ring)(void *ctx), void *ctx)
{
	d->again_ms = 0;
	if (d->lookup)
		return NULL;
	if (d->next_addr < d->found.count)
		return d->found.addr[d->next_addr++];
	d->looking_ms = clock_mono_ms();
	d->lookup = lookup_start(d->host, ring, ctx);
	return NULL;
}

const char *dial_looked(struct dial *d, const char **why)
{
	*why = NULL;
	if (!d->lookup || !lookup_take(&d->lookup, &d->found))
		return NULL;
	d->looking_ms = 0;
	d->next_addr = 0;
	if (d->found.count)
		return d->found.addr[d->next_addr++];
	*why = d->found.why;
	return NULL;
}

void dial_failed(struct dial *d, int64_t now_ms, int64_t pause_ms)
{
	if (d->next_addr < d->found.count) {
		d->again_ms = now_ms;
		return;
	}
	/* Spread a little, so that two of us do not knock together. */
	char chance[3];
	hash_random_hex(chance, 1);
	int64_t pause = d->pause_ms > pause_ms ? d->pause_ms : pause_ms;
	d->again_ms = now_ms + pause +
		      pause * (int64_t)strtol(chance, NULL, 16) / 1024;
	d->pause_ms *= 2;
	if (d->pause_ms > d->most_ms)
		d->pause_ms = d->most_ms;
}

void dial_worked(struct dial *d)
{
	d->pause_ms = d->least_ms;
	d->found.count = d->next_addr = 0;
}
