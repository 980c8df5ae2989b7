/*
 * pages: the memory that a program has of its files. To bind a program with some
 * sixty libraries the loader reads the symbol tables of all of them, and the
 * kernel maps what lies around as well; nobody looks there again.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

/* Unmaps what can be read again from its file. What runs or reads there takes a
 * minor fault for each 64 KB, once. Any thread, at any time. */
void pages_give_back(void);

#endif
