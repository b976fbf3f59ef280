/* A chain of a million operations through every transform: nothing recurses with the graph (`./dev test isa` runs this with 256 KB
 * of stack), and nothing is left of it. */
#include "test.h"

#include "core/alloc.h"
#include "eval/eval.h"
#include "graph/build.h"
#include "ops/ops.h"
#include "transforms/transforms.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__aarch64__) /* a hundred times as slow */
enum { DEPTH = 10000 };
#else
enum { DEPTH = 1000000 };
#endif

static mx_array *three(float a) {
  mx_array *x = mx_array_from_copy((float[]){a, 0, -a}, &(int64_t){3}, 1, MX_FLOAT32);
  REQUIRE(x);
  return x;
}
static float first(mx_array *a) {
  CHECK_OK(mx_eval_one(a));
  return *(const float *)a->t.data;
}

/* x -> 1 - (1 - (… - x)): the derivative is 1 for an even depth. */
static int chain(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  (void)ctx, (void)nin;
  mx_array *x = mx_ref(in[0]), *one = mx_array_scalar(1, MX_FLOAT32);
  int status = one ? 0 : 1;
  for (int i = 0; i < DEPTH && !status; i++) {
    mx_build b;
    mx_array *next = NULL;
    mx_build_begin(&b, NULL);
    status = mx_build_end(&b, mx_subtract(&b, one, x), &next);
    mx_unref(x);
    x = next;
  }
  if (!status) status = mx_list_add(out, x);
  mx_unref(x);
  mx_unref(one);
  return status;
}
static const struct mx_function deep = {chain, NULL};

TEST(a_million_operations_are_differentiated_in_reverse) {
  int64_t live = mx_alloc_live();
  mx_array *x = three(5), *cot = three(2);
  struct mx_list values = {0}, grads = {0};
  CHECK_OK(mx_vjp(&deep, &x, 1, &cot, 1, &values, &grads));
  CHECK_NEAR(first(grads.at[0]), 2, 0);
  CHECK_NEAR(first(values.at[0]), 5, 0);
  mx_list_clear(&values);
  mx_list_clear(&grads);
  mx_unref(x);
  mx_unref(cot);
  CHECK_INT(mx_alloc_live(), live);
}

TEST(a_million_operations_are_differentiated_forwards) {
  int64_t live = mx_alloc_live();
  mx_array *x = three(5), *t = three(3);
  struct mx_list values = {0}, tangents = {0};
  CHECK_OK(mx_jvp(&deep, &x, &t, 1, &values, &tangents));
  CHECK_NEAR(first(tangents.at[0]), 3, 0);
  CHECK_NEAR(first(values.at[0]), 5, 0);
  mx_list_clear(&values);
  mx_list_clear(&tangents);
  mx_unref(x);
  mx_unref(t);
  CHECK_INT(mx_alloc_live(), live);
}

TEST(a_million_operations_are_mapped_over_a_batch) {
  int64_t live = mx_alloc_live();
  float data[6] = {1, 2, 3, 4, 5, 6};
  mx_array *x = mx_array_from_copy(data, (int64_t[]){2, 3}, 2, MX_FLOAT32);
  REQUIRE(x);
  struct mx_list inner = {0}, outs = {0}, mapped = {0};
  CHECK_OK(mx_vmap_trace(&deep, &x, 1, (int[]){0}, &inner, &outs));
  CHECK_OK(mx_vmap_replace(&x, inner.at, 1, outs.at, 1, (int[]){0}, (int[]){0}, &mapped));
  CHECK_INT(mapped.at[0]->t.ndim, 2);
  CHECK_NEAR(first(mapped.at[0]), 1, 0);
  CHECK_NEAR(((const float *)mapped.at[0]->t.data)[5], 6, 0);
  mx_list_clear(&inner);
  mx_list_clear(&outs);
  mx_list_clear(&mapped);
  mx_unref(x);
  CHECK_INT(mx_alloc_live(), live);
}

TEST(a_million_operations_are_compiled_replayed_and_differentiated) {
  int64_t live = mx_alloc_live();
  uint64_t id = mx_compile_new_id();
  mx_array *x = three(7);
  for (int i = 0; i < 2; i++) {
    struct mx_list out = {0};
    CHECK_OK(mx_compile_call(&deep, id, NULL, 0, false, &x, 1, &out));
    CHECK_NEAR(first(out.at[0]), 7, 0);
    mx_list_clear(&out);
  }
  mx_compile_erase(id);
  mx_unref(x);
  CHECK_INT(mx_alloc_live(), live);
}
