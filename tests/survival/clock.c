/* The clock of a machine on which time flies: preloaded into the program under
 * test, it lets the time of day go RATE times as fast since a common beginning.
 * Everything that measures spans (CLOCK_MONOTONIC: time-outs, sleeping) stays
 * as it is. SURVIVAL_CLOCK is "BEGUN SHOWN RATE": the real nanoseconds since
 * 1970 at which it began, those it showed then, and the rate. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long begun, shown, rate;

__attribute__((constructor)) static void set(void)
{
    const char *said = getenv("SURVIVAL_CLOCK");
    if (!said || sscanf(said, "%lld %lld %lld", &begun, &shown, &rate) != 3)
        rate = 0;
}

int clock_gettime(clockid_t clock, struct timespec *to)
{
    if (syscall(SYS_clock_gettime, clock, to))
        return -1;
    if (rate && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        long long real = to->tv_sec * 1000000000LL + to->tv_nsec;
        long long now = shown + (real - begun) * rate;
        to->tv_sec = now / 1000000000LL;
        to->tv_nsec = now % 1000000000LL;
    }
    return 0;
}
