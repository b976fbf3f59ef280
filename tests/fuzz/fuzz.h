/* fuzz.h: what the fuzz targets share: a file in memory, and what becomes of the arrays that a loader finds in it.
 * Invariant: an input is refused or its arrays are evaluated and read to the last byte; what it may claim of memory is bounded
 * by its own size. A broken bound traps, which libFuzzer records as a crash. */
#ifndef RAVEL_TESTS_FUZZ_H
#define RAVEL_TESTS_FUZZ_H

#include "io/formats.h"

/* The input as a source. */
struct mx_source fuzz_source(const uint8_t *data, size_t size);
/* A collector that evaluates each array, reads it and drops it. */
extern struct mx_collector fuzz_collector;
void fuzz_read(mx_array *a_take);
/* Before and after each input: array data held at once stays below ratio * size + 1 MiB, and nothing is left at the end. */
void fuzz_begin(void);
void fuzz_end(size_t size, size_t ratio);

#endif
