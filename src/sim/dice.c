#include "sim/dice.h"

#include "base/hash.h"

uint64_t dice_mix(uint64_t a, uint64_t b)
{
	uint64_t z = a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2));
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

struct dice dice_of(uint64_t seed, uint64_t name)
{
	return (struct dice){dice_mix(dice_mix(1, seed), name)};
}

uint64_t dice_roll(struct dice *dice, uint64_t below)
{
	uint64_t z = (dice->state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % below;
}

bool dice_one_in(struct dice *dice, uint64_t n)
{
	return dice_roll(dice, n) == 0;
}

uint64_t dice_name(const char *text)
{
	return hash_fnv1a(text);
}
