/* redact: what must not be shown, blanked. Pure. */
#ifndef JOBS_REDACT_H
#define JOBS_REDACT_H

/* A copy of `text` with "***" in place of `secret` (may be NULL), of what
 * follows "Bearer " and "Basic ", and of the values of token=, password= and
 * the like. Caller frees. */
char *redact_text(const char *text, const char *secret);

#endif
