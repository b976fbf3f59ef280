/* unique.c: the distinct elements of an array, in a number given beforehand; and places in a sorted sequence.
 * Invariant: shapes never depend on values (api/sync.c has the functions whose shapes do); NaNs are distinct, and sorted last. */
#include "ops/public.h"
#include "ops/rules.h"

static const int first_axis = 0;

/* Whether each of n elements in order is the first of its kind. */
static mx_array *first_of_kind(mx_build *b, mx_array *sorted, int64_t n) {
  mx_array *first = mx_ones(b, (int64_t[]){n ? 1 : 0}, 1, MX_BOOL);
  if (n < 2) return first;
  mx_array *next = mx_slice(b, sorted, (int64_t[]){1}, &n, (int64_t[]){1});
  mx_array *last = mx_slice(b, sorted, (int64_t[]){0}, (int64_t[]){n - 1}, (int64_t[]){1});
  return mx_concatenate(b, (mx_array *[]){first, mx_not_equal(b, next, last)}, 2, 0);
}
/* The flattened array in order, where each element came from, and whether it is the first of its kind. */
bool mx_unique_order(mx_build *b, mx_array *a, mx_array **sorted, mx_array **order, mx_array **fresh) {
  int64_t n = a->t.size;
  mx_array *flat = mx_reshape(b, a, &n, 1);
  *order = mx_argsort(b, flat, &first_axis);
  *sorted = mx_take_along_axis(b, flat, *order, &first_axis);
  *fresh = first_of_kind(b, *sorted, n);
  return !b->status;
}
/* Each element's place among the distinct ones, of a's shape. */
mx_array *mx_unique_inverse(mx_build *b, mx_array *a, mx_array *order, mx_array *fresh, enum mx_dtype dtype) {
  mx_array *rank = mx_subtract(b, mx_cumsum(b, mx_astype(b, fresh, dtype), &first_axis, false, true), mx_scalar(b, 1, dtype));
  mx_array *back = mx_put_along_axis(b, rank ? mx_zeros_as(b, rank) : NULL, order, rank, &first_axis);
  return mx_reshape(b, back, a->t.shape, a->t.ndim);
}

/* The first `size` of rows, or all of them and then zeros. */
static mx_array *fitted(mx_build *b, mx_array *rows, int64_t size) {
  if (!rows) return NULL;
  int64_t n = rows->t.shape[0], zero = 0, more = size - n;
  if (size <= n) return mx_slice(b, rows, &zero, &size, (int64_t[]){1});
  return mx_pad(b, rows, &first_axis, 1, &zero, &more, mx_scalar(b, 0, rows->t.dtype), MX_PAD_CONSTANT);
}
static mx_array *first_of(mx_build *b, mx_array *rows) { return mx_slice(b, rows, (int64_t[]){0}, (int64_t[]){1}, (int64_t[]){1}); }

void mx_unique(mx_build *b, mx_array *a, int64_t size, mx_array *fill, mx_array *out[4]) {
  mx_array *sorted, *order, *fresh;
  for (int i = 0; i < 4; i++) out[i] = NULL;
  if (!a) return;
  int64_t n = a->t.size;
  if (size < 0) {
    mx_build_fail(b, MX_EVALUE, "[unique] Received negative size %lld.", (long long)size);
    return;
  }
  if (!n && size && !fill) {
    mx_build_fail(b, MX_EVALUE, "[unique] A fill value is required for an empty input with a non-zero size.");
    return;
  }
  mx_array *ordered, *first; /* values and counts do not ask where an element came from: sorted is quicker than ordered */
  if (!mx_unique_order(b, a, &ordered, &order, &first)) return;
  sorted = mx_sort(b, mx_reshape(b, a, &n, 1), &first_axis);
  fresh = first_of_kind(b, sorted, n);
  mx_array *places = mx_arange(b, 0, (double)n, 1, MX_INT64), *slots = mx_arange(b, 0, (double)size, 1, MX_INT64);
  mx_array *found = mx_sum(b, mx_astype(b, fresh, MX_INT64), NULL, 0, false), *none = mx_scalar(b, 0, MX_INT64);
  mx_array *valid = mx_less(b, slots, found), *more = mx_less(b, mx_add(b, slots, mx_scalar(b, 1, MX_INT64)), found);
  mx_array *values = mx_masked_gather(b, sorted, fresh, n), *index = mx_masked_gather(b, order, first, n);
  mx_array *begin = mx_masked_gather(b, places, fresh, n);
  mx_array *end = mx_where(b, more, fitted(b, fitted(b, mx_slice(b, begin, (int64_t[]){1}, &n, (int64_t[]){1}), n), size), mx_scalar(b, (double)n, MX_INT64));
  fill = fill ? mx_astype(b, fill, a->t.dtype) : first_of(b, values);
  out[0] = mx_where(b, valid, fitted(b, values, size), fill);
  out[1] = mx_where(b, valid, fitted(b, index, size), n ? first_of(b, index) : mx_scalar(b, 0, MX_UINT32));
  mx_array *inverse = mx_unique_inverse(b, a, order, first, MX_INT64);
  out[2] = mx_astype(b, mx_minimum(b, inverse, mx_scalar(b, size ? (double)size - 1 : 0, MX_INT64)), MX_UINT32);
  out[3] = mx_astype(b, mx_where(b, valid, mx_subtract(b, end, fitted(b, begin, size)), none), MX_INT32);
}

/* searchsorted: in = sorted (n) or (k, n), values: of any shape, or with k as its first dimension. */
static int infer_searchsorted(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 2, 0, sizeof(struct mx_search_params));
  if (status) return status;
  const struct mx_tensor *a = &c->in[0]->t, *v = &c->in[1]->t;
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  if (a->dtype != v->dtype)
    return mx_fail(MX_ETYPE, "[searchsorted] The sequence is %s, the values %s.", mx_dtype_name(a->dtype), mx_dtype_name(v->dtype));
  if (a->ndim < 1 || a->ndim > 2 || (a->ndim == 2 && (v->ndim < 1 || v->shape[0] != a->shape[0])))
    return mx_fail(MX_EVALUE, "[searchsorted] Values of shape %s do not fit sequences of shape %s.", mx_shape_text(one, v->shape, v->ndim),
                   mx_shape_text(two, a->shape, a->ndim));
  if (a->shape[a->ndim - 1] > UINT32_MAX)
    return mx_fail(MX_EVALUE, "[searchsorted] A sequence of %lld elements is too long: positions are uint32.", (long long)a->shape[a->ndim - 1]);
  out->dtype = MX_UINT32;
  out->ndim = v->ndim;
  for (int i = 0; i < v->ndim; i++) out->shape[i] = v->shape[i];
  return MX_OK;
}
static mx_array *search_apply(mx_build *b, mx_array *a, mx_array *v, struct mx_search_params head) {
  mx_array *in[2] = {a, v};
  return mx_apply(b, &mx_prim_searchsorted, in, 2, &(struct mx_params){.head = &head, .head_size = sizeof head});
}
static void searchsorted_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  struct mx_search_params head = *(const struct mx_search_params *)c->p.head;
  int64_t size = mx_batch_size(in, axis, 2), shape[MX_MAX_NDIM], n = c->in[0]->t.shape[c->in[0]->t.ndim - 1];
  out_axis[0] = 0;
  if (axis[0] < 0 && c->in[0]->t.ndim == 1) {
    out[0] = search_apply(b, in[0], mx_batch_first(b, in[1], axis[1], size), head);
    return;
  }
  mx_array *a = mx_batch_first(b, in[0], axis[0], size), *v = mx_batch_first(b, in[1], axis[1], size);
  if (!a || !v) return;
  if (c->in[0]->t.ndim == 1) {
    out[0] = search_apply(b, a, v, head);
    return;
  }
  int64_t rows = mx_times(size, c->in[0]->t.shape[0]); /* both batches as one */
  shape[0] = rows;
  for (int i = 2; i < v->t.ndim; i++) shape[i - 1] = v->t.shape[i];
  mx_array *r = search_apply(b, mx_reshape(b, a, (int64_t[]){rows, n}, 2), mx_reshape(b, v, shape, v->t.ndim - 1), head);
  out[0] = mx_reshape(b, r, v->t.shape, v->t.ndim);
}
const struct mx_prim mx_prim_searchsorted = {
    .id = MX_PRIM_searchsorted, .name = "SearchSorted", .kind = MX_GENERAL, .infer = infer_searchsorted, .vmap = searchsorted_vmap};

mx_array *mx_searchsorted(mx_build *b, mx_array *sorted, mx_array *values, bool right) {
  if (!sorted || !values) return NULL;
  if (sorted->t.ndim != 1)
    return mx_build_fail(b, MX_EVALUE, "[searchsorted] The sorted sequence must be 1-D but has %d dimensions.", sorted->t.ndim);
  if (!mx_promote2(b, &sorted, &values)) return NULL;
  return search_apply(b, sorted, values, (struct mx_search_params){.right = right});
}

/* Public functions */
MX_PUBLIC(ravel_searchsorted, mx_searchsorted(b, sorted.ctx, values.ctx, right), const mlx_array sorted, const mlx_array values, bool right)
MX_PUBLIC_MANY(ravel_unique, 4, mx_unique(b, a.ctx, size, fill.ctx, out), const mlx_array a, int64_t size, const mlx_array fill)
