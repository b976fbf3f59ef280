/* matmul.c: matrix products.
 * Invariant: a product node sees two arrays of one dtype with equal batch dimensions; what broadcasts was broadcast before. */
#include "ops/public.h"
#include "ops/rules.h"

#include <string.h>

static int check_product(const struct mx_call *c, const struct mx_tensor *x, const struct mx_tensor *y, struct mx_spec *out) {
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  const char *op = mx_op_name(c);
  if (x->dtype != y->dtype || x->dtype == MX_BOOL)
    return mx_fail(MX_EVALUE, "[%s] Cannot multiply matrices of dtypes %s and %s.", op, mx_dtype_name(x->dtype), mx_dtype_name(y->dtype));
  bool fits = x->ndim == y->ndim && x->ndim >= 2;
  for (int i = 0; fits && i < x->ndim - 2; i++) fits = x->shape[i] == y->shape[i];
  if (!fits || x->shape[x->ndim - 1] != y->shape[x->ndim - 2])
    return mx_fail(MX_EVALUE,
                   "[%s] Last dimension of first input with shape %s must match second to last dimension of second input with shape %s.",
                   op, mx_shape_text(one, x->shape, x->ndim), mx_shape_text(two, y->shape, y->ndim));
  out->dtype = x->dtype;
  out->ndim = x->ndim;
  for (int i = 0; i < x->ndim - 1; i++) out->shape[i] = x->shape[i];
  out->shape[x->ndim - 1] = y->shape[x->ndim - 1];
  return MX_OK;
}
static mx_array *adjoint(mx_build *b, mx_array *a) { return mx_conjugate(b, mx_swapaxes(b, a, -1, -2)); }

/* matmul: d(xy) = dx y + x dy; cotangents g yᴴ and xᴴ g. */
static int infer_matmul(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 2, 0, 0);
  return status ? status : check_product(c, &c->in[0]->t, &c->in[1]->t, out);
}
static mx_array *product(mx_build *b, mx_array *x, mx_array *y) { return mx_apply2(b, &mx_prim_matmul, x, y); }
static void matmul_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  if (!cot[0]) return;
  if (wanted[0]) grads[0] = product(b, cot[0], adjoint(b, c->in[1]));
  if (wanted[1]) grads[1] = product(b, adjoint(b, c->in[0]), cot[0]);
}
static void matmul_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  mx_array *dx = tan[0] ? product(b, tan[0], c->in[1]) : NULL, *dy = tan[1] ? product(b, c->in[0], tan[1]) : NULL;
  out_tan[0] = dx && dy ? mx_add(b, dx, dy) : dx ? dx : dy;
}
static void matmul_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  out_axis[0] = 0;
  int ndim = c->in[0]->t.ndim;
  int64_t size = mx_batch_size(in, axis, 2);
  mx_array *x = mx_batch_first(b, in[0], axis[0], size), *y = axis[1] < 0 && ndim == 2 ? in[1] : mx_batch_first(b, in[1], axis[1], size);
  out[0] = mx_matmul(b, x, y); /* one matrix for the whole batch: mx_matmul makes a single product of it */
}
const struct mx_prim mx_prim_matmul = {
    .id = MX_PRIM_matmul, .name = "Matmul", .kind = MX_GENERAL, .infer = infer_matmul, .vjp = matmul_vjp, .jvp = matmul_jvp,
    .vmap = matmul_vmap};

/* addmm: alpha (x y) + beta c */
static const struct mx_addmm_params *factors(const struct mx_call *c) { return c->p.head; }
static int infer_addmm(const struct mx_call *c, struct mx_spec *out) {
  int status = mx_infer_inputs(c, 3, 0, sizeof(struct mx_addmm_params));
  if (!status) status = check_product(c, &c->in[1]->t, &c->in[2]->t, out);
  if (status) return status;
  const struct mx_tensor *add = &c->in[0]->t;
  bool fits = add->ndim == out->ndim && add->dtype == out->dtype && mx_dtype_is_inexact(out->dtype);
  for (int i = 0; fits && i < out->ndim; i++) fits = add->shape[i] == out->shape[i];
  return fits ? MX_OK : mx_fail(MX_EVALUE, "[addmm] input c must have the output's shape and floating dtype.");
}
static mx_array *scaled(mx_build *b, mx_array *a, double by) {
  return !a || by == 1 ? a : mx_multiply(b, a, mx_scalar(b, by, a->t.dtype));
}
static void addmm_vjp(mx_build *b, const struct mx_call *c, mx_array *const *cot, const bool *wanted, mx_array **grads) {
  const struct mx_addmm_params *f = factors(c);
  if (!cot[0]) return;
  if (wanted[0]) grads[0] = scaled(b, cot[0], f->beta);
  if (wanted[1]) grads[1] = scaled(b, product(b, cot[0], adjoint(b, c->in[2])), f->alpha);
  if (wanted[2]) grads[2] = scaled(b, product(b, adjoint(b, c->in[1]), cot[0]), f->alpha);
}
static void addmm_jvp(mx_build *b, const struct mx_call *c, mx_array *const *tan, mx_array **out_tan) {
  const struct mx_addmm_params *f = factors(c);
  mx_array *part[3] = {tan[0] ? scaled(b, tan[0], f->beta) : NULL, tan[1] ? scaled(b, product(b, tan[1], c->in[2]), f->alpha) : NULL,
                       tan[2] ? scaled(b, product(b, c->in[1], tan[2]), f->alpha) : NULL};
  for (int i = 0; i < 3; i++)
    if (part[i]) out_tan[0] = out_tan[0] ? mx_add(b, out_tan[0], part[i]) : part[i];
}
static void addmm_vmap(mx_build *b, const struct mx_call *c, mx_array *const *in, const int *axis, mx_array **out, int *out_axis) {
  mx_array *moved[3];
  int64_t size = mx_batch_size(in, axis, 3);
  for (int i = 0; i < 3; i++) moved[i] = mx_batch_first(b, in[i], axis[i], size);
  out[0] = mx_apply(b, c->prim, moved, 3, &c->p);
  out_axis[0] = 0;
}
static void addmm_compose(mx_build *b, const struct mx_call *c, mx_array **out) {
  const struct mx_addmm_params *f = factors(c);
  out[0] = mx_add(b, scaled(b, product(b, c->in[1], c->in[2]), f->alpha), scaled(b, c->in[0], f->beta));
}
const struct mx_prim mx_prim_addmm = {
    .id = MX_PRIM_addmm, .name = "AddMM", .kind = MX_GENERAL, .infer = infer_addmm, .vjp = addmm_vjp, .jvp = addmm_jvp,
    .vmap = addmm_vmap, .compose = addmm_compose};

/* Two operands of any dimensions made ready for a product: what undoes it stands here. */
struct operands {
  mx_array *x, *y;
  bool vector_x, vector_y;
  int64_t lead[MX_MAX_NDIM]; /* the batch and row dimensions that were flattened into one */
  int nlead;                 /* 0: nothing was flattened */
};
static bool check_operands(mx_build *b, const char *op, const mx_array *x, const mx_array *y) {
  char one[MX_SHAPE_TEXT], two[MX_SHAPE_TEXT];
  if (!x || !y || b->status) return false;
  if (x->t.ndim == 0 || y->t.ndim == 0) {
    mx_build_fail(b, MX_EVALUE, "[%s] Got 0 dimension input. Inputs must have at least one dimension.", op);
    return false;
  }
  if (x->t.shape[x->t.ndim - 1] != y->t.shape[y->t.ndim > 1 ? y->t.ndim - 2 : 0])
    mx_build_fail(b, MX_EVALUE,
                  "[%s] Last dimension of first input with shape %s must match second to last dimension of second input with shape %s.",
                  op, mx_shape_text(one, x->t.shape, x->t.ndim), mx_shape_text(two, y->t.shape, y->t.ndim));
  return !b->status;
}
static bool make_ready(mx_build *b, const char *op, mx_array *x, mx_array *y, bool flatten, struct operands *o) {
  if (!check_operands(b, op, x, y)) return false;
  o->vector_x = x->t.ndim == 1, o->vector_y = y->t.ndim == 1;
  if (o->vector_x) x = mx_expand_dims(b, x, (int[]){0}, 1);
  if (o->vector_y) y = mx_expand_dims(b, y, (int[]){1}, 1);
  o->nlead = 0;
  if (!x || !y) return false;
  if (flatten && y->t.ndim == 2 && x->t.ndim > 2) { /* one matrix for a whole batch: one product of all the rows */
    o->nlead = x->t.ndim - 1;
    memcpy(o->lead, x->t.shape, (size_t)o->nlead * sizeof *o->lead);
    x = mx_flatten(b, x, 0, -2);
  } else {
    int64_t batch[MX_MAX_NDIM], xs[MX_MAX_NDIM], ys[MX_MAX_NDIM];
    int n = 0;
    b->status = mx_broadcast_shapes(op, x->t.shape, x->t.ndim - 2, y->t.shape, y->t.ndim - 2, batch, &n);
    if (b->status) return false;
    for (int i = 0; i < n; i++) xs[i] = ys[i] = batch[i];
    for (int i = 0; i < 2; i++) xs[n + i] = x->t.shape[x->t.ndim - 2 + i], ys[n + i] = y->t.shape[y->t.ndim - 2 + i];
    x = mx_broadcast_to(b, x, xs, n + 2), y = mx_broadcast_to(b, y, ys, n + 2);
  }
  o->x = x, o->y = y;
  return x && y;
}
static mx_array *undo(mx_build *b, const struct operands *o, mx_array *r) {
  if (!r) return NULL;
  if (o->nlead) {
    int64_t shape[MX_MAX_NDIM];
    memcpy(shape, o->lead, (size_t)o->nlead * sizeof *shape);
    shape[o->nlead] = r->t.shape[r->t.ndim - 1];
    r = mx_reshape(b, r, shape, o->nlead + 1);
  }
  if (o->vector_y) r = mx_squeeze(b, r, (int[]){-1}, 1);
  return o->vector_x ? mx_squeeze(b, r, (int[]){o->vector_y ? -1 : -2}, 1) : r;
}

mx_array *mx_matmul(mx_build *b, mx_array *x, mx_array *y) {
  struct operands o;
  if (!check_operands(b, "matmul", x, y)) return NULL;
  enum mx_dtype dx = x->t.dtype, dy = y->t.dtype, d = mx_dtype_promote(dx, dy);
  if (d == MX_BOOL)
    return mx_build_fail(b, MX_EVALUE, "[matmul] Only numeric types are supported but bool and bool were provided.");
  if (!make_ready(b, "matmul", mx_astype(b, x, d), mx_astype(b, y, d), true, &o)) return NULL;
  return undo(b, &o, product(b, o.x, o.y));
}

mx_array *mx_addmm(mx_build *b, mx_array *c, mx_array *x, mx_array *y, double alpha, double beta) {
  struct operands o;
  if (!c || !check_operands(b, "addmm", x, y)) return NULL;
  enum mx_dtype d = mx_dtype_promote(mx_dtype_promote(x->t.dtype, y->t.dtype), c->t.dtype);
  if (!mx_dtype_is_inexact(d))
    return mx_build_fail(b, MX_EVALUE,
                         "[addmm] Only floating point types are supported but %s, %s and %s were provided which results in %s, which is "
                         "not a floating point type.",
                         mx_dtype_name(c->t.dtype), mx_dtype_name(x->t.dtype), mx_dtype_name(y->t.dtype), mx_dtype_name(d));
  bool flatten = c->t.ndim <= 1; /* a bias goes with each row, whatever the batch */
  if (!make_ready(b, "addmm", mx_astype(b, x, d), mx_astype(b, y, d), flatten && x->t.ndim > 1, &o)) return NULL;
  int n = o.x->t.ndim, ndim = 0;
  int64_t shape[MX_MAX_NDIM], wide[MX_MAX_NDIM];
  for (int i = 0; i < n - 1; i++) shape[i] = o.x->t.shape[i];
  shape[n - 1] = o.y->t.shape[n - 1];
  /* Shape of c beside the result: dimensions that stand for vectors are not there. */
  mx_array *add = mx_astype(b, c, d);
  if (o.vector_y && add && add->t.ndim) add = mx_expand_dims(b, add, (int[]){-1}, 1);
  if (o.vector_x && add && add->t.ndim) add = mx_expand_dims(b, add, (int[]){-2}, 1);
  if (!add) return NULL;
  b->status = mx_broadcast_shapes("addmm", add->t.shape, add->t.ndim, shape, n, wide, &ndim);
  bool same = ndim == n;
  for (int i = 0; i < n && same && !b->status; i++) same = wide[i] == shape[i];
  if (!same) return mx_build_fail(b, MX_EVALUE, "[addmm] input c must broadcast to the output shape.");
  struct mx_addmm_params head = {alpha, beta};
  mx_array *in[3] = {mx_broadcast_to(b, add, shape, n), o.x, o.y};
  return undo(b, &o, mx_apply(b, &mx_prim_addmm, in, 3, &(struct mx_params){.head = &head, .head_size = sizeof head}));
}

mx_array *mx_outer(mx_build *b, mx_array *x, mx_array *y) {
  if (!x || !y) return NULL;
  return mx_multiply(b, mx_reshape(b, x, (int64_t[]){x->t.size, 1}, 2), mx_reshape(b, y, (int64_t[]){y->t.size}, 1));
}

/* The axes of a permuted into (free, contracted) or (contracted, free) and merged into a matrix. Appends the free sizes. */
static mx_array *as_matrix(mx_build *b, mx_array *a, const int *axes, int n, bool contracted_first, int64_t *shape, int *nshape) {
  bool taken[MX_MAX_NDIM] = {false};
  int order[MX_MAX_NDIM], free = 0;
  int64_t rows = 1, columns = 1;
  for (int i = 0; i < n; i++) {
    if (taken[axes[i]]) return mx_build_fail(b, MX_EVALUE, "[tensordot] An axis is given twice.");
    taken[axes[i]] = true;
  }
  int nfree = a->t.ndim - n, at = contracted_first ? n : 0;
  for (int i = 0; i < a->t.ndim; i++) {
    if (taken[i]) continue;
    order[at + free++] = i;
    rows = mx_times(rows, a->t.shape[i]);
    shape[(*nshape)++] = a->t.shape[i];
  }
  for (int i = 0; i < n; i++) {
    order[contracted_first ? i : nfree + i] = axes[i];
    columns = mx_times(columns, a->t.shape[axes[i]]);
  }
  a = mx_transpose(b, a, order, nfree + n);
  return mx_reshape(b, a, contracted_first ? (int64_t[]){columns, rows} : (int64_t[]){rows, columns}, 2);
}
mx_array *mx_tensordot(mx_build *b, mx_array *x, mx_array *y, const int *axes_x, int nx, const int *axes_y, int ny) {
  int ax[MX_MAX_NDIM], ay[MX_MAX_NDIM], nshape = 0;
  int64_t shape[2 * MX_MAX_NDIM];
  if (!x || !y) return NULL;
  if (nx != ny || nx < 0) return mx_build_fail(b, MX_EVALUE, "[tensordot] axes must have the same size.");
  if (nx > x->t.ndim || nx > y->t.ndim)
    return mx_build_fail(b, MX_EVALUE, "[tensordot] %d axes for arrays with %d and %d dimensions.", nx, x->t.ndim, y->t.ndim);
  for (int i = 0; i < nx; i++) {
    if (!mx_axis_of(b, "tensordot", axes_x[i], x->t.ndim, &ax[i]) || !mx_axis_of(b, "tensordot", axes_y[i], y->t.ndim, &ay[i])) return NULL;
    if (x->t.shape[ax[i]] != y->t.shape[ay[i]])
      return mx_build_fail(b, MX_EVALUE, "[tensordot] a and b must have the same shape on the contracted axes.");
  }
  mx_array *left = as_matrix(b, x, ax, nx, false, shape, &nshape), *right = as_matrix(b, y, ay, nx, true, shape, &nshape);
  if (nshape > MX_MAX_NDIM) return mx_build_fail(b, MX_EVALUE, "[tensordot] The result has more than %d dimensions.", MX_MAX_NDIM);
  return mx_reshape(b, mx_matmul(b, left, right), shape, nshape);
}
mx_array *mx_tensordot_axis(mx_build *b, mx_array *x, mx_array *y, int axis) {
  int ax[MX_MAX_NDIM], ay[MX_MAX_NDIM];
  if (!x || !y) return NULL;
  if (axis < 0) return mx_build_fail(b, MX_EVALUE, "[tensordot] axis must be greater or equal to 0.");
  if (axis > x->t.ndim || axis > y->t.ndim)
    return mx_build_fail(b, MX_EVALUE, "[tensordot] axis must be less than the number of dimensions of a and b.");
  for (int i = 0; i < axis; i++) ax[i] = x->t.ndim - axis + i, ay[i] = i;
  return mx_tensordot(b, x, y, ax, axis, ay, axis);
}
mx_array *mx_inner(mx_build *b, mx_array *x, mx_array *y) {
  if (!x || !y) return NULL;
  if (x->t.ndim == 0 || y->t.ndim == 0) return mx_multiply(b, x, y);
  if (x->t.shape[x->t.ndim - 1] != y->t.shape[y->t.ndim - 1])
    return mx_build_fail(b, MX_EVALUE, "[inner] a and b must have the same last dimension.");
  /* Of vectors it is one program. Halves go to matmul, which does not round their products. */
  enum mx_dtype d = mx_dtype_promote(x->t.dtype, y->t.dtype);
  if (x->t.ndim == 1 && y->t.ndim == 1 && (d == MX_FLOAT32 || d == MX_FLOAT64)) return mx_sum(b, mx_multiply(b, x, y), NULL, 0, false);
  return mx_tensordot(b, x, y, (int[]){-1}, 1, (int[]){-1}, 1);
}

/* Public functions */
MX_PUBLIC_BINARY(matmul) MX_PUBLIC_BINARY(inner) MX_PUBLIC_BINARY(outer)
MX_PUBLIC(addmm, mx_addmm(b, c.ctx, x.ctx, y.ctx, (double)alpha, (double)beta), const mlx_array c, const mlx_array x, const mlx_array y,
          float alpha, float beta)
MX_PUBLIC(tensordot, mx_tensordot(b, x.ctx, y.ctx, axes_a, (int)axes_a_num, axes_b, (int)axes_b_num), const mlx_array x, const mlx_array y,
          const int *axes_a, size_t axes_a_num, const int *axes_b, size_t axes_b_num)
MX_PUBLIC(tensordot_axis, mx_tensordot_axis(b, x.ctx, y.ctx, axis), const mlx_array x, const mlx_array y, int axis)
