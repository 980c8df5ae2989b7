/* money: amounts of the show's currency, as people write and read them. Pure. */
#ifndef CORE_MONEY_H
#define CORE_MONEY_H

#include <stdint.h>

struct model;

#define MONEY_BYTES 64

/* "0.0125" as millionths; what is finer is dropped. -1: no amount. */
int64_t money_read(const char *text);
/* "0.0125 GBP", rounded up; into `out`, MONEY_BYTES. */
const char *money_text(const struct model *m, int64_t micros, char *out);

#endif
