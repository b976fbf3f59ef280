/* pool.c: one job at a time, cut in pieces that threads claim from a counter; whoever cannot have the pool works alone.
 * Invariant: the job's fields change only while it is closed and no worker is inside (`open` false, then `inside` 0). */
#include "backend/cpu/pool.h"

#include "core/thread.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

enum {
  THREADS_MOST = 1024,
  PIECES_PER_THREAD = 8, /* enough that a late thread costs little, few enough that claims do */
  SPIN_NS = 30000,       /* how long an idle worker stays awake: longer than the gap between two ops of a graph */
  JOIN_SPIN_NS = 50000,
};

static struct {
  mx_mutex lock; /* sleeping, starting, settings */
  mx_cond work, done;
  int wanted;            /* threads that share a call; 0 = not yet asked */
  int started;           /* workers that exist */
  bool exhausted;        /* the system had no more threads to give */
  _Atomic int threads;   /* the answer of cpu_pool_threads; 0 = not yet known */
  _Atomic bool busy;     /* somebody has the pool */
  _Atomic int sleepers;
  _Atomic bool joining;  /* the owner sleeps until inside == 0 */
  _Atomic uint64_t epoch; /* jobs so far */
  _Atomic bool open;
  _Atomic int inside;    /* workers that may look at the job */
  /* the job */
  int64_t n, step;
  _Atomic int seats; /* workers that may still join */
  int owner_cpu;
  void (*body)(void *, int64_t, int64_t);
  void *ctx;
  _Atomic int64_t next;
} pool = {.lock = MX_MUTEX_INIT, .work = MX_COND_INIT, .done = MX_COND_INIT};

static _Thread_local bool in_body;

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* "8", or OpenMP's "8,4": the first number; 0 when it is none. */
static int env_threads(const char *name) {
  const char *text = getenv(name);
  if (!text) return 0;
  char *end;
  long v = strtol(text, &end, 10);
  if (end == text || (*end && *end != ',' && *end != ' ') || v < 1) return 0;
  return v < THREADS_MOST ? (int)v : THREADS_MOST;
}

static int default_threads(void) {
  int n = env_threads("MLX_NUM_THREADS");
  if (!n) n = env_threads("OMP_NUM_THREADS");
  if (!n) n = mx_thread_cpus();
  return n < THREADS_MOST ? n : THREADS_MOST;
}

/* After a fork only the forking thread lives: the child starts a pool of its own when it needs one. */
static void forget_workers(void) {
  pthread_mutex_init(&pool.lock, NULL);
  pthread_cond_init(&pool.work, NULL);
  pthread_cond_init(&pool.done, NULL);
  pool.started = 0;
  pool.exhausted = false;
  atomic_store(&pool.threads, 0);
  atomic_store(&pool.sleepers, 0);
  atomic_store(&pool.joining, false);
  atomic_store(&pool.open, false);
  atomic_store(&pool.inside, 0);
  atomic_store(&pool.busy, false);
}
static void lock_for_fork(void) { mx_lock(&pool.lock); }
static void unlock_after_fork(void) { mx_unlock(&pool.lock); }
static void watch_forks(void) { pthread_atfork(lock_for_fork, unlock_after_fork, forget_workers); }

/* With the lock held. */
static int settle_threads(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watch_forks);
  if (!pool.wanted) pool.wanted = default_threads();
  int threads = pool.exhausted && pool.started + 1 < pool.wanted ? pool.started + 1 : pool.wanted;
  atomic_store(&pool.threads, threads);
  return threads;
}

int cpu_pool_threads(void) {
  int threads = atomic_load_explicit(&pool.threads, memory_order_acquire);
  if (threads) return threads;
  mx_lock(&pool.lock);
  threads = settle_threads();
  mx_unlock(&pool.lock);
  return threads;
}

int cpu_pool_set_threads(int count) {
  int before = cpu_pool_threads();
  mx_lock(&pool.lock);
  pool.wanted = count <= 0 ? 0 : count < THREADS_MOST ? count : THREADS_MOST;
  pool.exhausted = false;
  settle_threads();
  mx_unlock(&pool.lock);
  return before;
}

/* Claims pieces until none is left. */
static void work(void) {
  int64_t n = pool.n, step = pool.step;
  in_body = true;
  for (;;) {
    int64_t begin = atomic_fetch_add_explicit(&pool.next, step, memory_order_relaxed);
    if (begin >= n) break;
    pool.body(pool.ctx, begin, n - begin < step ? n : begin + step);
  }
  in_body = false;
}

static void wait_for_job(uint64_t seen) {
  int64_t give_up = now_ns() + SPIN_NS;
  do {
    for (int i = 0; i < 64; i++) {
      if (atomic_load_explicit(&pool.epoch, memory_order_acquire) != seen) return;
      relax();
    }
  } while (now_ns() < give_up);
  mx_lock(&pool.lock);
  atomic_fetch_add(&pool.sleepers, 1);
  while (atomic_load(&pool.epoch) == seen) mx_wait(&pool.work, &pool.lock);
  atomic_fetch_sub(&pool.sleepers, 1);
  mx_unlock(&pool.lock);
}

#ifdef __linux__
static int this_cpu(void) { return sched_getcpu(); }
/* Some kernels wake a worker on the CPU of its waker and leave it there, in turns with the owner, while another CPU idles.
 * A worker that finds itself there moves away; where it may run at all stays as it was. */
static void step_aside(int owner_cpu) {
  if (owner_cpu < 0 || owner_cpu >= CPU_SETSIZE || sched_getcpu() != owner_cpu) return;
  cpu_set_t allowed, others;
  if (sched_getaffinity(0, sizeof allowed, &allowed)) return;
  others = allowed;
  CPU_CLR(owner_cpu, &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others)) return;
  (void)!sched_setaffinity(0, sizeof allowed, &allowed);
}
#else
static int this_cpu(void) { return -1; }
static void step_aside(int owner_cpu) {}
#endif

static void *worker_main(void *arg) {
  uint64_t seen = 0; /* a job older than this thread is simply looked at: it may still be open */
  for (;;) {
    wait_for_job(seen);
    seen = atomic_load(&pool.epoch);
    /* First in, then look: the owner closes, then waits until nobody is inside. One of the two sees the other. */
    atomic_fetch_add(&pool.inside, 1);
    if (atomic_load(&pool.open) && atomic_fetch_sub(&pool.seats, 1) > 0) {
      step_aside(pool.owner_cpu);
      work();
    }
    if (atomic_fetch_sub(&pool.inside, 1) == 1 && atomic_load(&pool.joining)) {
      mx_lock(&pool.lock);
      mx_wake_all(&pool.done);
      mx_unlock(&pool.lock);
    }
  }
  return NULL;
}

/* Makes sure that the workers exist; returns how many there are to use. */
static int start_workers(void) {
  mx_lock(&pool.lock);
  int threads = settle_threads();
  while (pool.started < threads - 1 && !pool.exhausted) {
    pthread_t id;
    if (mx_thread_start(&id, worker_main, NULL, "ravel-cpu")) {
      pool.started++;
    } else {
      pool.exhausted = true;
    }
  }
  threads = settle_threads();
  mx_unlock(&pool.lock);
  return threads - 1;
}

static void join(void) {
  atomic_store(&pool.open, false);
  if (!atomic_load(&pool.inside)) return;
  int64_t give_up = now_ns() + JOIN_SPIN_NS;
  do {
    for (int i = 0; i < 64; i++) {
      if (!atomic_load(&pool.inside)) return;
      relax();
    }
  } while (now_ns() < give_up);
  mx_lock(&pool.lock);
  atomic_store(&pool.joining, true);
  while (atomic_load(&pool.inside)) mx_wait(&pool.done, &pool.lock);
  atomic_store(&pool.joining, false);
  mx_unlock(&pool.lock);
}

static void run_shared(int64_t n, int64_t grain, int64_t pieces, int workers, void (*body)(void *, int64_t, int64_t), void *ctx) {
  int64_t per = pieces / ((int64_t)(workers + 1) * PIECES_PER_THREAD);
  pool.n = n;
  pool.step = grain * (per > 1 ? per : 1);
  int seats = pieces - 1 < workers ? (int)(pieces - 1) : workers;
  atomic_store(&pool.seats, seats);
  pool.owner_cpu = this_cpu();
  pool.body = body;
  pool.ctx = ctx;
  atomic_store_explicit(&pool.next, 0, memory_order_relaxed);
  atomic_store(&pool.open, true);
  atomic_fetch_add(&pool.epoch, 1);
  if (atomic_load(&pool.sleepers)) {
    mx_lock(&pool.lock);
    if (seats >= atomic_load(&pool.sleepers)) mx_wake_all(&pool.work);
    else
      for (int i = 0; i < seats; i++) mx_wake_one(&pool.work);
    mx_unlock(&pool.lock);
  }
  work();
  join();
}

void cpu_parallel_for(int64_t n, int64_t grain, void (*body)(void *ctx, int64_t begin, int64_t end), void *ctx) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  if (n <= grain || in_body || cpu_pool_threads() == 1 || atomic_exchange(&pool.busy, true)) {
    body(ctx, 0, n);
    return;
  }
  int workers = start_workers();
  if (workers > 0) {
    run_shared(n, grain, n / grain + (n % grain != 0), workers, body, ctx);
  } else {
    body(ctx, 0, n);
  }
  atomic_store(&pool.busy, false);
}
