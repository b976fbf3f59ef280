/* block_mm.c: products of matrices whose blocks are masked.
 * Invariant: a node holds boolean masks alone, whose blocks it skips; masks of numbers are multiplied into the matrices before. */
#include "ops/public.h"
#include "ops/rules.h"

/* out = mo . ((mx . x) (my . y)), each mask a value for a block x block square; in the node stand x, y and the masks it has. */
enum { MASK_OUT, MASK_X, MASK_Y, MASKS };
enum { SKIPPED_FROM = 16 }; /* products of smaller blocks take longer one by one than all elements do at once */

static const struct mx_block_params *block_of(const struct mx_call *c) { return c->p.head; }
static int64_t blocks_of(int64_t n, int64_t block) { return n / block + (n % block != 0); }

/* Does the mask have a's batch and a value for each of its blocks? */
static bool covers(const struct mx_tensor *mask, const int64_t *batch, int n, int64_t rows, int64_t columns, int64_t block) {
  bool fits = mask->dtype == MX_BOOL && mask->ndim == n && mask->shape[n - 2] == blocks_of(rows, block) &&
              mask->shape[n - 1] == blocks_of(columns, block);
  for (int i = 0; i < n - 2; i++) fits &= mask->shape[i] == batch[i];
  return fits;
}
static int infer_block_mm(const struct mx_call *c, struct mx_spec *out) {
  if (c->nin < 2) return mx_fail(MX_EVALUE, "[block_masked_mm] Takes two matrices and their masks.");
  int status = mx_infer_inputs(c, c->nin, 0, sizeof(struct mx_block_params));
  if (status) return status;
  const struct mx_block_params *p = block_of(c);
  const struct mx_tensor *x = &c->in[0]->t, *y = &c->in[1]->t;
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  int n = x->ndim, at = 2;
  if (x->dtype != y->dtype || x->dtype == MX_BOOL)
    return mx_fail(MX_EVALUE, "[block_masked_mm] Cannot multiply matrices of dtypes %s and %s.", mx_dtype_name(x->dtype), mx_dtype_name(y->dtype));
  bool fits = p->block > 0 && n >= 2 && y->ndim == n && x->shape[n - 1] == y->shape[n - 2];
  for (int i = 0; fits && i < n - 2; i++) fits = x->shape[i] == y->shape[i];
  if (!fits)
    return mx_fail(MX_EVALUE, "[block_masked_mm] Matrices of shapes %s and %s do not fit.", mx_shape_text(one, x->shape, x->ndim),
                   mx_shape_text(two, y->shape, y->ndim));
  int64_t side[4] = {x->shape[n - 2], y->shape[n - 1], x->shape[n - 1], 0}; /* rows, columns, terms */
  const int sides[MASKS][2] = {{0, 1}, {0, 2}, {2, 1}};
  for (int i = 0; i < MASKS; i++) {
    if (!(p->masks >> i & 1)) continue;
    if (at >= c->nin || !covers(&c->in[at]->t, x->shape, n, side[sides[i][0]], side[sides[i][1]], p->block))
      return mx_fail(MX_EVALUE, "[block_masked_mm] Mask %d does not fit the blocks.", at - 2);
    at++;
  }
  if (at != c->nin) return mx_fail(MX_EVALUE, "[block_masked_mm] %d inputs, but %d are named.", c->nin, at);
  out->dtype = x->dtype;
  out->ndim = n;
  for (int i = 0; i < n - 2; i++) out->shape[i] = x->shape[i];
  out->shape[n - 2] = side[0], out->shape[n - 1] = side[1];
  return MX_OK;
}

static mx_array *block_mm(mx_build *b, mx_array *x, mx_array *y, int64_t block, mx_array *mask_out, mx_array *mask_x, mx_array *mask_y) {
  mx_array *in[2 + MASKS] = {x, y}, *mask[MASKS] = {mask_out, mask_x, mask_y};
  struct mx_block_params head = {block, 0};
  int n = 2;
  for (int i = 0; i < MASKS; i++)
    if (mask[i]) in[n++] = mask[i], head.masks |= 1 << i;
  return mx_apply(b, &mx_prim_block_mm, in, n, &(struct mx_params){.head = &head, .head_size = sizeof head});
}
static void masks_of(const struct mx_call *c, mx_array **mask) {
  int at = 2;
  for (int i = 0; i < MASKS; i++) mask[i] = block_of(c)->masks >> i & 1 ? c->in[at++] : NULL;
}
static mx_array *turned(mx_build *b, mx_array *a) { return a ? mx_swapaxes(b, a, -1, -2) : NULL; }
static mx_array *adjoint(mx_build *b, mx_array *a) { return mx_conjugate(b, turned(b, a)); }

/* dx = mx . ((mo . g) (my . y)^H), dy = my . ((mx . x)^H (mo . g)): the masks of a product change places. */
static void block_mm_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  mx_array *mask[MASKS];
  int64_t block = block_of(c)->block;
  if (!cot[0]) return;
  masks_of(c, mask);
  if (wanted[0]) grads[0] = block_mm(b, cot[0], adjoint(b, c->in[1]), block, mask[MASK_X], mask[MASK_OUT], turned(b, mask[MASK_Y]));
  if (wanted[1]) grads[1] = block_mm(b, adjoint(b, c->in[0]), cot[0], block, mask[MASK_Y], turned(b, mask[MASK_X]), mask[MASK_OUT]);
}
static void block_mm_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array *m[MASKS];
  int64_t block = block_of(c)->block;
  masks_of(c, m);
  mx_array *dx = tan[0] ? block_mm(b, tan[0], c->in[1], block, m[0], m[1], m[2]) : NULL;
  mx_array *dy = tan[1] ? block_mm(b, c->in[0], tan[1], block, m[0], m[1], m[2]) : NULL;
  out_tan[0] = dx && dy ? mx_add(b, dx, dy) : dx ? dx : dy;
}
static void block_mm_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  int64_t size = mx_batch_size(in, axis, c->nin);
  mx_array *all[2 + MASKS];
  for (int i = 0; i < c->nin; i++) all[i] = mx_batch_first(b, in[i], axis[i], size);
  out[0] = mx_apply(b, &mx_prim_block_mm, all, c->nin, &c->p);
  out_axis[0] = 0;
}

/* A mask of numbers or bools of the blocks' shape, spread over a: every element beside its block's value. */
static mx_array *apply_mask(mx_build *b, mx_array *a, mx_array *mask, int64_t block) {
  if (!a || !mask) return a;
  int n = a->t.ndim;
  int64_t rows = a->t.shape[n - 2], columns = a->t.shape[n - 1], cut[MX_MAX_NDIM];
  bool whole = rows % block == 0 && columns % block == 0 && n + 2 <= MX_MAX_NDIM;
  mx_array *x = a;
  if (whole) { /* each block beside its one value, without a mask of every element */
    for (int i = 0; i < n - 2; i++) cut[i] = a->t.shape[i];
    cut[n - 2] = rows / block, cut[n - 1] = block, cut[n] = columns / block, cut[n + 1] = block;
    x = mx_reshape(b, a, cut, n + 2);
    mask = mx_expand_dims(b, mask, (int[]){n - 1, n + 1}, 2);
  } else {
    int64_t from[MX_MAX_NDIM] = {0}, step[MX_MAX_NDIM];
    for (int i = 0; i < n; i++) step[i] = 1;
    for (int i = n - 2; i < n; i++) mask = mx_repeat(b, mask, block, &i);
    mask = mx_slice(b, mask, from, a->t.shape, step);
  }
  if (!mask) return NULL;
  x = mask->t.dtype == MX_BOOL ? mx_where(b, mask, x, mx_scalar(b, 0, a->t.dtype)) : mx_multiply(b, x, mask);
  return whole ? mx_reshape(b, x, a->t.shape, n) : x;
}
static void block_mm_compose(mx_build *b, const struct mx_call *c, mx_array **out) {
  mx_array *m[MASKS];
  int64_t block = block_of(c)->block;
  masks_of(c, m);
  mx_array *r = mx_matmul(b, apply_mask(b, c->in[0], m[MASK_X], block), apply_mask(b, c->in[1], m[MASK_Y], block));
  out[0] = apply_mask(b, r, m[MASK_OUT], block);
}
const struct mx_prim mx_prim_block_mm = {
    .id = MX_PRIM_block_mm, .name = "BlockMaskedMM", .kind = MX_GENERAL, .infer = infer_block_mm, .vjp = block_mm_vjp,
    .jvp = block_mm_jvp, .vmap = block_mm_vmap, .compose = block_mm_compose};

/* The mask as one of the blocks of a matrix of this shape; numbers in its dtype. */
static mx_array *fit_mask(mx_build *b, const int64_t *matrix, int n, enum mx_dtype dtype, mx_array *mask, int64_t block, const char *which) {
  char have[MX_SHAPE_TEXT], want[MX_SHAPE_TEXT];
  if (!mask) return NULL;
  int wide = 0;
  int64_t shape[MX_MAX_NDIM] = {0}, all[MX_MAX_NDIM];
  for (int i = 0; i < n; i++) shape[i] = i < n - 2 ? matrix[i] : blocks_of(matrix[i], block);
  int status = mx_broadcast_shapes("block_masked_mm", shape, n, mask->t.shape, mask->t.ndim, all, &wide);
  bool fits = !status && wide == n;
  for (int i = 0; fits && i < n; i++) fits = all[i] == shape[i];
  if (!fits)
    return mx_build_fail(b, MX_EVALUE, "[block_masked_mm] %s has shape %s, which does not broadcast to the blocks' shape %s.", which,
                         mx_shape_text(have, mask->t.shape, mask->t.ndim), mx_shape_text(want, shape, n));
  if (mask->t.dtype != MX_BOOL) mask = mx_astype(b, mask, dtype);
  return mx_broadcast_to(b, mask, shape, n);
}
/* With the batch dimensions of the product before a matrix or a mask. */
static mx_array *with_batch(mx_build *b, mx_array *a, const int64_t *batch, int n) {
  int64_t shape[MX_MAX_NDIM];
  if (!a) return NULL;
  for (int i = 0; i < n; i++) shape[i] = i < n - 2 ? batch[i] : a->t.shape[a->t.ndim - n + i];
  return mx_broadcast_to(b, a, shape, n);
}
static mx_array *if_bool(mx_array *mask) { return mask && mask->t.dtype == MX_BOOL ? mask : NULL; }
static mx_array *if_number(mx_array *mask) { return mask && mask->t.dtype != MX_BOOL ? mask : NULL; }

/* Of matrices: x and y of one dtype, two dimensions or more. */
static mx_array *masked_matrices(mx_build *b, mx_array *x, mx_array *y, int64_t block, mx_array *mask_out, mx_array *mask_x, mx_array *mask_y) {
  int nx = x->t.ndim, ny = y->t.ndim, n = 2;
  int64_t shape[MX_MAX_NDIM];
  bool fits = x->t.shape[nx - 1] == y->t.shape[ny - 2];
  if (!fits || mx_broadcast_shapes("block_masked_mm", x->t.shape, nx - 2, y->t.shape, ny - 2, shape, &n)) return mx_matmul(b, x, y);
  n += 2;
  shape[n - 2] = x->t.shape[nx - 2], shape[n - 1] = y->t.shape[ny - 1];
  enum mx_dtype dtype = x->t.dtype;
  mask_x = fit_mask(b, x->t.shape, nx, dtype, mask_x, block, "mask_lhs");
  mask_y = fit_mask(b, y->t.shape, ny, dtype, mask_y, block, "mask_rhs");
  mask_out = fit_mask(b, shape, n, dtype, mask_out, block, "mask_out");
  bool skips = block >= SKIPPED_FROM && (if_bool(mask_x) || if_bool(mask_y) || if_bool(mask_out));
  x = apply_mask(b, x, skips ? if_number(mask_x) : mask_x, block);
  y = apply_mask(b, y, skips ? if_number(mask_y) : mask_y, block);
  if (b->status || !x || !y) return NULL;
  mx_array *r;
  if (skips) {
    bool half = dtype == MX_FLOAT16 || dtype == MX_BFLOAT16; /* sums of the blocks' products are rounded once */
    if (half) x = mx_astype(b, x, MX_FLOAT32), y = mx_astype(b, y, MX_FLOAT32);
    r = block_mm(b, with_batch(b, x, shape, n), with_batch(b, y, shape, n), block, if_bool(mask_out), with_batch(b, if_bool(mask_x), shape, n),
                 with_batch(b, if_bool(mask_y), shape, n));
    if (half) r = mx_astype(b, r, dtype);
  } else {
    r = mx_matmul(b, x, y);
  }
  return apply_mask(b, r, skips ? if_number(mask_out) : mask_out, block);
}
mx_array *mx_block_masked_mm(mx_build *b, mx_array *x, mx_array *y, int64_t block, mx_array *mask_out, mx_array *mask_x, mx_array *mask_y) {
  if (!x || !y) return mx_build_fail(b, MX_EVALUE, "[block_masked_mm] An array is missing.");
  if (block < 1) return mx_build_fail(b, MX_EVALUE, "[block_masked_mm] block_size must be positive, not %lld.", (long long)block);
  if (x->t.ndim == 0 || y->t.ndim == 0)
    return mx_build_fail(b, MX_EVALUE, "[block_masked_mm] Got 0 dimension input. Inputs must have at least one dimension.");
  bool vector_x = x->t.ndim == 1, vector_y = y->t.ndim == 1;
  if (vector_x) x = mx_expand_dims(b, x, (int[]){0}, 1);
  if (vector_y) y = mx_expand_dims(b, y, (int[]){1}, 1);
  if (!mx_promote2(b, &x, &y)) return NULL;
  mx_array *r = masked_matrices(b, x, y, block, mask_out, mask_x, mask_y);
  if (vector_y) r = mx_squeeze(b, r, (int[]){-1}, 1);
  return vector_x ? mx_squeeze(b, r, (int[]){vector_y ? -1 : -2}, 1) : r;
}

/* Public functions */
MX_PUBLIC(block_masked_mm, mx_block_masked_mm(b, x.ctx, y.ctx, block_size, mask_out.ctx, mask_lhs.ctx, mask_rhs.ctx), const mlx_array x,
          const mlx_array y, int block_size, const mlx_array mask_out, const mlx_array mask_lhs, const mlx_array mask_rhs)
