/* Rules: derivatives against finite differences and each other, vmap against a loop, compiled and fused against eager. */
#include "conform/conform.h"

#include "core/error.h"
#include "eval/eval.h"
#include "transforms/transforms.h"

#include <stdlib.h>
#include <string.h>

/* A case as a function of arrays; `around`: with elementwise work before and after, for fusion. */
struct called {
  const struct conform_case *c;
  bool around, stepwise;
};
static mx_array *plus_zero(mx_build *b, mx_array *a, bool step) {
  a = a ? mx_add(b, a, mx_scalar(b, 0, a->t.dtype)) : NULL;
  if (step && a && !b->status) b->status = mx_eval(&a, 1);
  return a;
}
static int call(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  struct called *f = ctx;
  mx_build b;
  mx_build_begin(&b, NULL);
  mx_array *arg[INPUTS + 1] = {NULL};
  for (int i = 0; i < nin; i++) arg[i] = f->around ? plus_zero(&b, in[i], f->stepwise) : in[i];
  mx_array *y = f->c->build(&b, arg);
  if (f->stepwise && y && !b.status) b.status = mx_eval(&y, 1);
  if (f->around) y = plus_zero(&b, y, f->stepwise);
  if (y && !b.status) b.status = mx_list_add(out, y);
  int status = b.status;
  mx_build_end_many(&b, NULL, 0, NULL);
  return status;
}

static int inputs(mx_build *b, const struct conform_case *c, enum mx_dtype d, mx_array **in) {
  int n = 0;
  while (n < INPUTS && (in[n] = conform_input(b, c, n, d))) n++;
  return n;
}
/* Re sum of conj(x) y. */
static double inner(const mx_array *x, const mx_array *y) {
  double sum = 0;
  for (int64_t i = 0; i < x->t.size; i++) {
    sum += text_value(x, i, false) * text_value(y, i, false);
    if (x->t.dtype == MX_COMPLEX64) sum += text_value(x, i, true) * text_value(y, i, true);
  }
  return sum;
}
static mx_array *like(mx_build *b, const mx_array *a) {
  if (!mx_dtype_is_inexact(a->t.dtype)) return mx_zeros(b, a->t.shape, a->t.ndim, a->t.dtype);
  return conform_data(b, a->t.dtype, a->t.shape, a->t.ndim, -1, 1);
}
static int eval_list(struct mx_list *l) { return mx_eval(l->at, l->n); }

/* Central differences of f along the tangents: (f(x + h t) - f(x - h t)) / 2h, as <g, ·>. */
static double difference(mx_build *b, struct called *f, mx_array *const *in, mx_array *const *tan, int n, const mx_array *g, double h) {
  double side[2] = {0, 0};
  for (int k = 0; k < 2; k++) {
    mx_array *moved[INPUTS] = {NULL};
    struct mx_list y = {0};
    for (int i = 0; i < n; i++) {
      bool moves = mx_dtype_is_inexact(in[i]->t.dtype);
      moved[i] = moves ? mx_add(b, in[i], mx_multiply(b, tan[i], mx_scalar(b, k ? -h : h, in[i]->t.dtype))) : in[i];
    }
    if (!call(f, moved, n, &y) && !eval_list(&y)) side[k] = inner(g, y.at[0]);
    mx_list_clear(&y);
  }
  return (side[0] - side[1]) / (2 * h);
}

static void check_derivative(const struct conform_case *c, enum mx_dtype d) {
  mx_build build, *b = &build;
  mx_build_begin(b, NULL);
  struct called made = {c, false, false};
  struct mx_function f = {call, &made};
  mx_array *in[INPUTS] = {NULL}, *tan[INPUTS] = {NULL};
  struct mx_list y = {0}, moved = {0}, again = {0}, grads = {0};
  int n = inputs(b, c, d, in);
  for (int i = 0; i < n; i++) tan[i] = like(b, in[i]);
  int status = mx_jvp(&f, in, tan, n, &y, &moved);
  if (!status) status = eval_list(&y);
  if (!status) status = eval_list(&moved);
  mx_array *g = status ? NULL : like(b, y.at[0]);
  if (!status) status = mx_vjp(&f, in, n, &g, 1, &again, &grads);
  if (!status) status = eval_list(&grads);
  if (status) {
    test_fail(__FILE__, __LINE__, "derivative of %s in %s: %s", c->name, mx_dtype_name(d), mx_error_text());
  } else {
    double forward = inner(g, moved.at[0]), backward = 0, numeric = difference(b, &made, in, tan, n, g, d == MX_FLOAT64 ? 1e-6 : 1e-2);
    for (int i = 0; i < n; i++) {
      CHECK(mx_same_shape(&grads.at[i]->t, &in[i]->t));
      if (mx_dtype_is_inexact(in[i]->t.dtype)) {
        CHECK_INT(grads.at[i]->t.dtype, in[i]->t.dtype);
        backward += inner(grads.at[i], tan[i]);
      }
    }
    double size = 1 + fabs(forward), tight = d == MX_FLOAT64 ? 1e-10 : 1e-4, loose = d == MX_FLOAT64 ? 1e-6 : 2e-2;
    if (!(fabs(forward - backward) <= tight * size))
      test_fail(__FILE__, __LINE__, "%s in %s: Re<g, J t> = %.12g but Re<J^H g, t> = %.12g", c->name, mx_dtype_name(d), forward, backward);
    if (!(fabs(forward - numeric) <= loose * size))
      test_fail(__FILE__, __LINE__, "%s in %s: Re<g, J t> = %.12g but finite differences give %.12g", c->name, mx_dtype_name(d), forward, numeric);
  }
  mx_list_clear(&y);
  mx_list_clear(&moved);
  mx_list_clear(&again);
  mx_list_clear(&grads);
  CHECK_OK(mx_build_end_many(b, NULL, 0, NULL));
}

TEST(derivatives_agree_with_finite_differences_and_are_adjoint) {
  conform_restart();
  for (int i = 0; i < conform_count; i++) {
    const struct conform_case *c = &conform_cases[i];
    if (!c->inputs || !c->smooth) continue;
    if (conform_takes(c, MX_FLOAT64)) check_derivative(c, MX_FLOAT64);
    if (conform_takes(c, MX_COMPLEX64)) check_derivative(c, MX_COMPLEX64);
  }
}

/* vmap */

static mx_array *example(mx_build *b, mx_array *a, int axis, int64_t k) {
  int64_t from[MX_MAX_NDIM] = {0}, to[MX_MAX_NDIM], by[MX_MAX_NDIM];
  for (int i = 0; i < a->t.ndim; i++) to[i] = a->t.shape[i], by[i] = 1;
  from[axis] = k, to[axis] = k + 1;
  return mx_squeeze(b, mx_slice(b, a, from, to, by), &axis, 1);
}
/* mask: which inputs are batched; the batch stands first, or last where `at_end`. */
static void check_vmap(const struct conform_case *c, enum mx_dtype d, unsigned mask, bool at_end) {
  enum { BATCH = 3 };
  mx_build build, *b = &build;
  mx_build_begin(b, NULL);
  struct called made = {c, false, false};
  struct mx_function f = {call, &made};
  mx_array *one[BATCH][INPUTS] = {{NULL}}, *in[INPUTS] = {NULL};
  int axes[INPUTS], n = 0, out_axis = 0;
  for (int k = 0; k < BATCH; k++) n = inputs(b, c, d, one[k]);
  for (int i = 0; i < n; i++) {
    mx_array *all[BATCH];
    for (int k = 0; k < BATCH; k++) all[k] = one[mask >> i & 1 ? k : 0][i], one[k][i] = all[k];
    axes[i] = mask >> i & 1 ? (at_end ? all[0]->t.ndim : 0) : -1;
    in[i] = axes[i] < 0 ? all[0] : mx_stack(b, all, BATCH, axes[i]);
  }
  struct mx_list s_in = {0}, s_out = {0}, out = {0};
  int status = b->status ? b->status : mx_vmap_trace(&f, in, n, axes, &s_in, &s_out);
  if (!status) status = mx_vmap_replace(in, s_in.at, n, s_out.at, (int)s_out.n, axes, &out_axis, &out);
  if (status) {
    test_fail(__FILE__, __LINE__, "vmap of %s in %s, batched inputs %u: %s", c->name, mx_dtype_name(d), mask, mx_error_text());
  }
  for (int k = 0; k < BATCH && !status; k++) {
    struct mx_list want = {0};
    mx_array *got = example(b, out.at[0], 0, k);
    if (call(&made, one[k], n, &want) || b->status || mx_eval(&got, 1) || eval_list(&want)) {
      test_fail(__FILE__, __LINE__, "vmap of %s in %s, batched inputs %u: %s", c->name, mx_dtype_name(d), mask, mx_error_text());
    } else if (!mx_same_shape(&got->t, &want.at[0]->t)) {
      test_fail(__FILE__, __LINE__, "vmap of %s, batched inputs %u: an example has another shape", c->name, mask);
    } else {
      for (int64_t i = 0; i < got->t.size; i++)
        if (!conform_near(d, text_value(got, i, false), text_value(want.at[0], i, false), c->ulps)) {
          test_fail(__FILE__, __LINE__, "vmap of %s in %s, batched inputs %u%s, example %d: element %lld is %.9g, not %.9g", c->name,
                    mx_dtype_name(d), mask, at_end ? " at the end" : "", k, (long long)i, text_value(got, i, false),
                    text_value(want.at[0], i, false));
          break;
        }
    }
    mx_list_clear(&want);
  }
  mx_list_clear(&s_in);
  mx_list_clear(&s_out);
  mx_list_clear(&out);
  mx_build_end_many(b, NULL, 0, NULL);
}

TEST(vmap_equals_a_loop) {
  conform_restart();
  for (int i = 0; i < conform_count; i++) {
    const struct conform_case *c = &conform_cases[i];
    enum mx_dtype d = conform_takes(c, MX_FLOAT32) ? MX_FLOAT32 : conform_takes(c, MX_BOOL) ? MX_BOOL : conform_takes(c, MX_INT32) ? MX_INT32 : MX_COMPLEX64;
    if (!c->inputs || c->id == MX_PRIM_arange) continue; /* arange has no input to be mapped */
    mx_build b;
    mx_build_begin(&b, NULL);
    mx_array *in[INPUTS] = {NULL};
    int n = inputs(&b, c, d, in);
    mx_build_end_many(&b, NULL, 0, NULL);
    for (unsigned mask = 1; mask < 1u << n; mask++)
      for (int at_end = 0; at_end < 2; at_end++) check_vmap(c, d, mask, at_end);
  }
}

/* The same bits however it is run. */

static bool same_bits(const mx_array *x, const mx_array *y) {
  double re[2], im[2];
  for (int64_t i = 0; i < x->t.size; i++) {
    re[0] = text_value(x, i, false), re[1] = text_value(y, i, false);
    im[0] = x->t.dtype == MX_COMPLEX64 ? text_value(x, i, true) : 0, im[1] = x->t.dtype == MX_COMPLEX64 ? text_value(y, i, true) : 0;
    if (memcmp(&re[0], &re[1], sizeof *re) || memcmp(&im[0], &im[1], sizeof *im)) return isnan(re[0]) && isnan(re[1]);
  }
  return true;
}
static void check_bits(const struct conform_case *c, enum mx_dtype d) {
  mx_build build, *b = &build;
  mx_build_begin(b, NULL);
  struct called eager = {c, true, true}, fused = {c, true, false};
  struct mx_function f = {call, &fused};
  struct mx_list slow = {0}, fast = {0}, compiled = {0};
  mx_array *in[INPUTS] = {NULL};
  int n = inputs(b, c, d, in), status = b->status;
  if (!status) status = call(&eager, in, n, &slow);
  if (!status) status = call(&fused, in, n, &fast);
  if (!status) status = mx_compile_call(&f, mx_compile_new_id(), NULL, 0, false, in, n, &compiled);
  if (!status) status = eval_list(&slow) || eval_list(&fast) || eval_list(&compiled);
  if (status) test_fail(__FILE__, __LINE__, "%s in %s: %s", c->name, mx_dtype_name(d), mx_error_text());
  else if (!same_bits(slow.at[0], fast.at[0])) test_fail(__FILE__, __LINE__, "%s in %s: fused differs from eager", c->name, mx_dtype_name(d));
  else if (!same_bits(slow.at[0], compiled.at[0])) test_fail(__FILE__, __LINE__, "%s in %s: compiled differs from eager", c->name, mx_dtype_name(d));
  mx_list_clear(&slow);
  mx_list_clear(&fast);
  mx_list_clear(&compiled);
  mx_build_end_many(b, NULL, 0, NULL);
}
TEST(fused_and_compiled_give_the_bits_of_eager) {
  conform_restart();
  for (int i = 0; i < conform_count; i++)
    for (int d = 0; d < MX_DTYPE_COUNT; d++)
      if (conform_cases[i].inputs && conform_takes(&conform_cases[i], d) && conform_cases[i].id != MX_PRIM_random_bits) check_bits(&conform_cases[i], d);
}
