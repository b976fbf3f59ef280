/* probe.c: what this machine can do at best, asked between the peers' turns: moving bytes, and multiply-adds.
 * Reads a command a line on stdin, answers a line of JSON on stdout; two threads, data made once and touched.
 *   move <bytes read> <bytes written>     the same bytes in the same ratio, with plain and with non-temporal stores
 *   fma f32|bf16 <flops>                  the time that many flops take at the peak rate
 * Invariant: a command's time holds the threads' start and end only as a spin on one counter, no system call. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { THREADS = 2, LANES = 8 };
typedef float vec __attribute__((vector_size(32), may_alias));

struct job {
  void (*run)(const struct job *, int thread);
  const char *in[2];
  char *out;
  size_t read, write; /* bytes of each input, and of the output */
  int inputs;
  int64_t rounds;
};

static struct job job;
static atomic_int turn, done;
static volatile float sink[THREADS * 64];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static void *helper(void *unused) {
  (void)unused;
  for (int seen = 0;;) {
    while (atomic_load_explicit(&turn, memory_order_acquire) == seen) relax();
    seen = atomic_load_explicit(&turn, memory_order_acquire);
    job.run(&job, 1);
    atomic_store_explicit(&done, seen, memory_order_release);
  }
  return NULL;
}

static double timed(void) {
  double start = now();
  int mine = atomic_fetch_add_explicit(&turn, 1, memory_order_acq_rel) + 1;
  job.run(&job, 0);
  while (atomic_load_explicit(&done, memory_order_acquire) != mine) relax();
  return now() - start;
}

/* This thread's half of n bytes, in whole cache lines. */
static size_t half_begin(size_t n, int thread) { return thread * (n / THREADS & ~(size_t)63); }
static size_t half_end(size_t n, int thread) { return thread + 1 == THREADS ? n & ~(size_t)63 : half_begin(n, thread + 1); }

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx2,fma")))
#define STREAM(p, v) _mm256_stream_ps((float *)(p), (__m256)(v))
#define FENCE() _mm_sfence()
#else
#define WIDE
#define STREAM(p, v) (*(vec *)(p) = (v))
#define FENCE() ((void)0)
#endif

/* Sums all inputs into eight accumulators: as fast as reading goes. */
WIDE static void run_read(const struct job *j, int t) {
  vec s[8] = {0};
  for (int k = 0; k < j->inputs; k++)
    for (size_t i = half_begin(j->read, t), e = half_end(j->read, t); i + 256 <= e; i += 256)
      for (int u = 0; u < 8; u++) s[u] += *(const vec *)(j->in[k] + i + 32 * u);
  for (int u = 1; u < 8; u++) s[0] += s[u];
  sink[t * 64] = s[0][0];
}

#define MOVE(name, STORE)                                                                                     \
  WIDE static void name(const struct job *j, int t) {                                                        \
    vec c = {1, 1, 1, 1, 1, 1, 1, 1};                                                                        \
    for (size_t i = half_begin(j->write, t), e = half_end(j->write, t); i < e; i += 64)                      \
      for (int u = 0; u < 64; u += 32) {                                                                     \
        vec v = c;                                                                                           \
        if (j->inputs > 0) v = *(const vec *)(j->in[0] + i + u);                                             \
        if (j->inputs > 1) v += *(const vec *)(j->in[1] + i + u);                                            \
        STORE(j->out + i + u, v);                                                                            \
      }                                                                                                      \
    FENCE();                                                                                                 \
  }
#define PLAIN(p, v) (*(vec *)(p) = (v))
MOVE(run_plain, PLAIN)
MOVE(run_stream, STREAM)

/* Twelve independent chains of fused multiply-adds. The results go to memory, so that they must be made. */
#define FMA_CHAINS(name, attribute, type, step, flops_a_step)                                                 \
  attribute static void name(const struct job *j, int t) {                                                   \
    type a[12];                                                                                              \
    for (int k = 0; k < 12; k++) memset(&a[k], 0, sizeof a[k]);                                              \
    type x = a[0];                                                                                           \
    __asm__ volatile("" : "+x"(x));                                                                          \
    for (int64_t r = 0; r < j->rounds; r++) {                                                                \
      _Pragma("GCC unroll 12") for (int k = 0; k < 12; k++) a[k] = step(a[k], x);                            \
    }                                                                                                        \
    float total = 0;                                                                                         \
    for (int k = 0; k < 12; k++) total += ((const float *)&a[k])[0];                                         \
    sink[t * 64] = total;                                                                                    \
  }                                                                                                          \
  enum { name##_flops = 12 * THREADS * (flops_a_step) };

struct peak {
  void (*run)(const struct job *, int);
  int flops; /* of one round, all threads */
};

#if defined(__x86_64__)
#define STEP256(a, x) _mm256_fmadd_ps(a, x, x)
#define STEP512(a, x) _mm512_fmadd_ps(a, x, x)
FMA_CHAINS(run_fma256, __attribute__((target("avx2,fma"))), __m256, STEP256, 16)
FMA_CHAINS(run_fma512, __attribute__((target("avx512f"))), __m512, STEP512, 32)
#define STEPDOT(a, x) _mm512_dpbf16_ps(a, (__m512bh)(x), (__m512bh)(x))
FMA_CHAINS(run_dot512, __attribute__((target("avx512f,avx512bf16"))), __m512, STEPDOT, 64)

static struct peak peak_of(const char *dtype) {
  __builtin_cpu_init();
  if (!strcmp(dtype, "bf16") && __builtin_cpu_supports("avx512bf16")) return (struct peak){run_dot512, run_dot512_flops};
  if (__builtin_cpu_supports("avx512f")) return (struct peak){run_fma512, run_fma512_flops};
  return (struct peak){run_fma256, run_fma256_flops};
}
#else
static inline vec step_vec(vec a, vec x) {
  for (int k = 0; k < LANES; k++) a[k] = __builtin_fmaf(a[k], x[k], x[k]);
  return a;
}
static void run_fma_vec(const struct job *j, int t) {
  vec a[12] = {{0}}, x = {0};
  for (int64_t r = 0; r < j->rounds; r++)
    for (int k = 0; k < 12; k++) a[k] = step_vec(a[k], x);
  for (int k = 1; k < 12; k++) a[0] += a[k];
  sink[t * 64] = a[0][0];
}
static struct peak peak_of(const char *dtype) {
  (void)dtype;
  return (struct peak){run_fma_vec, 12 * THREADS * 2 * LANES};
}
#endif

static char *buffers[3];
static size_t held;

/* Three touched buffers of at least n bytes, so that no run meets a fresh page. */
static int hold(size_t n) {
  n = (n + 4095) & ~(size_t)4095;
  if (n <= held) return 1;
  for (int i = 0; i < 3; i++) {
    free(buffers[i]);
    buffers[i] = aligned_alloc(4096, n);
    if (!buffers[i]) return 0;
    memset(buffers[i], i, n);
  }
  held = n;
  return 1;
}

static int move(size_t read, size_t write) {
  size_t each = write ? write : read; /* the inputs are as long as the output */
  int inputs = each ? (int)(read / each) : 0;
  if (!each || inputs > 2 || !hold(each)) return 0;
  job = (struct job){.in = {buffers[0], buffers[1]}, .out = buffers[2], .read = each, .write = write, .inputs = inputs};
  if (!write) {
    job.run = run_read;
    timed();
    printf("{\"seconds\": %.9f}\n", timed());
    return 1;
  }
  job.run = run_plain;
  timed();
  double plain = timed();
  job.run = run_stream;
  timed();
  double stream = timed();
  printf("{\"plain\": %.9f, \"stream\": %.9f, \"seconds\": %.9f}\n", plain, stream, plain < stream ? plain : stream);
  return 1;
}

static int fma_peak(const char *dtype, double flops) {
  struct peak p = peak_of(dtype);
  job = (struct job){.run = p.run, .rounds = 1000000};
  timed();
  double t = timed();
  printf("{\"seconds\": %.9f}\n", flops * t / ((double)p.flops * (double)job.rounds));
  return 1;
}

int main(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, helper, NULL)) return 1;
  puts("{\"ready\": true}");
  fflush(stdout);
  char line[128], dtype[16];
  size_t read, write;
  double flops;
  while (fgets(line, sizeof line, stdin)) {
    int ok = 0;
    if (sscanf(line, "move %zu %zu", &read, &write) == 2) ok = move(read, write);
    else if (sscanf(line, "fma %15s %lf", dtype, &flops) == 2) ok = fma_peak(dtype, flops);
    if (!ok) puts("{\"missing\": \"no such probe\"}");
    fflush(stdout);
  }
  return 0;
}
