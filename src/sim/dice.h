/*
 * dice: chance from a seed (splitmix64), the same on every machine. Pure.
 *
 * What has to stay the same when something else is left out of a story (an
 * agent's mood, one step) rolls dice of its own, made from the seed and a name.
 */
#ifndef SIM_DICE_H
#define SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

struct dice dice_of(uint64_t seed, uint64_t name);
uint64_t dice_roll(struct dice *dice, uint64_t below); /* 0..below-1 */
bool dice_one_in(struct dice *dice, uint64_t n);
uint64_t dice_mix(uint64_t a, uint64_t b);
uint64_t dice_name(const char *text); /* a name made of text */

#endif
