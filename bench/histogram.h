/* Percentiles in constant memory: 128 equal steps per power of two, so within 0.8 % of the truth.
 *
 * Counts nanoseconds up to 18 minutes; what is negative counts as 0; the maximum is exact.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum { STEP_BITS = 7, STEPS = 1 << STEP_BITS, TOP_BIT = 40, BUCKETS = (TOP_BIT - STEP_BITS + 1) * STEPS };

struct histogram {
    uint64_t counts[BUCKETS];
    uint64_t total;
    int64_t max;
};

static inline unsigned bucket_of(int64_t value)
{
    if (value < STEPS)
        return value < 0 ? 0 : (unsigned)value;
    if (value >= 1LL << TOP_BIT)
        return BUCKETS - 1;
    unsigned shift = 63 - (unsigned)__builtin_clzll((uint64_t)value) - STEP_BITS;
    return (shift << STEP_BITS) + (unsigned)(value >> shift);
}

/* Middle of a bucket; the inverse of bucket_of. */
static inline double value_of(unsigned bucket)
{
    if (bucket < STEPS)
        return bucket;
    unsigned shift = (bucket >> STEP_BITS) - 1;
    uint64_t low = ((uint64_t)(bucket & (STEPS - 1)) + STEPS) << shift;
    return (double)low + (double)((1ULL << shift) - 1) / 2;
}

static inline void histogram_add(struct histogram *h, int64_t value)
{
    h->counts[bucket_of(value)]++;
    if (h->total++ == 0 || value > h->max)
        h->max = value;
}

/* The value which `per_mille` of 1000 values do not exceed (nearest rank), in milliseconds. */
static inline double percentile_ms(const struct histogram *h, unsigned per_mille)
{
    uint64_t rank = (h->total * per_mille + 999) / 1000, seen = 0;
    for (unsigned i = 0; i < BUCKETS && rank > 0; i++) {
        seen += h->counts[i];
        if (seen >= rank)
            return (value_of(i) < (double)h->max ? value_of(i) : (double)h->max) / 1e6;
    }
    return 0;
}

static inline void print_percentiles(const char *name, const struct histogram *h)
{
    printf("\"%s\": {\"p50\": %.4f, \"p99\": %.4f, \"p999\": %.4f, \"max\": %.4f}", name,
           percentile_ms(h, 500), percentile_ms(h, 990), percentile_ms(h, 999), (double)h->max / 1e6);
}

#endif
