/*
 * dns_here: a DNS that answers nobody. The getaddrinfo() of a program that
 * includes this, once, stands in front of the system's, for the libraries too:
 * hangs.test hangs as a resolver does whose server is gone, until dns_let_go();
 * nowhere.test is not there; all other names are the system's.
 */
#ifndef TESTS_DNS_HERE_H
#define TESTS_DNS_HERE_H

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static pthread_mutex_t dns_gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t dns_moved = PTHREAD_COND_INITIALIZER;
static bool dns_open;
static int dns_inside; /* who asked for the name that hangs */
static const char *dns_addr = "127.0.0.1"; /* what it means in the end */

/* Names that end in .test are ours, and are this machine or nobody. */
int getaddrinfo(const char *node, const char *service,
		const struct addrinfo *hints, struct addrinfo **list)
{
	static int (*real)(const char *, const char *, const struct addrinfo *,
			   struct addrinfo **);
	pthread_mutex_lock(&dns_gate);
	if (!real)
		*(void **)(&real) = dlsym(RTLD_NEXT, "getaddrinfo");
	bool numeric = hints && hints->ai_flags & AI_NUMERICHOST;
	bool hangs = node && !numeric && !strcmp(node, "hangs.test");
	bool nowhere = node && !numeric && !strcmp(node, "nowhere.test");
	if (hangs) {
		dns_inside++;
		pthread_cond_broadcast(&dns_moved);
		while (!dns_open)
			pthread_cond_wait(&dns_moved, &dns_gate);
	}
	pthread_mutex_unlock(&dns_gate);
	if (nowhere)
		return EAI_NONAME;
	return real(hangs ? dns_addr : node, service, hints, list);
}

static inline void dns_wait_inside(void)
{
	pthread_mutex_lock(&dns_gate);
	while (!dns_inside)
		pthread_cond_wait(&dns_moved, &dns_gate);
	pthread_mutex_unlock(&dns_gate);
}

static inline void dns_let_go(void)
{
	pthread_mutex_lock(&dns_gate);
	dns_open = true;
	pthread_cond_broadcast(&dns_moved);
	pthread_mutex_unlock(&dns_gate);
}

#endif
