#include "show/names.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"

struct names_slot {
	const char *name;
	int value;
};

/* The names come from the author of the show, so a quick one will do. */
static size_t hash(const char *s)
{
	uint64_t h = hash_fnv1a(s);
	return (size_t)(h ^ h >> 32);
}

void names_init(struct names *names, struct arena *arena, size_t count)
{
	size_t slots = 16;
	while (slots < count * 2)
		slots *= 2;
	names->slots = arena_alloc(arena, slots * sizeof *names->slots);
	names->mask = slots - 1;
}

static struct names_slot *find_slot(const struct names *names, const char *name)
{
	size_t i = hash(name) & names->mask;
	while (names->slots[i].name && strcmp(names->slots[i].name, name) != 0)
		i = (i + 1) & names->mask;
	return &names->slots[i];
}

int *names_slot(struct names *names, const char *name)
{
	REQUIRE(names->mask);
	struct names_slot *slot = find_slot(names, name);
	if (!slot->name) {
		slot->name = name;
		slot->value = NAME_NONE;
	}
	return &slot->value;
}

int names_find(const struct names *names, const char *name)
{
	if (!names->mask || !name || !*name)
		return NAME_NONE;
	const struct names_slot *slot = find_slot(names, name);
	return slot->name ? slot->value : NAME_NONE;
}
