/* pool.h: the one pool of threads of this process that CPU kernels split themselves over.
 * Invariant: what a kernel computes never depends on how many threads there are. */
#ifndef MX_CPU_POOL_H
#define MX_CPU_POOL_H

#include <stdint.h>

/* Calls body(ctx, begin, end) so that the calls cover [0, n) once, each at most once, on this thread and on idle pool
 * threads; returns when all are done. Pieces are multiples of grain (but the last); n <= grain, a call from inside a
 * body, or a busy pool runs it all on this thread. Starts the threads on first use; fewer than wished is no error. */
void cpu_parallel_for(int64_t n, int64_t grain, void (*body)(void *ctx, int64_t begin, int64_t end), void *ctx);

int cpu_pool_threads(void);          /* how many threads share a call, this one included */
int cpu_pool_set_threads(int count); /* 0 = the default: MLX_NUM_THREADS, OMP_NUM_THREADS, mx_thread_cpus(); returns the old */

#endif
