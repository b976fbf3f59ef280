/* sort.c: order along one axis. Invariant: sorts are stable and put NaN last, so values and positions always agree. */
#include "ops/public.h"
#include "ops/rules.h"

static int infer_sort(const struct mx_call *c, struct mx_spec *out) {
  bool whole = c->prim->id == MX_PRIM_sort || c->prim->id == MX_PRIM_argsort;
  int axis, status = mx_infer_inputs(c, 1, whole ? 1 : 2, 0);
  if (!status) status = mx_infer_broadcast(c, out);
  if (!status) status = mx_axis(mx_op_name(c), c->p.ints[0], out->ndim, &axis);
  if (!status && !whole && (c->p.ints[1] < 0 || c->p.ints[1] >= out->shape[axis]))
    return mx_fail(MX_EVALUE, "[%s] There is no rank %lld among %lld elements.", mx_op_name(c), (long long)c->p.ints[1], (long long)out->shape[axis]);
  if (!status && (c->prim->id == MX_PRIM_argsort || c->prim->id == MX_PRIM_argpartition)) out->dtype = MX_UINT32;
  return status;
}
static void sort_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t ints[2] = {c->p.ints[0] + 1, c->p.nints > 1 ? c->p.ints[1] : 0};
  out[0] = mx_apply_ints(b, c->prim, mx_batch_first(b, in[0], axis[0], 1), ints, c->p.nints);
  out_axis[0] = 0;
}
static mx_array *order_of(mx_build *b, const struct mx_call *c) {
  return mx_apply_ints(b, c->prim->id == MX_PRIM_sort ? &mx_prim_argsort : &mx_prim_argpartition, c->in[0], c->p.ints, c->p.nints);
}
static void sort_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  int axis = (int)c->p.ints[0];
  if (wanted[0] && cot[0]) grads[0] = mx_put_along_axis(b, mx_zeros_as(b, c->in[0]), order_of(b, c), cot[0], &axis);
}
static void sort_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  int axis = (int)c->p.ints[0];
  if (tan[0]) out_tan[0] = mx_take_along_axis(b, tan[0], order_of(b, c), &axis);
}
const struct mx_prim mx_prim_sort = {
    .id = MX_PRIM_sort, .name = "Sort", .kind = MX_GENERAL, .infer = infer_sort, .vjp = sort_vjp, .jvp = sort_jvp, .vmap = sort_vmap};
const struct mx_prim mx_prim_argsort = {
    .id = MX_PRIM_argsort, .name = "ArgSort", .kind = MX_GENERAL, .infer = infer_sort, .vmap = sort_vmap};
const struct mx_prim mx_prim_partition = {
    .id = MX_PRIM_partition, .name = "Partition", .kind = MX_GENERAL, .infer = infer_sort, .vjp = sort_vjp, .jvp = sort_jvp, .vmap = sort_vmap};
const struct mx_prim mx_prim_argpartition = {
    .id = MX_PRIM_argpartition, .name = "ArgPartition", .kind = MX_GENERAL, .infer = infer_sort, .vmap = sort_vmap};

static mx_array *sorted(mx_build *b, const struct mx_prim *prim, const char *op, mx_array *a, const int *axis) {
  int at = 0;
  if (!axis) a = a ? mx_reshape(b, a, (int64_t[]){a->t.size}, 1) : NULL;
  if (!a || !mx_axis_of(b, op, axis ? *axis : 0, a->t.ndim, &at)) return NULL;
  int64_t along = at;
  return mx_apply_ints(b, prim, a, &along, 1);
}
mx_array *mx_sort(mx_build *b, mx_array *a, const int *axis) { return sorted(b, &mx_prim_sort, "sort", a, axis); }
mx_array *mx_argsort(mx_build *b, mx_array *a, const int *axis) { return sorted(b, &mx_prim_argsort, "argsort", a, axis); }

/* A partition is any order with the k-th element in its sorted place; here the one of rank k + 1 is in its own, too (for medians). */
static mx_array *partitioned(mx_build *b, const struct mx_prim *prim, const char *op, mx_array *a, int64_t kth, const int *axis) {
  int at = 0;
  char text[MX_SHAPE_TEXT];
  if (!a || (axis && !mx_axis_of(b, op, *axis, a->t.ndim, &at))) return NULL;
  int64_t n = axis ? a->t.shape[at] : a->t.size;
  if (kth < -n || kth >= n)
    return mx_build_fail(b, MX_EVALUE, "[%s] Received invalid kth %lld along axis %d for array with shape: %s", op, (long long)kth,
                         axis ? *axis : 0, mx_shape_text(text, a->t.shape, a->t.ndim));
  if (!axis) a = mx_reshape(b, a, (int64_t[]){a->t.size}, 1);
  return mx_apply_ints(b, prim, a, (int64_t[]){at, kth < 0 ? kth + n : kth}, 2);
}
mx_array *mx_partition(mx_build *b, mx_array *a, int64_t kth, const int *axis) {
  return partitioned(b, &mx_prim_partition, "partition", a, kth, axis);
}
mx_array *mx_argpartition(mx_build *b, mx_array *a, int64_t kth, const int *axis) {
  return partitioned(b, &mx_prim_argpartition, "argpartition", a, kth, axis);
}
mx_array *mx_topk(mx_build *b, mx_array *a, int64_t k, const int *axis) {
  int at = 0;
  char text[MX_SHAPE_TEXT];
  if (!a || (axis && !mx_axis_of(b, "topk", *axis, a->t.ndim, &at))) return NULL;
  int64_t n = axis ? a->t.shape[at] : a->t.size;
  if (k < 0 || k > n)
    return mx_build_fail(b, MX_EVALUE, "[topk] Received invalid k=%lld along axis %d for array with shape: %s", (long long)k, axis ? *axis : 0,
                         mx_shape_text(text, a->t.shape, a->t.ndim));
  mx_array *parts[2];
  mx_array *order = k && k < n ? mx_partition(b, a, n - k, axis) : axis ? a : mx_reshape(b, a, &n, 1);
  mx_split_at(b, order, (int64_t[]){n - k}, 1, at, parts);
  return parts[1];
}

/* Public functions */
MX_PUBLIC(sort_axis, mx_sort(b, a.ctx, &axis), const mlx_array a, int axis)
MX_PUBLIC(sort, mx_sort(b, a.ctx, NULL), const mlx_array a)
MX_PUBLIC(argsort_axis, mx_argsort(b, a.ctx, &axis), const mlx_array a, int axis)
MX_PUBLIC(argsort, mx_argsort(b, a.ctx, NULL), const mlx_array a)
MX_PUBLIC(partition_axis, mx_partition(b, a.ctx, kth, &axis), const mlx_array a, int kth, int axis)
MX_PUBLIC(partition, mx_partition(b, a.ctx, kth, NULL), const mlx_array a, int kth)
MX_PUBLIC(argpartition_axis, mx_argpartition(b, a.ctx, kth, &axis), const mlx_array a, int kth, int axis)
MX_PUBLIC(argpartition, mx_argpartition(b, a.ctx, kth, NULL), const mlx_array a, int kth)
MX_PUBLIC(topk_axis, mx_topk(b, a.ctx, k, &axis), const mlx_array a, int k, int axis)
MX_PUBLIC(topk, mx_topk(b, a.ctx, k, NULL), const mlx_array a, int k)
