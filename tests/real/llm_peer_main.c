/* The test LLM server by itself; llm_peer.h says what it does. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "llm_peer.h"

int main(int argc, char **argv)
{
	sigset_t ends;
	int which;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);

	struct llm_peer *peer = llm_peer_start(argc > 1 ? atoi(argv[1]) : 0);
	if (!peer) {
		fprintf(stderr, "llm_peer: it cannot listen on 127.0.0.1:%s\n",
			argc > 1 ? argv[1] : "0");
		return 1;
	}
	printf("port %d\n", llm_peer_port(peer));
	fflush(stdout);
	sigwait(&ends, &which);
	llm_peer_stop(&peer);
	return 0;
}
