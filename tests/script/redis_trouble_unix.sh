#!/bin/sh
# redis_trouble.sh over a unix socket.
trouble_on=unix
. "$top_srcdir/tests/script/redis_trouble.sh"
