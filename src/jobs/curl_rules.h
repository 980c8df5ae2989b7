/*
 * curl_rules: what holds for every transfer of ours, whoever drives it: http
 * and https only, no redirects, no proxy of the environment, no .netrc, no kept
 * connection, and never a link-local or multicast address. Private to jobs/.
 */
#ifndef JOBS_CURL_RULES_H
#define JOBS_CURL_RULES_H

#include <curl/curl.h>
#include <stdbool.h>

/* Any thread, any number of times; before the first handle. */
void curl_rules_init(void);
/* `*blocked` becomes true when an address was refused; it must outlive the
 * transfer. */
void curl_rules_apply(CURL *easy, bool *blocked);

#endif
