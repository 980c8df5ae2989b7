/*
 * peer: where a vote comes from, as a number: of an IPv4 address or of an IPv6
 * network of 64 bits, which is what one household or phone has. Behind a proxy
 * that the show file trusts it is the address that the proxy names. Pure.
 */
#ifndef NET_PEER_H
#define NET_PEER_H

#include <stdint.h>
#include <sys/socket.h>

#include "net/head.h"
#include "show/show.h"

/* 0: it is not known. */
uint64_t peer_source(const struct show *show, const struct sockaddr *from,
		     const struct head *head);

#endif
