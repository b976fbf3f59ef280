/* sync.c: operations whose result's shape depends on data. They evaluate what decides it, then build graph like any other.
 * Invariant: only sizes are read here; the elements are moved by primitives, so results have derivatives. */
#include "api/handle.h"
#include "eval/eval.h"
#include "ops/ops.h"

#include <stdio.h>

enum { SMALL = 1 << 12 };

/* The int64 scalar that was made of `of`; -1 after an error in b. What is being traced by compile or vmap has no values. */
static int64_t value_of(mx_build *b, const char *op, const mx_array *of, mx_array *scalar) {
  if (!scalar) return -1;
  if (!mx_eval_one(scalar)) return *(const int64_t *)scalar->t.data;
  if (of->node->trace && mx_error_class() == MX_EVALUE) {
    char why[256];
    snprintf(why, sizeof why, "%s", mx_error_text());
    mx_build_fail(b, MX_EVALUE, "[%s] The shape of the result depends on values, which have to be computed first: that cannot be inside compile or vmap. %s", op, why);
  } else {
    b->status = mx_error_class();
  }
  return -1;
}
/* How many elements of a bool array hold; -1 after an error in b. */
static int64_t count_true(mx_build *b, const char *op, mx_array *mask) {
  if (mask && mx_is_done(mask) && mask->t.size <= SMALL && mx_tensor_is_contiguous(&mask->t)) { /* a look is faster than graph */
    int64_t found = 0;
    for (int64_t i = 0; i < mask->t.size; i++) found += ((const uint8_t *)mask->t.data)[i] != 0;
    return found;
  }
  return value_of(b, op, mask, mx_sum(b, mx_astype(b, mask, MX_INT64), NULL, 0, false));
}

int mlx_ravel_masked_select(mlx_array *res, const mlx_array a, const mlx_array mask, const mlx_stream s) {
  mx_build build, *b = &build;
  mx_build_begin(b, s.ctx);
  mx_array *m = api_array(mask, "index"), *x = api_array(a, "index"), *r = NULL;
  if (!m || !x) {
    b->status = MX_EVALUE;
  } else {
    int64_t rows = count_true(b, "index", m);
    if (rows >= 0) r = mx_masked_gather(b, x, m, rows);
  }
  return mx_build_return(b, r, &res->ctx);
}

/* Ends the build and gives n results to a vector. */
static int give(mx_build *b, mx_array **out, int n, mlx_vector_array *res) {
  struct mx_list list = {0};
  int status = mx_build_end_many(b, out, n, out);
  if (status) return mx_boundary(status);
  for (int i = 0; i < n && !status; i++) status = mx_list_add(&list, out[i]);
  for (int i = 0; i < n; i++) mx_unref(out[i]);
  if (!status) status = api_vector_give(res, &list);
  mx_list_clear(&list);
  return mx_boundary(status);
}

int mlx_ravel_nonzero(mlx_vector_array *res, const mlx_array a, const mlx_stream s) {
  mx_build build, *b = &build;
  mx_array *out[MX_MAX_NDIM] = {NULL}, *x = api_array(a, "nonzero");
  mx_build_begin(b, s.ctx);
  if (!x) b->status = MX_EVALUE;
  if (x && x->t.ndim == 0) x = mx_reshape(b, x, (int64_t[]){1}, 1);
  mx_array *mask = x ? mx_astype(b, x, MX_BOOL) : NULL;
  int64_t rows = mask ? count_true(b, "nonzero", mask) : -1;
  for (int d = 0; rows >= 0 && d < x->t.ndim; d++) { /* each place's index along d is a view: a range, spread */
    int64_t shape[MX_MAX_NDIM];
    for (int i = 0; i < x->t.ndim; i++) shape[i] = i == d ? x->t.shape[d] : 1;
    mx_array *at = mx_reshape(b, mx_arange(b, 0, (double)x->t.shape[d], 1, MX_INT64), shape, x->t.ndim);
    out[d] = mx_masked_gather(b, mx_broadcast_to(b, at, x->t.shape, x->t.ndim), mask, rows);
  }
  return give(b, out, x ? x->t.ndim : 0, res);
}

int mlx_ravel_unique_all(mlx_vector_array *res, const mlx_array a, const mlx_stream s) {
  mx_build build, *b = &build;
  mx_array *out[4] = {NULL}, *x = api_array(a, "unique"), *sorted, *order, *fresh;
  mx_build_begin(b, s.ctx);
  if (!x) b->status = MX_EVALUE;
  if (x && mx_unique_order(b, x, &sorted, &order, &fresh)) {
    int64_t n = x->t.size, found = count_true(b, "unique", fresh), one = 1;
    if (found >= 0) {
      mx_array *begin = mx_masked_gather(b, mx_arange(b, 0, (double)n, 1, MX_INT64), fresh, found);
      mx_array *end = mx_slice(b, begin, &one, &found, &one), *whole = mx_reshape(b, mx_scalar(b, (double)n, MX_INT64), &one, 1);
      out[0] = mx_masked_gather(b, sorted, fresh, found);
      out[1] = mx_astype(b, mx_masked_gather(b, order, fresh, found), MX_INT64);
      out[2] = mx_unique_inverse(b, x, order, fresh, MX_INT64);
      out[3] = found ? mx_subtract(b, mx_concatenate(b, (mx_array *[]){end, whole}, 2, 0), begin) : begin;
    }
  }
  return give(b, out, 4, res);
}

/* Element i of the axis stands repeats[i] times: at place p of the result stands the first i whose running sum exceeds p. */
static mx_array *repeat_each(mx_build *b, mx_array *a, mx_array *repeats, const int *axis) {
  int first = 0, at = axis ? *axis : 0;
  if (!axis) a = mx_reshape(b, a, (int64_t[]){-1}, 1);
  if (!a || !repeats) return NULL;
  int n = a->t.ndim;
  if (at < -n || at >= n) return mx_build_fail(b, MX_EINDEX, "[repeat] Axis %d is out of bounds for array with %d dimensions.", at, n);
  int64_t size = a->t.shape[at < 0 ? at + n : at];
  if (!mx_dtype_is_integer(repeats->t.dtype))
    return mx_build_fail(b, MX_ETYPE, "[repeat] repeats must be integers, not %s.", mx_dtype_name(repeats->t.dtype));
  if (repeats->t.ndim > 1 || (repeats->t.size != 1 && repeats->t.size != size))
    return mx_build_fail(b, MX_EVALUE, "[repeat] %lld repeats of %d dimensions for an axis of size %lld.", (long long)repeats->t.size,
                         repeats->t.ndim, (long long)size);
  mx_array *wide = mx_astype(b, mx_broadcast_to(b, repeats, &size, 1), MX_INT64);
  if (!wide || size == 0) return wide ? a : NULL;
  mx_array *least = mx_min(b, wide, NULL, 0, false), *zero = mx_scalar(b, 0, MX_INT64);
  int64_t smallest = value_of(b, "repeat", repeats, least), total = -1;
  if (b->status) return NULL;
  if (smallest < 0) return mx_build_fail(b, MX_EVALUE, "[repeat] Number of repeats cannot be negative.");
  mx_array *sums = mx_cumsum(b, wide, &first, false, true);
  total = value_of(b, "repeat", repeats, mx_maximum(b, mx_sum(b, wide, NULL, 0, false), zero));
  if (b->status) return NULL;
  mx_array *from = mx_searchsorted(b, sums, mx_arange(b, 0, (double)total, 1, MX_INT64), true);
  return mx_take(b, a, from, &at);
}
int mlx_ravel_repeat_each(mlx_array *res, const mlx_array a, const mlx_array repeats, mlx_optional_int axis, const mlx_stream s) {
  mx_build build, *b = &build;
  mx_build_begin(b, s.ctx);
  mx_array *x = api_array(a, "repeat"), *r = api_array(repeats, "repeat");
  if (!x || !r) b->status = MX_EVALUE;
  return mx_build_return(b, x && r ? repeat_each(b, x, r, axis.has_value ? &axis.value : NULL) : NULL, &res->ctx);
}
