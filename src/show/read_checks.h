/* read_checks: a checks file by itself. Private to src/show. */
#ifndef SHOW_READ_CHECKS_H
#define SHOW_READ_CHECKS_H

#include "show/read.h"

bool path_is_json(const char *path);
/* "operator:/path" and "audience:/path" are the show's own listeners. */
bool checks_is_own(const char *endpoint);
/* The end of a test or of a step of one: what its kind calls for. */
void checks_kind_end(struct reader *r, struct node *n, struct show_check *c);
/* The end of a test with steps. */
void checks_steps_end(struct reader *r, struct node *n, struct show_check *c);
/* Fills show->checks from the mapping `n`. */
void read_cards(struct reader *r, struct node *n);
/* The same from the text of a file; its root, or NULL. */
struct node *read_checks_text(struct reader *r, const char *path,
			      const char *text, size_t bytes);

#endif
