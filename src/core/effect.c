#include "core/effect.h"

#include <stdlib.h>

void effect_release(struct effect *e)
{
	free(e->key);
	free(e->lease);
	free(e->name);
	free(e->text);
	ballots_free(&e->ballots);
	*e = (struct effect){0};
}
