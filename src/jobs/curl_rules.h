/*
 * curl_rules: what holds for every transfer of ours, whoever drives it: http
 * and https only, no redirects, no proxy of the environment, no .netrc, no kept
 * connection, and never a link-local or multicast address. Private to jobs/.
 */
#ifndef JOBS_CURL_RULES_H
#define JOBS_CURL_RULES_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "jobs/http.h"

/* Any thread, any number of times; before the first handle. */
void curl_rules_init(void);
/* `*blocked` becomes true when an address was refused; it must outlive the
 * transfer. */
void curl_rules_apply(CURL *easy, bool *blocked);

/* The value of the header line "Name: value" if its name is `name`: no blanks
 * around it, lent by the line. */
bool curl_rules_header(const char *line, size_t bytes, const char *name,
		       const char **value, size_t *value_bytes);

/* What a transfer ended in. `reached`: something of the request was sent. */
enum http_fault curl_rules_fault(CURLcode rc, bool reached);

/* Zeroes them first: a key may stand there. */
void curl_rules_free_headers(struct curl_slist **headers);

#endif
