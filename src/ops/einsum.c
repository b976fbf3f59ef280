/* einsum.c: Einstein sums as diagonals, sums, transposes and products of matrices.
 * Invariant: every intermediate keeps exactly the labels that the result or an operand still to come needs. */
#include "ops/einsum.h"
#include "ops/public.h"
#include "ops/rules.h"

#include <string.h>

struct operand {
  mx_array *a;
  struct mx_einsum_term t;
};

static bool same_label_twice(const struct mx_einsum_term *t, int *i, int *j) {
  for (*i = 0; *i < t->n; ++*i)
    for (*j = *i + 1; *j < t->n; ++*j)
      if (t->label[*i] == t->label[*j]) return true;
  return false;
}
static void forget_axis(struct mx_einsum_term *t, int axis) {
  for (int i = axis + 1; i < t->n; i++) t->label[i - 1] = t->label[i];
  t->n--;
}
/* Each label once; and dimensions of size 1 that broadcast against another operand's are left out. */
static struct operand plain(mx_build *b, const struct mx_einsum *e, struct operand x) {
  int i, j;
  while (same_label_twice(&x.t, &i, &j)) {
    int8_t label = x.t.label[i];
    x.a = mx_diagonal(b, x.a, 0, i, j); /* puts the diagonal last */
    forget_axis(&x.t, j);
    forget_axis(&x.t, i);
    x.t.label[x.t.n++] = label;
  }
  for (i = x.t.n - 1; i >= 0 && x.a; i--) {
    if (x.a->t.shape[i] != 1 || e->size[x.t.label[i]] == 1) continue;
    x.a = mx_squeeze(b, x.a, &i, 1);
    forget_axis(&x.t, i);
  }
  return x;
}
static struct operand sum_out(mx_build *b, struct operand x, uint64_t keep) {
  int axes[MX_MAX_NDIM], n = 0, left = 0;
  for (int i = 0; i < x.t.n; i++) {
    if (keep >> x.t.label[i] & 1) x.t.label[left++] = x.t.label[i];
    else axes[n++] = i;
  }
  x.t.n = left;
  if (n) x.a = mx_sum(b, x.a, axes, n, false);
  return x;
}
/* Dimensions in the order of these labels, all of which x has. */
static mx_array *in_order(mx_build *b, struct operand x, const int8_t *label, int n) {
  int order[MX_MAX_NDIM];
  bool same = true;
  for (int i = 0; i < n; i++) {
    for (order[i] = 0; x.t.label[order[i]] != label[i];) order[i]++;
    same &= order[i] == i;
  }
  return same ? x.a : mx_transpose(b, x.a, order, n);
}

/* A pair taken apart: labels that both have and that stay, that both have and that are summed, and what one has alone. */
struct parts {
  int8_t batch[MX_MAX_NDIM], summed[MX_MAX_NDIM], left[MX_MAX_NDIM], right[MX_MAX_NDIM];
  int nbatch, nsummed, nleft, nright;
};
static struct parts parts_of(const struct mx_einsum_term *x, const struct mx_einsum_term *y, uint64_t keep) {
  struct parts p = {.nbatch = 0};
  uint64_t in_x = mx_einsum_set(x), in_y = mx_einsum_set(y);
  for (int i = 0; i < x->n; i++) {
    int8_t l = x->label[i];
    if (!(in_y >> l & 1)) p.left[p.nleft++] = l;
    else if (keep >> l & 1) p.batch[p.nbatch++] = l;
    else p.summed[p.nsummed++] = l;
  }
  for (int i = 0; i < y->n; i++)
    if (!(in_x >> y->label[i] & 1)) p.right[p.nright++] = y->label[i];
  return p;
}
static int join(int8_t *to, const int8_t *one, int n, const int8_t *two, int m) {
  memmove(to, one, (size_t)n); /* it may be the same list */
  memcpy(to + n, two, (size_t)m);
  return n + m;
}
static int64_t size_of(const struct mx_einsum *e, const int8_t *label, int n) {
  int64_t size = 1;
  for (int i = 0; i < n; i++) size = mx_times(size, e->size[label[i]]);
  return size;
}

/* x[batch, left] y[batch, right], both broadcast to [batch, left, right]. */
static mx_array *outer_product(mx_build *b, const struct mx_einsum *e, struct operand x, struct operand y, const struct parts *p) {
  int8_t order[MX_MAX_NDIM];
  int64_t shape[MX_MAX_NDIM];
  int n = join(order, p->batch, p->nbatch, p->left, p->nleft);
  for (int i = 0; i < n + p->nright; i++) shape[i] = i < n ? e->size[order[i]] : 1;
  mx_array *left = mx_reshape(b, in_order(b, x, order, n), shape, n + p->nright);
  n = join(order, p->batch, p->nbatch, p->right, p->nright);
  for (int i = 0; i < n + p->nleft; i++) shape[i] = i < p->nbatch ? e->size[order[i]] : i < p->nbatch + p->nleft ? 1 : e->size[order[i - p->nleft]];
  return mx_multiply(b, left, mx_reshape(b, in_order(b, y, order, n), shape, n + p->nleft));
}
/* sum of x[batch, summed] y[batch, summed]: a fused product and reduction. */
static mx_array *dot_products(mx_build *b, struct operand x, struct operand y, const struct parts *p) {
  int8_t order[MX_MAX_NDIM];
  int axes[MX_MAX_NDIM], n = join(order, p->batch, p->nbatch, p->summed, p->nsummed);
  for (int i = 0; i < p->nsummed; i++) axes[i] = p->nbatch + i;
  return mx_sum(b, mx_multiply(b, in_order(b, x, order, n), in_order(b, y, order, n)), axes, p->nsummed, false);
}
/* x as matrices [batch, left, summed], y as [batch, summed, right]. */
static mx_array *matrix_product(mx_build *b, const struct mx_einsum *e, struct operand x, struct operand y, const struct parts *p) {
  int8_t order[MX_MAX_NDIM];
  int64_t batch = size_of(e, p->batch, p->nbatch), rows = size_of(e, p->left, p->nleft), columns = size_of(e, p->right, p->nright);
  int64_t terms = size_of(e, p->summed, p->nsummed), shape[MX_MAX_NDIM];
  int n = join(order, p->batch, p->nbatch, p->left, p->nleft), first = p->nbatch ? 0 : 1;
  n = join(order, order, n, p->summed, p->nsummed);
  mx_array *left = mx_reshape(b, in_order(b, x, order, n), (int64_t[]){batch, rows, terms} + first, 3 - first);
  n = join(order, p->batch, p->nbatch, p->summed, p->nsummed);
  n = join(order, order, n, p->right, p->nright);
  mx_array *right = mx_reshape(b, in_order(b, y, order, n), (int64_t[]){batch, terms, columns} + first, 3 - first);
  mx_array *r = mx_matmul(b, left, right);
  n = join(order, p->batch, p->nbatch, p->left, p->nleft);
  n = join(order, order, n, p->right, p->nright);
  for (int i = 0; i < n; i++) shape[i] = e->size[order[i]];
  return mx_reshape(b, r, shape, n);
}

static struct operand contract(mx_build *b, const struct mx_einsum *e, struct operand x, struct operand y, uint64_t keep) {
  struct operand r = {NULL, {0, {0}}};
  x = sum_out(b, x, keep | mx_einsum_set(&y.t));
  y = sum_out(b, y, keep | mx_einsum_set(&x.t));
  if (!x.a || !y.a) return r;
  struct parts p = parts_of(&x.t, &y.t, keep);
  if (p.nbatch + p.nleft + p.nright > MX_MAX_NDIM) {
    mx_build_fail(b, MX_EVALUE, "[einsum] An intermediate result has more than %d dimensions.", MX_MAX_NDIM);
    return r;
  }
  enum mx_dtype d = mx_dtype_promote(x.a->t.dtype, y.a->t.dtype);
  bool half = d == MX_FLOAT16 || d == MX_BFLOAT16; /* whose products a matrix product does not round */
  r.a = !p.nsummed                           ? outer_product(b, e, x, y, &p)
        : !p.nleft && !p.nright && !half     ? dot_products(b, x, y, &p)
                                             : matrix_product(b, e, x, y, &p);
  r.t.n = join(r.t.label, p.batch, p.nbatch, p.left, p.nleft);
  r.t.n = join(r.t.label, r.t.label, r.t.n, p.right, p.nright);
  return r;
}

/* Takes what the step names out of the list and appends its contraction. Gives the new length. */
static int run_step(mx_build *b, const struct mx_einsum *e, const struct mx_einsum_step *step, struct operand *list, int n) {
  struct operand now[MX_EINSUM_OPERANDS];
  uint64_t keep = mx_einsum_set(&e->out);
  int left = 0, taken = 0;
  for (int i = 0; i < n; i++) {
    if (taken < step->n && step->at[taken] == i) {
      now[taken++] = list[i];
    } else {
      keep |= mx_einsum_set(&list[i].t);
      list[left++] = list[i];
    }
  }
  struct operand r = now[0];
  for (int i = 1; i < taken; i++) {
    uint64_t later = keep;
    for (int k = i + 1; k < taken; k++) later |= mx_einsum_set(&now[k].t);
    r = contract(b, e, r, now[i], later);
    if (!r.a) break;
  }
  list[left++] = r.a ? sum_out(b, r, keep) : r;
  return left;
}

mx_array *mx_einsum(mx_build *b, const char *subscripts, mx_array *const *operands, int n) {
  struct mx_einsum e;
  struct mx_einsum_path path;
  struct operand list[MX_EINSUM_OPERANDS];
  if (!mx_einsum_parse(b, &e, subscripts, operands, n) || !mx_einsum_find_path(b, &e, &path)) return NULL;
  enum mx_dtype d = operands[0]->t.dtype;
  for (int i = 1; i < n; i++) d = mx_dtype_promote(d, operands[i]->t.dtype);
  for (int i = 0; i < n; i++) {
    /* Bools are counted, and true again where there was one. */
    mx_array *a = n > 1 && d == MX_BOOL ? mx_astype(b, operands[i], MX_INT32) : operands[i];
    list[i] = plain(b, &e, (struct operand){a, e.term[i]});
  }
  int left = n;
  for (int i = 0; i < path.nsteps && !b->status; i++) left = run_step(b, &e, &path.step[i], list, left);
  if (b->status || !list[0].a) return NULL;
  mx_array *r = in_order(b, list[0], e.out.label, e.out.n);
  return n > 1 ? mx_astype(b, r, d) : r;
}

/* Public functions */
static mx_array *einsum_public(mx_build *b, const char *subscripts, struct mx_public_list list) {
  return mx_public_done(&list, list.at ? mx_einsum(b, subscripts, list.at, list.n) : NULL);
}
MX_PUBLIC(einsum, einsum_public(b, subscripts, mx_public_arrays(b, operands)), const char *subscripts, const mlx_vector_array operands)
