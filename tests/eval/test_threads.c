/* Threads: everything on shared arrays and streams for as long as RAVEL_SOAK says (seconds); the same graph evaluated, differentiated
 * and dropped by two threads at once, with a count of how often it is computed. */
#include "test.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/thread.h"
#include "eval/eval.h"
#include "graph/load.h"
#include "graph/params.h"
#include "graph/prim.h"
#include "graph/stream.h"
#include "ops/ops.h"
#include "transforms/transforms.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The pool: arrays that hold one value everywhere, an integer below PRIME, known without asking the library. */
enum { PRIME = 97, SLOTS = 24, THREADS = 8, ELEMENTS = 1 << 14 };
struct pool {
  mx_mutex lock;
  struct slot {
    mx_array *a;
    int32_t value;
  } slots[SLOTS];
  struct mx_stream *streams[4];
  uint64_t compiled;
  struct timespec until;
  _Atomic int wrong;
  _Atomic int64_t rounds;
};

static uint32_t next(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}

static mx_array *modulo(mx_build *b, mx_array *a) { return mx_remainder(b, a, mx_scalar(b, PRIME, MX_INT32)); }

static int twice_plus(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  (void)ctx, (void)nin;
  mx_build b;
  mx_array *y = NULL;
  mx_build_begin(&b, NULL);
  int status = mx_build_end(&b, modulo(&b, mx_add(&b, mx_add(&b, in[0], in[0]), in[1])), &y);
  if (!status) status = mx_list_add(out, y);
  mx_unref(y);
  return status;
}
/* sum(x * y) of floats, where y is ctx: the gradient is y. */
static int weighted(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  (void)nin;
  mx_build b;
  mx_array *y = NULL;
  mx_build_begin(&b, NULL);
  int status = mx_build_end(&b, mx_sum(&b, mx_multiply(&b, in[0], mx_astype(&b, ctx, MX_FLOAT32)), NULL, 0, false), &y);
  if (!status) status = mx_list_add(out, y);
  mx_unref(y);
  return status;
}

/* Operations that nodes alone make. */
static mx_array *plain_op(mx_build *b, uint32_t which, struct slot x, struct slot y, int32_t *value) {
  int64_t n = ELEMENTS, rows[2] = {64, ELEMENTS / 64}, lo = 0, hi = n, up = 1, end = n - 1, before = -n - 1, down = -1;
  switch (which) {
  case 0: *value = (x.value + y.value) % PRIME; return modulo(b, mx_add(b, x.a, y.a));
  case 1: *value = x.value * y.value % PRIME; return modulo(b, mx_multiply(b, x.a, y.a));
  case 2: /* a reduction, and a broadcast of it */
    *value = x.value * (ELEMENTS % PRIME) % PRIME;
    return mx_broadcast_to(b, modulo(b, mx_sum(b, x.a, NULL, 0, false)), &n, 1);
  case 3: *value = y.value; return mx_slice_update(b, x.a, y.a, &lo, &hi, &up, 0); /* may write over x */
  case 4: *value = (x.value + 1) % PRIME; return modulo(b, mx_add(b, mx_slice(b, x.a, &end, &before, &down), mx_scalar(b, 1, MX_INT32)));
  case 5: *value = x.value; return mx_reshape(b, mx_contiguous(b, mx_transpose(b, mx_reshape(b, x.a, rows, 2), NULL, 0)), &n, 1);
  default: *value = x.value; return mx_where(b, mx_greater(b, x.a, mx_scalar(b, -1, MX_INT32)), x.a, y.a);
  }
}

static int gradient_op(struct slot x, struct slot y, mx_array **out, int32_t *value) {
  struct mx_function f = {weighted, y.a};
  struct mx_list values = {0}, grads = {0};
  mx_build b;
  mx_array *start = NULL;
  mx_build_begin(&b, NULL);
  int zero = 0, status = mx_build_end(&b, mx_astype(&b, x.a, MX_FLOAT32), &start);
  if (!status) status = mx_value_and_grad(&f, &start, 1, &zero, 1, &values, &grads);
  mx_build_begin(&b, NULL);
  *value = y.value;
  status = status ? status : mx_build_end(&b, mx_astype(&b, grads.at[0], MX_INT32), out);
  mx_list_clear(&values);
  mx_list_clear(&grads);
  mx_unref(start);
  return status;
}

static int compiled_op(const struct pool *p, struct slot x, struct slot y, mx_array **out, int32_t *value) {
  struct mx_function f = {twice_plus, NULL};
  struct mx_list results = {0};
  mx_array *in[2] = {x.a, y.a};
  *value = (2 * x.value + y.value) % PRIME;
  int status = mx_compile_call(&f, p->compiled, NULL, 0, false, in, 2, &results);
  if (!status) *out = mx_ref(results.at[0]);
  mx_list_clear(&results);
  return status;
}

static bool holds(const mx_array *a, int32_t value) {
  const int32_t *data = a->t.data;
  int64_t step = a->t.strides[0];
  return data[0] == value && data[step * (ELEMENTS / 2)] == value && data[step * (ELEMENTS - 1)] == value;
}

static struct slot take(struct pool *p, int k) {
  mx_lock(&p->lock);
  struct slot s = {mx_ref(p->slots[k].a), p->slots[k].value};
  mx_unlock(&p->lock);
  return s;
}
static void put(struct pool *p, int k, struct slot s) {
  mx_lock(&p->lock);
  mx_array *old = p->slots[k].a;
  p->slots[k] = s;
  mx_unlock(&p->lock);
  mx_unref(old);
}
static bool time_is_up(const struct pool *p) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec > p->until.tv_sec || (now.tv_sec == p->until.tv_sec && now.tv_nsec > p->until.tv_nsec);
}

static int one_round(struct pool *p, uint32_t *seed) {
  struct mx_stream *stream = p->streams[next(seed) % 4];
  struct slot x = take(p, (int)(next(seed) % SLOTS)), y = take(p, (int)(next(seed) % SLOTS)), z = {NULL, 0};
  uint32_t which = next(seed) % 9, after = next(seed) % 8;
  int status;
  if (which == 7) status = gradient_op(x, y, &z.a, &z.value);
  else if (which == 8) status = compiled_op(p, x, y, &z.a, &z.value);
  else {
    mx_build b;
    mx_build_begin(&b, stream);
    status = mx_build_end(&b, plain_op(&b, which, x, y, &z.value), &z.a);
  }
  mx_unref(x.a);
  mx_unref(y.a);
  if (status) return 1;
  int bad = 0;
  if (after < 3) bad = mx_eval_one(z.a) || !holds(z.a, z.value);
  else if (after == 3) bad = mx_eval_async(&z.a, 1) != MX_OK;
  else if (after == 4) bad = mx_eval_async(&z.a, 1) || mx_synchronize(next(seed) % 2 ? stream : NULL);
  put(p, (int)(next(seed) % SLOTS), z);
  return bad;
}
struct worker {
  struct pool *pool;
  uint32_t seed;
};
static void *soak(void *arg) {
  struct worker *w = arg;
  int64_t n = 0;
  while (n % 16 || !time_is_up(w->pool)) {
    if (one_round(w->pool, &w->seed)) atomic_fetch_add(&w->pool->wrong, 1);
    n++;
  }
  atomic_fetch_add(&w->pool->rounds, n);
  return NULL;
}

static void soak_for(struct pool *p, int seconds) {
  for (int i = 0; i < SLOTS; i++) {
    mx_build b;
    mx_build_begin(&b, NULL);
    p->slots[i].value = i;
    CHECK_OK(mx_build_end(&b, mx_contiguous(&b, mx_broadcast_to(&b, mx_scalar(&b, i, MX_INT32), &(int64_t){ELEMENTS}, 1)), &p->slots[i].a));
  }
  clock_gettime(CLOCK_MONOTONIC, &p->until);
  p->until.tv_sec += seconds;
  pthread_t threads[THREADS];
  struct worker workers[THREADS];
  for (uint32_t i = 0; i < THREADS; i++) {
    workers[i] = (struct worker){p, i + 1};
    REQUIRE(!pthread_create(&threads[i], NULL, soak, &workers[i]));
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  CHECK_OK(mx_synchronize(NULL));
  CHECK_INT(p->wrong, 0);
  for (int i = 0; i < SLOTS; i++) {
    CHECK_OK(mx_eval_one(p->slots[i].a));
    CHECK(holds(p->slots[i].a, p->slots[i].value));
    mx_unref(p->slots[i].a);
  }
  CHECK_OK(mx_synchronize(NULL)); /* workers let go of a job after its results are there */
  mx_compile_erase(p->compiled);
}

TEST(eight_threads_do_everything_on_shared_arrays_and_streams) {
  const char *text = getenv("RAVEL_SOAK");
  struct pool p = {.lock = MX_MUTEX_INIT, .compiled = mx_compile_new_id()};
  for (int i = 0; i < 3; i++) REQUIRE(p.streams[i] = mx_stream_new((struct mx_device){MX_CPU, 0}));
  soak_for(&p, 1); /* what is made once and kept is there now */
  int64_t live = mx_alloc_live(), rounds = p.rounds;
  soak_for(&p, text && atoi(text) > 0 ? atoi(text) : 2);
  CHECK(p.rounds > rounds);
  CHECK_INT(mx_alloc_live(), live);
}

/* The same graph, by two threads at once. Its source counts how often it is asked for. */

struct source {
  struct mx_reader reader;
  _Atomic int reads;
};
static int source_read(struct mx_reader *r, void *to, size_t n, uint64_t offset) {
  (void)offset;
  float *v = to;
  for (size_t i = 0; i < n / sizeof *v; i++) v[i] = 2;
  atomic_fetch_add(&((struct source *)r)->reads, 1);
  return MX_OK;
}
static void source_destroy(struct mx_object *o) { (void)o; }
static const struct mx_object_type source_type = {"source", source_destroy, NULL, NULL};

enum { WIDE = 48 };
struct both {
  pthread_barrier_t start, end;
  struct source source;
  mx_array *y[2], *z[2], *w; /* y = load(); z = y*y + y, by each thread's own reference; w: the weights */
  struct mx_stream *stream;
  int rounds;
  _Atomic int wrong;
};
struct side {
  struct both *both;
  int index;
};

/* sum(x * z), where z is the shared graph, evaluated on the way every other time. */
struct through {
  mx_array *z;
  bool evaluates;
};
static int through_shared(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  (void)nin;
  struct through *t = ctx;
  mx_build b;
  mx_array *y = NULL;
  int status = t->evaluates ? mx_eval_one(t->z) : MX_OK;
  mx_build_begin(&b, NULL);
  int built = mx_build_end(&b, mx_sum(&b, mx_multiply(&b, in[0], t->z), NULL, 0, false), &y);
  if (!status) status = built;
  if (!status) status = mx_list_add(out, y);
  mx_unref(y);
  return status;
}

static int use(struct both *p, int side, int round) {
  mx_array *z = p->z[side];
  struct mx_list values = {0}, grads = {0};
  struct through t = {z, (round >> 1) % 2};
  struct mx_function f = {through_shared, &t};
  int zero = 0, bad = 0;
  bool first = (round + side) % 3 == 0;
  if (first) bad = mx_eval_one(z) != MX_OK;
  if (!bad) bad = mx_value_and_grad(&f, &p->w, 1, &zero, 1, &values, &grads) != MX_OK;
  if (!bad && round % 5 == 0) bad = mx_eval_async(&grads.at[0], 1) != MX_OK;
  mx_unref(z); /* this side's hold on the shared graph; the gradient has its own */
  mx_unref(p->y[side]);
  if (!bad) bad = mx_eval_one(grads.at[0]) || ((const float *)grads.at[0]->t.data)[0] != 6;
  if (!bad) bad = mx_eval_one(values.at[0]) || *(const float *)values.at[0]->t.data != 6 * WIDE;
  mx_list_clear(&values);
  mx_list_clear(&grads);
  return bad;
}
static int make(struct both *p) {
  mx_build b;
  mx_array *out[2], *y;
  int64_t shape = WIDE;
  atomic_store(&p->source.reads, 0);
  mx_build_begin(&b, p->stream);
  struct mx_params params = {.head = &(struct mx_load_params){.dtype = MX_FLOAT32}, .head_size = sizeof(struct mx_load_params),
                             .ints = &shape, .nints = 1, .obj = &p->source.reader.o};
  y = mx_apply(&b, &mx_prim_load, NULL, 0, &params);
  int status = mx_build_end_many(&b, (mx_array *[]){y, mx_add(&b, mx_multiply(&b, y, y), y)}, 2, out);
  if (status) return status;
  p->y[0] = out[0], p->z[0] = out[1];
  p->y[1] = mx_ref(out[0]), p->z[1] = mx_ref(out[1]);
  return MX_OK;
}
static void *take_side(void *arg) {
  struct side *s = arg;
  struct both *p = s->both;
  for (int i = 0; i < p->rounds; i++) {
    if (s->index == 0 && make(p)) atomic_fetch_add(&p->wrong, 1000000);
    pthread_barrier_wait(&p->start);
    if (use(p, s->index, i)) atomic_fetch_add(&p->wrong, 1);
    pthread_barrier_wait(&p->end);
    if (s->index == 0 && atomic_load(&p->source.reads) != 1) atomic_fetch_add(&p->wrong, 1000);
  }
  return NULL;
}

TEST(two_threads_evaluate_differentiate_and_drop_a_graph_that_is_computed_once) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || defined(__aarch64__)
  struct both p = {.rounds = 5000};
#else
  struct both p = {.rounds = 40000};
#endif
  p.source.reader.o = (struct mx_object){.type = &source_type};
  p.source.reader.read = source_read;
  atomic_init(&p.source.reader.o.refs, 1);
  float ones[WIDE];
  for (int i = 0; i < WIDE; i++) ones[i] = 1;
  p.w = mx_array_from_copy(ones, &(int64_t){WIDE}, 1, MX_FLOAT32);
  REQUIRE(p.w && !pthread_barrier_init(&p.start, NULL, 2) && !pthread_barrier_init(&p.end, NULL, 2));
  for (int k = 0; k < 2; k++) { /* on the caller's thread; on a stream's worker */
    CHECK_OK(mx_synchronize(NULL));
    int64_t live = mx_alloc_live();
    if (k) REQUIRE(p.stream = mx_stream_new((struct mx_device){MX_CPU, 0}));
    struct side sides[2] = {{&p, 0}, {&p, 1}};
    pthread_t thread;
    REQUIRE(!pthread_create(&thread, NULL, take_side, &sides[1]));
    take_side(&sides[0]);
    pthread_join(thread, NULL);
    CHECK_OK(mx_synchronize(NULL));
    CHECK_INT(p.wrong, 0);
    CHECK(mx_alloc_live() <= live + 2 * k); /* the stream and its worker's queue */
    CHECK_INT(p.source.reader.o.refs, 1);
    p.rounds /= 4;
  }
  pthread_barrier_destroy(&p.start);
  pthread_barrier_destroy(&p.end);
  mx_unref(p.w);
}

/* Evaluations that fail give their nodes back, and others claim those again: nobody may wait for a claim later than its own. */

struct doomed {
  mx_array *ends[4]; /* each crosses three streams, all rest on an index out of bounds */
  _Atomic int wrong;
};
struct doomed_side {
  struct doomed *d;
  int index;
};
static void *evaluate_doomed(void *arg) {
  struct doomed_side *s = arg;
  for (int i = 0; i < 2000; i++) {
    mx_array *pair[2] = {s->d->ends[(s->index + i) % 4], s->d->ends[(s->index + 2 * i + 1) % 4]};
    if (mx_eval(pair, 2) != MX_EINDEX) atomic_fetch_add(&s->d->wrong, 1);
  }
  return NULL;
}
TEST(evaluations_that_fail_side_by_side_on_the_same_graph_all_end_with_its_error) {
  struct mx_stream *streams[3];
  for (int i = 0; i < 3; i++) REQUIRE(streams[i] = mx_stream_new((struct mx_device){MX_CPU, 0}));
  struct doomed d = {0};
  float values[3] = {1, 2, 3};
  mx_array *x = mx_array_from_copy(values, &(int64_t){3}, 1, MX_FLOAT32), *bad;
  mx_build b;
  mx_build_begin(&b, streams[0]);
  REQUIRE(!mx_build_end(&b, mx_take(&b, x, mx_scalar(&b, 7, MX_INT32), NULL), &bad));
  for (int k = 0; k < 4; k++) {
    mx_array *at = mx_ref(bad);
    for (int i = 0; i < 6; i++) {
      mx_array *next = NULL;
      mx_build_begin(&b, streams[(k + i) % 3]);
      REQUIRE(!mx_build_end(&b, mx_sum(&b, mx_add(&b, at, k ? d.ends[k - 1] : at), NULL, 0, false), &next));
      mx_unref(at);
      at = next;
    }
    d.ends[k] = at;
  }
  pthread_t threads[4];
  struct doomed_side sides[4];
  for (int i = 0; i < 4; i++) {
    sides[i] = (struct doomed_side){&d, i};
    REQUIRE(!pthread_create(&threads[i], NULL, evaluate_doomed, &sides[i]));
  }
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CHECK_INT(d.wrong, 0);
  mx_synchronize(NULL); /* with the error that the workers saw */
  for (int k = 0; k < 4; k++) mx_unref(d.ends[k]);
  mx_unref(bad);
  mx_unref(x);
}
