/* Evaluation: what is computed, when, how often, and what happens when it cannot be. */
#include "test.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/thread.h"
#include "eval/eval.h"
#include "graph/stream.h"
#include "ops/ops.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static mx_array *array_of(const float *v, int64_t n) {
  mx_array *a = mx_array_from_copy(v, &n, 1, MX_FLOAT32);
  REQUIRE(a || test_injecting());
  if (!a) test_abandon();
  return a;
}
static float at(const mx_array *a, int64_t i) { return ((const float *)a->t.data)[i * (a->t.ndim ? a->t.strides[a->t.ndim - 1] : 0)]; }

/* x*x + x, evaluated. */
static mx_array *square_plus(mx_array *x, struct mx_stream *s) {
  mx_build b;
  mx_array *out = NULL;
  mx_build_begin(&b, s);
  CHECK_OK(mx_build_end(&b, mx_add(&b, mx_multiply(&b, x, x), x), &out));
  return out;
}

TEST(an_expression_is_lazy_until_it_is_asked_for) {
  mx_array *x = array_of((float[]){1, 2, 3}, 3), *y = square_plus(x, NULL);
  CHECK(!mx_is_done(y));
  CHECK_OK(mx_eval_one(y));
  CHECK(mx_is_done(y));
  CHECK_NEAR(at(y, 0), 2, 0);
  CHECK_NEAR(at(y, 2), 12, 0);
  mx_unref(x);
  mx_unref(y);
}

TEST(an_intermediate_that_somebody_holds_is_there_after_its_consumer) {
  mx_array *x = array_of((float[]){1, 2, 3}, 3), *mid = NULL, *end = NULL;
  mx_build b;
  mx_build_begin(&b, NULL);
  mx_array *m = mx_exp(&b, x), *results[2] = {m, mx_add(&b, m, x)};
  mx_array *out[2];
  CHECK_OK(mx_build_end_many(&b, results, 2, out));
  mid = out[0], end = out[1];
  CHECK_OK(mx_eval_one(end));
  CHECK(mx_is_done(mid));
  CHECK_NEAR(at(end, 1), exp(2.0) + 2, 1e-5);
  mx_unref(mid);
  mx_unref(end);
  mx_unref(x);
}

TEST(a_buffer_of_its_last_user_is_written_over_and_a_shared_one_is_not) {
  int64_t n = 1 << 16;
  mx_build b;
  mx_array *x = NULL, *y = NULL;
  mx_build_begin(&b, NULL);
  CHECK_OK(mx_build_end(&b, mx_arange(&b, 0, (double)n, 1, MX_FLOAT32), &x));
  CHECK_OK(mx_eval_one(x));
  const void *data = x->t.data;
  mx_build_begin(&b, NULL);
  CHECK_OK(mx_build_end(&b, mx_exp(&b, mx_negative(&b, x)), &y));
  CHECK_OK(mx_eval_one(y));
  CHECK(y->t.data != data); /* x is ours still */
  CHECK_NEAR(at(x, 5), 5, 0);
  mx_array *z = NULL;
  mx_build_begin(&b, NULL);
  CHECK_OK(mx_build_end(&b, mx_negative(&b, x), &z));
  mx_unref(x);
  CHECK_OK(mx_eval_one(z));
  CHECK(z->t.data == data);
  CHECK_NEAR(at(z, 7), -7, 0);
  mx_unref(y);
  mx_unref(z);
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { CHAIN = 100000 }; /* a hundred times as slow */
#else
enum { CHAIN = 1000000 };
#endif
TEST(a_chain_of_a_million_operations_builds_evaluates_and_dies) {
  float start[8] = {0};
  mx_array *x = array_of(start, 8), *one = mx_array_scalar(1, MX_FLOAT32);
  REQUIRE(one);
  mx_array *chain = mx_ref(x);
  for (int i = 0; i < CHAIN; i++) {
    mx_build b;
    mx_array *next = NULL;
    mx_build_begin(&b, NULL);
    CHECK_OK(mx_build_end(&b, mx_add(&b, chain, one), &next));
    mx_unref(chain);
    chain = next;
  }
  CHECK_OK(mx_eval_one(chain));
  CHECK_NEAR(at(chain, 3), CHAIN, 0);
  mx_unref(chain);
  mx_unref(one);
  mx_unref(x);
}

TEST(a_chain_of_a_million_that_is_never_evaluated_dies_too) {
  mx_array *chain = array_of((float[]){1}, 1);
  for (int i = 0; i < CHAIN; i++) {
    mx_build b;
    mx_array *next = NULL;
    mx_build_begin(&b, NULL);
    CHECK_OK(mx_build_end(&b, mx_negative(&b, chain), &next));
    mx_unref(chain);
    chain = next;
  }
  mx_unref(chain);
}

TEST(work_on_several_streams_waits_for_what_it_needs) {
  struct mx_device cpu = {MX_CPU, 0};
  struct mx_stream *s1 = mx_stream_new(cpu), *s2 = mx_stream_new(cpu);
  REQUIRE(s1 && s2);
  mx_array *x = array_of((float[]){1, 2, 3, 4}, 4);
  for (int i = 0; i < 200; i++) {
    mx_array *a = square_plus(x, s1), *b = square_plus(a, s2), *c = square_plus(b, s1);
    CHECK_OK(mx_eval_one(c));
    CHECK_NEAR(at(c, 0), 42, 0); /* 1 -> 2 -> 6 -> 42 */
    mx_unref(a);
    mx_unref(b);
    mx_unref(c);
  }
  mx_unref(x);
}

TEST(what_was_started_is_done_after_synchronize) {
  mx_array *x = array_of((float[]){3}, 1), *y = square_plus(x, NULL);
  CHECK_OK(mx_eval_async(&y, 1));
  CHECK_OK(mx_synchronize(NULL));
  CHECK(mx_is_done(y));
  CHECK_NEAR(at(y, 0), 12, 0);
  mx_unref(x);
  mx_unref(y);
}

TEST(out_of_memory_is_an_error_and_the_next_small_operation_works) {
  size_t before = mx_memory_set_limit((size_t)64 << 20);
  mx_build b;
  mx_array *big = NULL, *x = array_of((float[]){1, 2}, 2);
  int64_t n = (int64_t)1 << 26;
  mx_build_begin(&b, NULL);
  CHECK_OK(mx_build_end(&b, mx_exp(&b, mx_arange(&b, 0, (double)n, 1, MX_FLOAT32)), &big));
  CHECK_ERROR(mx_eval_one(big), MX_EMEMORY, "bytes");
  mx_array *y = square_plus(x, NULL);
  CHECK_OK(mx_eval_one(y));
  mx_memory_set_limit(before);
  CHECK_OK(mx_eval_one(big)); /* it went back to lazy: with memory it can still be had */
  CHECK_NEAR(at(big, 1), exp(1.0), 1e-5);
  mx_unref(big);
  mx_unref(x);
  mx_unref(y);
}

TEST(an_error_on_a_stream_s_worker_is_raised_where_the_result_is_asked_for) {
  struct mx_stream *s = mx_stream_new((struct mx_device){MX_CPU, 0});
  size_t before = mx_memory_set_limit((size_t)64 << 20);
  mx_build b;
  mx_array *big = NULL;
  mx_build_begin(&b, s);
  CHECK_OK(mx_build_end(&b, mx_exp(&b, mx_arange(&b, 0, (double)((int64_t)1 << 26), 1, MX_FLOAT32)), &big));
  CHECK_OK(mx_eval_async(&big, 1));
  CHECK_ERROR(mx_synchronize(s), MX_EMEMORY, "bytes");
  CHECK_ERROR(mx_eval_one(big), MX_EMEMORY, "bytes");
  mx_memory_set_limit(before);
  mx_unref(big);
}

TEST(an_error_on_another_stream_is_raised_by_what_depends_on_it) {
  struct mx_stream *s = mx_stream_new((struct mx_device){MX_CPU, 0});
  REQUIRE(s);
  mx_array *x = array_of((float[]){1, 2, 3}, 3), *picked = NULL, *more = NULL;
  for (int i = 0; i < 50; i++) {
    mx_build b;
    mx_build_begin(&b, s);
    CHECK_OK(mx_build_end(&b, mx_take(&b, x, mx_scalar(&b, 7, MX_INT32), NULL), &picked));
    mx_build_begin(&b, NULL);
    CHECK_OK(mx_build_end(&b, mx_add(&b, picked, picked), &more));
    if (i % 2) mx_eval_async(&picked, 1);
    CHECK_ERROR(mx_eval_one(more), MX_EINDEX, "out of bounds");
    CHECK_ERROR(mx_eval_one(picked), MX_EINDEX, "out of bounds");
    CHECK_ERROR(mx_synchronize(s), MX_EINDEX, "out of bounds");
    CHECK_OK(mx_synchronize(s));
    mx_unref(picked);
    mx_unref(more);
  }
  mx_unref(x);
}

static int released, taken;
static void *release(void) {
  released++;
  return &released;
}
static void take(void *held) { taken += held == &released; }

TEST(a_callers_lock_is_released_while_work_is_long_and_kept_while_it_is_brief) {
  const struct mx_outer_lock lock = {release, take};
  mx_array *few = array_of((float[]){1, 2, 3}, 3), *brief = square_plus(few, NULL);
  released = taken = 0;
  CHECK_OK(mx_eval_under(&brief, 1, &lock));
  CHECK_INT(released, 0);
  CHECK_NEAR(at(brief, 2), 12, 0);
  static float many[1 << 16];
  mx_array *x = array_of(many, MX_COUNT(many)), *y = square_plus(x, NULL);
  CHECK_OK(mx_eval_under(&y, 1, &lock));
  CHECK_INT(released, 1);
  CHECK_INT(taken, 1);
  /* What another evaluation has under way may have to be waited for. */
  mx_array *z = square_plus(x, mx_stream_new(mx_default_device())), *w = square_plus(z, NULL);
  CHECK_OK(mx_eval_async(&z, 1));
  CHECK_OK(mx_eval_under(&z, 1, &lock));
  CHECK_OK(mx_eval_under(&w, 1, &lock));
  CHECK(released >= 2);
  CHECK_INT(taken, released);
  mx_array *all[] = {few, brief, x, y, z, w};
  for (int i = 0; i < MX_COUNT(all); i++) mx_unref(all[i]);
}

/* Eight threads that build and evaluate on shared arrays and streams. */

struct shared {
  mx_array *base;
  struct mx_stream *streams[3];
  _Atomic int wrong;
};
static void *hammer(void *arg) {
  struct shared *s = arg;
  for (int i = 0; i < 150; i++) {
    mx_build b;
    mx_array *y = NULL, *z = NULL;
    mx_build_begin(&b, s->streams[i % 3]);
    if (mx_build_end(&b, mx_add(&b, mx_multiply(&b, s->base, s->base), s->base), &y)) atomic_fetch_add(&s->wrong, 1);
    mx_build_begin(&b, s->streams[(i + 1) % 3]);
    if (y && mx_build_end(&b, mx_sum(&b, y, NULL, 0, false), &z)) atomic_fetch_add(&s->wrong, 1);
    if (i % 4 == 0 && y) mx_eval_async(&y, 1);
    if (!z || mx_eval_one(z) || fabsf(*(const float *)z->t.data - 20.0f) > 1e-4f) atomic_fetch_add(&s->wrong, 1);
    mx_unref(y);
    mx_unref(z);
  }
  return NULL;
}
TEST(eight_threads_evaluate_on_shared_arrays_and_streams) {
  struct shared s = {0};
  mx_array *four = array_of((float[]){1, 1, 1, 3}, 4);
  mx_build b;
  mx_array *one = NULL;
  mx_build_begin(&b, NULL);
  CHECK_OK(mx_build_end(&b, mx_where(&b, mx_equal(&b, four, mx_scalar(&b, 3, MX_FLOAT32)), mx_scalar(&b, 3.2749171f, MX_FLOAT32), four), &one));
  s.base = one; /* shared and not yet computed: 3 * 2 + 3.2749171 * 4.2749171 = 20.0 */
  for (int i = 0; i < 3; i++) REQUIRE(s.streams[i] = mx_stream_new((struct mx_device){MX_CPU, 0}));
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) REQUIRE(!pthread_create(&threads[i], NULL, hammer, &s));
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  CHECK_INT(s.wrong, 0);
  CHECK_OK(mx_synchronize(NULL)); /* workers let go of a job after its results are there: the next test counts what lives */
  mx_unref(four);
  mx_unref(one);
}

/* Two threads that evaluate and drop the same graph at once. */
static void *evaluate_and_drop(void *arg) {
  mx_array **pair = arg;
  mx_eval(pair, 2);
  mx_unref(pair[0]);
  mx_unref(pair[1]);
  return NULL;
}
TEST(two_threads_evaluate_and_drop_the_same_graph_without_leak) {
  mx_array *x = array_of((float[]){1, 2, 3}, 3);
  int64_t live = mx_alloc_live();
  for (int i = 0; i < 500; i++) {
    mx_array *y = square_plus(x, NULL), *z = square_plus(y, NULL);
    mx_array *one[2] = {mx_ref(y), mx_ref(z)}, *two[2] = {mx_ref(z), mx_ref(y)};
    pthread_t a, b;
    REQUIRE(!pthread_create(&a, NULL, evaluate_and_drop, one) && !pthread_create(&b, NULL, evaluate_and_drop, two));
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    CHECK(mx_is_done(z));
    CHECK_NEAR(at(z, 1), 42, 0);
    mx_unref(y);
    mx_unref(z);
  }
  CHECK_INT(mx_alloc_live(), live);
  mx_unref(x);
}

TEST_TORTURE(an_evaluation_survives_any_allocation_that_fails) {
  mx_array *x = array_of((float[]){1, 2, 3}, 3);
  mx_build b;
  mx_array *y = NULL;
  mx_build_begin(&b, NULL);
  int status = mx_build_end(&b, mx_sum(&b, mx_exp(&b, mx_multiply(&b, x, x)), NULL, 0, false), &y);
  if (!status) status = mx_eval_one(y);
  CHECK(status == MX_OK || status == MX_EMEMORY);
  mx_unref(y);
  mx_unref(x);
  CHECK_OK(status);
}
