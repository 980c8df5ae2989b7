/* read_checks: a checks file by itself. Private to src/show. */
#ifndef SHOW_READ_CHECKS_H
#define SHOW_READ_CHECKS_H

#include "show/read.h"

bool path_is_json(const char *path);
/* Fills show->checks from the mapping `n`. */
void read_cards(struct reader *r, struct node *n);
/* The same from the text of a file; its root, or NULL. */
struct node *read_checks_text(struct reader *r, const char *path,
			      const char *text, size_t bytes);

#endif
