/* The clock of a machine on which time flies: preloaded into the program under
 * test, it lets the time of day go RATE times as fast since a common beginning,
 * and the time since boot since the program's, or the program would see that
 * the clock is wrong. What measures spans (CLOCK_MONOTONIC: time-outs, sleeping)
 * stays as it is. SURVIVAL_CLOCK is "BEGUN SHOWN RATE": the real nanoseconds since
 * 1970 at which it began, those it showed then, and the rate. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long begun, shown, rate, booted;

static long long nanoseconds(const struct timespec *time)
{
    return time->tv_sec * 1000000000LL + time->tv_nsec;
}

__attribute__((constructor)) static void set(void)
{
    const char *said = getenv("SURVIVAL_CLOCK");
    if (!said || sscanf(said, "%lld %lld %lld", &begun, &shown, &rate) != 3)
        rate = 0;
    struct timespec now;
    if (!syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now))
        booted = nanoseconds(&now);
}

int clock_gettime(clockid_t clock, struct timespec *to)
{
    if (syscall(SYS_clock_gettime, clock, to))
        return -1;
    long long now = nanoseconds(to);
    if (rate && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now = shown + (now - begun) * rate;
    else if (rate && clock == CLOCK_BOOTTIME)
        now = booted + (now - booted) * rate;
    to->tv_sec = now / 1000000000LL;
    to->tv_nsec = now % 1000000000LL;
    return 0;
}
