/* apart: plans in a child process, so that a defect of the core that aborts it
 * is found and named like any other. What the child finds lies in memory that
 * both share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/sim.h"

struct shared {
	uint64_t seed; /* being done */
	bool failed;
	struct sim_result result, sum;
	double cpu_s;
};

static struct shared *share(void)
{
	void *p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) /* no memory */
		abort();
	return p;
}

static double cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* No core file for a defect that is reported with its seed. */
static void child_begins(bool quiet)
{
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
	if (quiet && !freopen("/dev/null", "w", stderr))
		_exit(70);
}

static void child_died(struct sim_result *r, int status)
{
	*r = (struct sim_result){.ok = false, .broken = "abort"};
	if (WIFSIGNALED(status))
		snprintf(r->text, sizeof r->text,
			 "the core ended by signal %d; its last words stand "
			 "on standard error",
			 WTERMSIG(status));
	else
		snprintf(r->text, sizeof r->text,
			 "the core ended with status %d", WEXITSTATUS(status));
}

static pid_t fork_child(void)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		abort();
	return pid;
}

static int wait_for(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0)
		;
	return status;
}

void sim_do_apart(const struct sim_plan *plan, struct sim_result *result)
{
	struct shared *sh = share();
	pid_t pid = fork_child();
	if (pid == 0) {
		child_begins(true);
		sim_do(plan, &sh->result);
		_exit(0);
	}
	int status = wait_for(pid);
	*result = sh->result;
	if (status != 0)
		child_died(result, status);
	munmap(sh, sizeof *sh);
}

/* Lines are passed on as they come, since the child may not live to the end. */
char *sim_story(const struct sim_plan *plan)
{
	int fds[2];
	struct buf all = {0};
	char bytes[4096];
	ssize_t n;
	if (pipe(fds) < 0)
		return xstrdup("");
	pid_t pid = fork_child();
	if (pid == 0) {
		struct sim_plan told = *plan;
		struct sim_result r;
		child_begins(true);
		told.story_fd = fds[1];
		sim_do(&told, &r);
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], bytes, sizeof bytes)) > 0)
		buf_add(&all, bytes, (size_t)n);
	close(fds[0]);
	wait_for(pid);
	char *text = xstrdup(buf_str(&all));
	buf_release(&all);
	return text;
}

static void do_seeds(const struct sim_plan *plan, uint64_t seeds,
		     const struct sim_watch *watch, struct shared *sh)
{
	struct sim_plan one = *plan;
	double from = cpu_s();
	for (uint64_t i = 0; i < seeds && !sh->failed; i++) {
		one.seed = sh->seed = plan->seed + i;
		sim_do(&one, &sh->result);
		sim_add(&sh->sum, &sh->result);
		sh->failed = !sh->result.ok;
		sh->cpu_s = cpu_s() - from;
		if (watch && watch->each)
			watch->each(watch->arg, one.seed, &sh->result);
	}
}

bool sim_do_seeds(const struct sim_plan *plan, uint64_t seeds,
		  const struct sim_watch *watch, struct sim_result *sum,
		  uint64_t *failed, struct sim_result *why, double *cpu)
{
	struct shared *sh = share();
	pid_t pid = fork_child();
	if (pid == 0) {
		child_begins(false);
		do_seeds(plan, seeds, watch, sh);
		fflush(stdout);
		_exit(0);
	}
	int status = wait_for(pid);
	bool ok = status == 0 && !sh->failed;
	*sum = sh->sum;
	*cpu = sh->cpu_s;
	*failed = sh->seed;
	*why = sh->result;
	if (status != 0)
		child_died(why, status);
	munmap(sh, sizeof *sh);
	return ok;
}
