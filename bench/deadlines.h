/* What is due next, and waiting for it: a binary heap of times, and epoll finer than milliseconds. */
#ifndef BENCH_DEADLINES_H
#define BENCH_DEADLINES_H

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct deadline {
    int64_t at;
    uint32_t leg;
};

struct deadlines {
    struct deadline *heap; /* room for one deadline per leg */
    uint32_t size;
};

static inline int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline void deadlines_add(struct deadlines *d, int64_t at, uint32_t leg)
{
    uint32_t i = d->size++;
    for (; i > 0 && d->heap[(i - 1) / 2].at > at; i = (i - 1) / 2)
        d->heap[i] = d->heap[(i - 1) / 2];
    d->heap[i] = (struct deadline){at, leg};
}

/* Put another deadline in the place of the first. */
static inline void deadlines_replace_first(struct deadlines *d, struct deadline with)
{
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= d->size)
            break;
        if (child + 1 < d->size && d->heap[child + 1].at < d->heap[child].at)
            child++;
        if (d->heap[child].at >= with.at)
            break;
        d->heap[i] = d->heap[child];
        i = child;
    }
    d->heap[i] = with;
}

static inline void deadlines_drop_first(struct deadlines *d)
{
    struct deadline last = d->heap[--d->size];
    if (d->size > 0)
        deadlines_replace_first(d, last);
}

/* epoll_wait until a time on CLOCK_MONOTONIC. Before Linux 5.11 ppoll lends its finer time-out. */
static inline int wait_until(int epoll, struct epoll_event *events, int room, int64_t until)
{
    int64_t left = until - now_ns();
    if (left < 0)
        left = 0;
    struct timespec timeout = {left / 1000000000LL, left % 1000000000LL};
    int ready;
#ifdef SYS_epoll_pwait2
    ready = (int)syscall(SYS_epoll_pwait2, epoll, events, room, &timeout, NULL, (size_t)8);
    if (ready >= 0 || errno != ENOSYS)
        return ready < 0 && errno == EINTR ? 0 : ready;
#endif
    struct pollfd poll = {.fd = epoll, .events = POLLIN};
    ready = ppoll(&poll, 1, &timeout, NULL);
    if (ready > 0)
        ready = epoll_wait(epoll, events, room, 0);
    return ready < 0 && errno == EINTR ? 0 : ready;
}

#endif
