/* What the C of several files needs: a thread of its own processor, and the time. */

#include <sched.h>
#include <time.h>

static inline void run_on(int processor) {
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	sched_setaffinity(0, sizeof set, &set);
}

static inline double nanoseconds(clockid_t clock) {
	struct timespec now;
	clock_gettime(clock, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}
