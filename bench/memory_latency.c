/* How long does a load take that nothing can hasten? Loads of which each needs the one before, in one random
 * cycle over all cache lines of a piece of memory, for several sizes of it. Prints the best and the median of
 * several short passes in nanoseconds a load, one JSON array for all sizes. */
#define _GNU_SOURCE
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define LOADS 65536 /* of a pass: 11 ms where a load takes 170 ns, and once round 4 MB */
#define PASSES 15

struct line {
    uint64_t next, rest[7]; /* 64 bytes */
};
static const size_t SIZES_KB[] = {256, 1024, 4096, 16384};
static volatile uint64_t last; /* where a pass ended: the compiler must not leave one out */

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Sattolo's shuffle: a permutation that is a single cycle, the same one each time. */
static void link_lines(struct line *lines, uint64_t count)
{
    uint64_t draw = 1;
    for (uint64_t i = 0; i < count; i++)
        lines[i].next = i;
    for (uint64_t i = count - 1; i > 0; i--) {
        draw = draw * 6364136223846793005 + 1442695040888963407; /* Knuth's, for MMIX */
        uint64_t other = (draw >> 33) % i, next = lines[i].next;
        lines[i].next = lines[other].next;
        lines[other].next = next;
    }
}

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* Write down what PASSES passes took, in nanoseconds a load, the shortest first. */
static void measure(const struct line *lines, double *passes)
{
    uint64_t at = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        double begun = now_ns();
        for (int load = 0; load < LOADS; load++)
            at = lines[at].next;
        last = at;
        passes[pass] = (now_ns() - begun) / LOADS;
    }
    qsort(passes, PASSES, sizeof *passes, compare);
}

int main(void)
{
    for (size_t each = 0; each < sizeof SIZES_KB / sizeof *SIZES_KB; each++) {
        size_t bytes = SIZES_KB[each] * 1024;
        double passes[PASSES];
        void *lines = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (lines == MAP_FAILED)
            err(1, "%zu kB of memory", SIZES_KB[each]);
        madvise(lines, bytes, MADV_NOHUGEPAGE); /* ordinary pages, as an interpreter's heap has them */
        link_lines(lines, bytes / sizeof(struct line));
        measure(lines, passes);
        munmap(lines, bytes);
        printf("%s{\"kb\": %zu, \"best_ns\": %.2f, \"median_ns\": %.2f}", each ? ", " : "[", SIZES_KB[each],
               passes[0], passes[PASSES / 2]);
    }
    puts("]");
    return 0;
}
