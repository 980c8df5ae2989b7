#include "show/read.h"

void advise_show(struct reader *r)
{
	(void)r;
}
