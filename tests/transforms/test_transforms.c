/* Transforms against mathematics. */
#include "test.h"

#include "core/error.h"
#include "eval/eval.h"
#include "graph/build.h"
#include "ops/ops.h"
#include "transforms/transforms.h"

static mx_array *vec(const float *v, int64_t n) {
  mx_array *a = mx_array_from_copy(v, &n, 1, MX_FLOAT32);
  REQUIRE(a);
  return a;
}
static float value(mx_array *a, int64_t i) {
  mx_array *flat = NULL;
  mx_build b;
  mx_build_begin(&b, NULL);
  CHECK_OK(mx_build_end(&b, mx_contiguous(&b, a), &flat));
  CHECK_OK(mx_eval_one(flat));
  float v = ((const float *)flat->t.data)[i];
  mx_unref(flat);
  return v;
}

/* sum(sin(x) * x) */
static int sum_sin(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  (void)nin;
  int *calls = ctx;
  if (calls) ++*calls;
  mx_build b;
  mx_array *y = NULL;
  mx_build_begin(&b, NULL);
  int status = mx_build_end(&b, mx_sum(&b, mx_multiply(&b, mx_sin(&b, in[0]), in[0]), NULL, 0, false), &y);
  if (!status) status = mx_list_add(out, y);
  mx_unref(y);
  return status;
}
/* The gradient of sum_sin's first input, summed: a scalar again, so that it can be differentiated. */
static int grad_sum(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  struct mx_function f = {sum_sin, ctx};
  struct mx_list values = {0}, grads = {0};
  int zero = 0, status = mx_value_and_grad(&f, in, nin, &zero, 1, &values, &grads);
  mx_build b;
  mx_array *y = NULL;
  mx_build_begin(&b, NULL);
  if (!status) status = mx_build_end(&b, mx_sum(&b, grads.at[0], NULL, 0, false), &y);
  else mx_build_end_many(&b, NULL, 0, NULL);
  if (!status) status = mx_list_add(out, y);
  mx_unref(y);
  mx_list_clear(&values);
  mx_list_clear(&grads);
  return status;
}

TEST(a_gradient_is_the_derivative) {
  mx_array *x = vec((float[]){0.5f, -2}, 2);
  struct mx_function f = {sum_sin, NULL};
  struct mx_list values = {0}, grads = {0};
  int zero = 0;
  CHECK_OK(mx_value_and_grad(&f, &x, 1, &zero, 1, &values, &grads));
  CHECK_NEAR(value(values.at[0], 0), 0.5 * sin(0.5) + 2 * sin(2), 1e-6);
  CHECK_NEAR(value(grads.at[0], 0), cos(0.5) * 0.5 + sin(0.5), 1e-6);
  CHECK_NEAR(value(grads.at[0], 1), cos(2) * -2 - sin(2), 1e-6);
  mx_list_clear(&values);
  mx_list_clear(&grads);
  mx_unref(x);
}

TEST(a_gradient_of_a_gradient_is_the_second_derivative) {
  mx_array *x = vec((float[]){0.5f}, 1);
  struct mx_function f = {grad_sum, NULL};
  struct mx_list values = {0}, grads = {0};
  int zero = 0;
  CHECK_OK(mx_value_and_grad(&f, &x, 1, &zero, 1, &values, &grads));
  CHECK_NEAR(value(grads.at[0], 0), 2 * cos(0.5) - 0.5 * sin(0.5), 1e-6);
  mx_list_clear(&values);
  mx_list_clear(&grads);
  mx_unref(x);
}

TEST(forward_and_reverse_agree) {
  mx_array *x = vec((float[]){0.5f, -2, 3}, 3), *t = vec((float[]){1, 2, -1}, 3), *one = mx_array_scalar(1, MX_FLOAT32);
  struct mx_function f = {sum_sin, NULL};
  struct mx_list v1 = {0}, tangents = {0}, v2 = {0}, grads = {0};
  CHECK_OK(mx_jvp(&f, &x, &t, 1, &v1, &tangents));
  CHECK_OK(mx_vjp(&f, &x, 1, &one, 1, &v2, &grads));
  double dot = 0;
  for (int i = 0; i < 3; i++) dot += (double)value(grads.at[0], i) * value(t, i);
  CHECK_NEAR(value(tangents.at[0], 0), dot, 1e-5);
  mx_list_clear(&v1);
  mx_list_clear(&v2);
  mx_list_clear(&tangents);
  mx_list_clear(&grads);
  mx_unref(x);
  mx_unref(t);
  mx_unref(one);
}

TEST(a_compiled_function_is_traced_once_and_gives_the_same_bits) {
  int calls = 0;
  uint64_t id = mx_compile_new_id();
  struct mx_function f = {sum_sin, &calls};
  mx_array *x = vec((float[]){0.5f, -2, 3}, 3);
  struct mx_list plain = {0};
  CHECK_OK(sum_sin(NULL, &x, 1, &plain));
  for (int i = 0; i < 3; i++) {
    struct mx_list out = {0};
    CHECK_OK(mx_compile_call(&f, id, NULL, 0, false, &x, 1, &out));
    CHECK(value(out.at[0], 0) == value(plain.at[0], 0));
    mx_list_clear(&out);
  }
  CHECK_INT(calls, 1);
  mx_array *longer = vec((float[]){1, 2, 3, 4}, 4);
  struct mx_list out = {0};
  CHECK_OK(mx_compile_call(&f, id, NULL, 0, true, &longer, 1, &out));
  CHECK_INT(calls, 2); /* another shape is another trace, shapeless or not */
  mx_list_clear(&out);
  mx_list_clear(&plain);
  mx_compile_erase(id);
  mx_unref(x);
  mx_unref(longer);
}

static int compiled_sum(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  struct mx_function f = {sum_sin, NULL};
  return mx_compile_call(&f, *(uint64_t *)ctx, NULL, 0, false, in, nin, out);
}
TEST(a_compiled_call_differentiates_as_what_it_stands_for) {
  uint64_t id = mx_compile_new_id();
  struct mx_function f = {compiled_sum, &id};
  mx_array *x = vec((float[]){0.5f, -2}, 2);
  struct mx_list values = {0}, grads = {0};
  int zero = 0;
  CHECK_OK(mx_value_and_grad(&f, &x, 1, &zero, 1, &values, &grads));
  CHECK_NEAR(value(grads.at[0], 1), cos(2) * -2 - sin(2), 1e-6);
  mx_list_clear(&values);
  mx_list_clear(&grads);
  mx_compile_erase(id);
  mx_unref(x);
}

TEST(vmap_is_a_loop_over_the_batch) {
  int64_t shape[2] = {2, 3};
  float data[6] = {1, 2, 3, 4, 5, 6};
  mx_array *x = mx_array_from_copy(data, shape, 2, MX_FLOAT32);
  struct mx_function f = {sum_sin, NULL};
  struct mx_list s_in = {0}, s_out = {0}, out = {0};
  int axis = 0;
  CHECK_OK(mx_vmap_trace(&f, &x, 1, &axis, &s_in, &s_out));
  CHECK_OK(mx_vmap_replace(&x, s_in.at, 1, s_out.at, 1, &axis, &axis, &out));
  for (int i = 0; i < 2; i++) {
    double want = 0;
    for (int k = 0; k < 3; k++) want += sin(data[3 * i + k]) * data[3 * i + k];
    CHECK_NEAR(value(out.at[0], i), want, 1e-5);
  }
  mx_list_clear(&s_in);
  mx_list_clear(&s_out);
  mx_list_clear(&out);
  mx_unref(x);
}

static int evaluates(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  (void)nin;
  *(int *)ctx = mx_eval_one(in[0]);
  return *(int *)ctx ? *(int *)ctx : mx_list_add(out, in[0]);
}
TEST(an_argument_of_a_function_being_compiled_cannot_be_evaluated) {
  int status = 0;
  struct mx_function f = {evaluates, &status};
  mx_array *x = vec((float[]){1}, 1);
  struct mx_list out = {0};
  CHECK_ERROR(mx_compile_call(&f, mx_compile_new_id(), NULL, 0, false, &x, 1, &out), MX_EVALUE, "compile or vmap");
  mx_list_clear(&out);
  mx_unref(x);
}

TEST(values_may_be_read_inside_a_function_being_differentiated) {
  int status = 1;
  struct mx_function f = {evaluates, &status};
  mx_array *x = vec((float[]){1}, 1), *one = vec((float[]){1}, 1);
  struct mx_list values = {0}, grads = {0};
  CHECK_OK(mx_vjp(&f, &x, 1, &one, 1, &values, &grads));
  CHECK_INT(status, 0);
  CHECK_NEAR(value(grads.at[0], 0), 1, 0);
  mx_list_clear(&values);
  mx_list_clear(&grads);
  mx_unref(x);
  mx_unref(one);
}

static int fails(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  (void)ctx, (void)in, (void)nin, (void)out;
  return mx_fail(MX_ECALLBACK, "the caller's own reason");
}
TEST(an_error_of_the_function_comes_out_and_no_trace_stays) {
  struct mx_function f = {fails, NULL};
  mx_array *x = vec((float[]){1}, 1);
  struct mx_list a = {0}, b = {0};
  int zero = 0;
  CHECK_ERROR(mx_value_and_grad(&f, &x, 1, &zero, 1, &a, &b), MX_ECALLBACK, "own reason");
  CHECK_ERROR(mx_compile_call(&f, mx_compile_new_id(), NULL, 0, false, &x, 1, &a), MX_ECALLBACK, "own reason");
  CHECK(mx_trace_current() == NULL);
  mx_unref(x);
}

TEST_TORTURE(a_gradient_survives_any_allocation_that_fails) {
  int64_t n = 2;
  mx_array *x = mx_array_from_copy((float[]){0.5f, -2}, &n, 1, MX_FLOAT32);
  if (!x) return;
  struct mx_function f = {sum_sin, NULL};
  struct mx_list values = {0}, grads = {0};
  int zero = 0, status = mx_value_and_grad(&f, &x, 1, &zero, 1, &values, &grads);
  if (!status) status = mx_eval(grads.at, grads.n);
  CHECK(status == MX_OK || status == MX_EMEMORY);
  CHECK(mx_trace_current() == NULL);
  mx_list_clear(&values);
  mx_list_clear(&grads);
  mx_unref(x);
}

/* The owner of wrapped memory, which holds arrays itself: outputs of nodes whose other output stays. */
enum { HELD = 512 };
struct owner {
  float data[4];
  mx_array *held[HELD], *other[HELD];
  bool released;
};
static void let_go(void *payload) {
  struct owner *o = payload;
  for (int i = 0; i < HELD; i++) mx_unref(o->held[i]);
  o->released = true;
}
static int itself_and_its_double(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  (void)ctx, (void)nin;
  mx_build b;
  mx_array *y = NULL;
  mx_build_begin(&b, NULL);
  int status = mx_build_end(&b, mx_add(&b, in[0], in[0]), &y);
  if (!status) status = mx_list_add(out, in[0]);
  if (!status) status = mx_list_add(out, y);
  mx_unref(y);
  return status;
}
/* Two outputs of one node. */
static void two_of(mx_array *x, struct mx_list *out) {
  struct mx_function f = {itself_and_its_double, NULL};
  static uint64_t id;
  if (!id) id = mx_compile_new_id();
  *out = (struct mx_list){0};
  CHECK_OK(mx_compile_call(&f, id, NULL, 0, false, &x, 1, out));
  CHECK_OK(mx_eval(out->at, out->n));
  REQUIRE(out->n == 2 && out->at[0]->node == out->at[1]->node);
}
TEST(the_owner_of_wrapped_memory_may_let_go_of_any_array_when_it_is_released) {
  struct owner o = {.data = {1, 2, 3, 4}};
  mx_array *x = vec(o.data, 4);
  struct mx_list out;
  for (int i = 0; i < HELD; i++) { /* enough that every lock of nodes guards one of them */
    two_of(x, &out);
    o.held[i] = mx_ref(out.at[0]), o.other[i] = mx_ref(out.at[1]);
    mx_list_clear(&out);
  }
  mx_unref(x);
  mx_buffer *buf;
  REQUIRE(!mx_buffer_wrap(&buf, o.data, sizeof o.data, true, let_go, &o));
  mx_array *wrapped = mx_array_leaf((int64_t[]){4}, 1, MX_FLOAT32, buf, o.data, NULL);
  two_of(wrapped, &out);
  mx_unref(wrapped);
  mx_array *twice = mx_ref(out.at[1]);
  CHECK(!o.released);
  mx_list_clear(&out); /* the first output was the last to hold the memory; its node lives on for the second */
  CHECK(o.released);
  CHECK_NEAR(value(twice, 3), 8, 0);
  mx_unref(twice);
  for (int i = 0; i < HELD; i++) mx_unref(o.other[i]);
}

static int add_constants(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  mx_array *const *constants = ctx;
  mx_build b;
  mx_build_begin(&b, NULL);
  int status = MX_OK;
  for (int i = 0; i < nin && !status && !b.status; i++) status = mx_list_add(out, mx_add(&b, in[i], constants[i % 2]));
  if (!status) status = b.status;
  mx_build_end_many(&b, NULL, 0, NULL);
  return status;
}
TEST(a_compiled_function_may_have_very_many_inputs_outputs_and_both_outputs_of_one_node_as_constants) {
  enum { N = 25000 };
  static mx_array *in[N];
  mx_array *ten = vec((float[]){10}, 1);
  struct mx_list constants, out = {0};
  two_of(ten, &constants);
  for (int i = 0; i < N; i++) in[i] = vec((float[]){(float)i}, 1);
  struct mx_function f = {add_constants, constants.at};
  CHECK_OK(mx_compile_call(&f, mx_compile_new_id(), NULL, 0, false, in, N, &out));
  CHECK_OK(mx_eval(out.at, out.n));
  CHECK_INT(out.n, N);
  int wrong = 0;
  for (int i = 0; i < N; i++) wrong += *(const float *)out.at[i]->t.data != (float)i + (i % 2 ? 20 : 10);
  CHECK_INT(wrong, 0);
  mx_list_clear(&out);
  for (int i = 0; i < N; i++) mx_unref(in[i]);
  mx_list_clear(&constants);
  mx_unref(ten);
}
