/*
 * random_show: show files made from a seed, as YAML. Pure.
 *
 * Every stage rolls dice of its own, so leaving one out changes the others only
 * in that they do not name it any more.
 */
#ifndef SIM_RANDOM_SHOW_H
#define SIM_RANDOM_SHOW_H

#include <stddef.h>
#include <stdint.h>

#define RANDOM_SHOW_STAGES 24 /* at most */

int random_show_stages(uint64_t seed);
/* Bit i of `without` leaves stage i out; at least one has to stay. Caller
 * frees. */
char *random_show_yaml(uint64_t seed, uint64_t without);

#endif
