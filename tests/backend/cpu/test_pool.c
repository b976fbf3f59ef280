/* test_pool.c: every index once, whatever the threads, the nesting, the callers and the forks. */
#include "../../test.h"

#include "backend/cpu/pool.h"
#include "core/alloc.h"
#include "core/thread.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct marks {
  _Atomic int *seen;
  int64_t n, grain;
  _Atomic int bad_pieces;
};
static void mark(void *ctx, int64_t begin, int64_t end) {
  struct marks *m = ctx;
  if (begin % m->grain || (end % m->grain && end != m->n) || begin >= end) atomic_fetch_add(&m->bad_pieces, 1);
  for (int64_t i = begin; i < end; i++) atomic_fetch_add_explicit(&m->seen[i], 1, memory_order_relaxed);
}
static int64_t wrongly_covered(int64_t n, int64_t grain) {
  struct marks m = {.seen = mx_calloc((size_t)n + 1, sizeof(_Atomic int)), .n = n, .grain = grain};
  cpu_parallel_for(n, grain, mark, &m);
  int64_t wrong = m.bad_pieces + m.seen[n];
  for (int64_t i = 0; i < n; i++) wrong += m.seen[i] != 1;
  mx_free(m.seen);
  return wrong;
}

TEST(a_parallel_loop_covers_each_index_once_for_any_size_grain_and_thread_count) {
  int before = cpu_pool_set_threads(0);
  for (int threads = 1; threads <= 5; threads++) {
    cpu_pool_set_threads(threads);
    CHECK_INT(cpu_pool_threads(), threads);
    for (int64_t n = 0; n < 40; n++) {
      for (int64_t grain = 1; grain < 9; grain += 3) CHECK_INT(wrongly_covered(n, grain), 0);
    }
    CHECK_INT(wrongly_covered(100003, 64), 0);
    CHECK_INT(wrongly_covered(100003, 1), 0);
  }
  cpu_pool_set_threads(before);
}

static void nested_body(void *ctx, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i++) {
    if (wrongly_covered(100, 3)) atomic_fetch_add((_Atomic int *)ctx, 1);
  }
}
TEST(a_loop_inside_a_loop_runs_on_its_own_thread_and_ends) {
  int before = cpu_pool_set_threads(3);
  _Atomic int wrong = 0;
  cpu_parallel_for(50, 1, nested_body, &wrong);
  CHECK_INT(wrong, 0);
  cpu_pool_set_threads(before);
}

static void *caller(void *arg) {
  for (int i = 0; i < 500; i++) {
    if (wrongly_covered(200 + i, 7)) atomic_fetch_add((_Atomic int *)arg, 1);
  }
  return NULL;
}
TEST(several_threads_may_call_the_pool_at_once) {
  int before = cpu_pool_set_threads(3);
  _Atomic int wrong = 0;
  pthread_t id[4];
  int started = 0;
  for (; started < 4 && mx_thread_start(&id[started], caller, &wrong, "test-caller"); started++) {}
  caller(&wrong);
  for (int i = 0; i < started; i++) pthread_join(id[i], NULL);
  CHECK_INT(started, 4);
  CHECK_INT(wrong, 0);
  cpu_pool_set_threads(before);
}

TEST(sleeping_workers_wake_for_the_next_loop) {
  int before = cpu_pool_set_threads(2);
  for (int i = 0; i < 30; i++) {
    CHECK_INT(wrongly_covered(1000, 10), 0);
    usleep(300); /* longer than they spin */
  }
  cpu_pool_set_threads(before);
}

#if !defined(__SANITIZE_THREAD__)
TEST(a_forked_child_has_a_pool_of_its_own) {
  int before = cpu_pool_set_threads(3);
  CHECK_INT(wrongly_covered(1000, 10), 0);
  pid_t child = fork();
  if (child == 0) _exit(wrongly_covered(1000, 10) == 0 && cpu_pool_threads() == 3 ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  CHECK_INT(status, 0);
  CHECK_INT(wrongly_covered(1000, 10), 0);
  cpu_pool_set_threads(before);
}
#endif

TEST(the_environment_names_the_number_of_threads) {
  char *mlx = getenv("MLX_NUM_THREADS") ? strdup(getenv("MLX_NUM_THREADS")) : NULL;
  char *omp = getenv("OMP_NUM_THREADS") ? strdup(getenv("OMP_NUM_THREADS")) : NULL;
  int before = cpu_pool_threads();
  setenv("OMP_NUM_THREADS", "4,2", 1);
  unsetenv("MLX_NUM_THREADS");
  cpu_pool_set_threads(0);
  CHECK_INT(cpu_pool_threads(), 4);
  setenv("MLX_NUM_THREADS", "3", 1);
  cpu_pool_set_threads(0);
  CHECK_INT(cpu_pool_threads(), 3);
  setenv("MLX_NUM_THREADS", "-3", 1);
  setenv("OMP_NUM_THREADS", "many", 1);
  cpu_pool_set_threads(0);
  CHECK_INT(cpu_pool_threads(), mx_thread_cpus());
  mlx ? setenv("MLX_NUM_THREADS", mlx, 1) : unsetenv("MLX_NUM_THREADS");
  omp ? setenv("OMP_NUM_THREADS", omp, 1) : unsetenv("OMP_NUM_THREADS");
  free(mlx);
  free(omp);
  cpu_pool_set_threads(before);
}
