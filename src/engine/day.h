/* day: which day it is for quotas that begin anew at midnight, in the time
 * zone of the show. Engine thread; day_begin() before any other is started. */
#ifndef ENGINE_DAY_H
#define ENGINE_DAY_H

#include <stdint.h>

#include "show/show.h"

/* Takes the show's time zone for the whole process, and for the programs that
 * it starts, when the show counts days at all. */
void day_begin(const struct show *show);

/* yyyymmdd; 0 when the show counts no days. */
int32_t day_of(const struct show *show, int64_t now_ms);

#endif
