/* gather_mm.c: the primitives GatherMM, SegmentedMM and BlockMaskedMM: many products, each a call of the engine of gemm.h.
 * Invariant: products with one matrix of y go together, so that it is read and packed once; y is never copied. */
#include "backend/cpu/copy.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/update.h"
#include "core/alloc.h"
#include "core/error.h"
#include "graph/params.h"

#include <string.h>

/* Multiply-adds of one product from which it feeds all threads by itself. */
static const double WHOLE_FROM = 4e6;
enum { GATHER_ROWS = 64 }; /* matrices of x with fewer rows are put together to be multiplied at once */

/* Pieces of work that may fail, on one thread or on all. */
struct pieces {
  int (*run)(const void *job, int64_t index);
  const void *job;
  _Atomic int failed;
  struct mx_error error; /* of the first that failed */
};
static void run_pieces(void *ctx, int64_t begin, int64_t end) {
  struct pieces *p = ctx;
  for (int64_t i = begin; i < end; i++) {
    if (p->run(p->job, i) == MX_OK) continue;
    struct mx_error e = mx_error_take();
    if (atomic_exchange(&p->failed, 1)) mx_error_release(&e);
    else p->error = e;
    return;
  }
}
static int run_all(int64_t n, double work_of_one, int (*run)(const void *job, int64_t index), const void *job) {
  struct pieces p = {.run = run, .job = job};
  if (work_of_one < WHOLE_FROM) cpu_parallel_for(n, (int64_t)(2e5 / (work_of_one + 1)) + 1, run_pieces, &p);
  else run_pieces(&p, 0, n);
  if (!p.failed) return MX_OK;
  int status = mx_error_raise(&p.error);
  mx_error_release(&p.error);
  return status;
}

/* ---- gather_mm ---- */

struct gather_mm {
  const struct mx_tensor *x, *y;
  char *out;
  int64_t m, n, k, total;
  size_t item;
  int64_t *from, *by, *order; /* index into x and into y of each product; products ordered by the latter */
  int64_t *group;             /* where in `order` each group begins, and the end */
  int64_t groups;
};

/* Stable counting sort by the matrix of y; products that are in order already stay. */
static int order_products(struct gather_mm *g) {
  int64_t count = g->y->shape[0];
  bool sorted = true;
  for (int64_t t = 0; t < g->total; t++) {
    g->order[t] = t;
    sorted &= t == 0 || g->by[t] >= g->by[t - 1];
  }
  if (!sorted && count <= 8 * g->total) {
    int64_t *next = mx_calloc((size_t)count + 1, sizeof *next);
    if (!next) return MX_EMEMORY;
    for (int64_t t = 0; t < g->total; t++) next[g->by[t] + 1]++;
    for (int64_t e = 0; e < count; e++) next[e + 1] += next[e];
    for (int64_t t = 0; t < g->total; t++) g->order[next[g->by[t]]++] = t;
    mx_free(next);
  }
  for (int64_t i = 0; i < g->total; i++)
    if (i == 0 || g->by[g->order[i]] != g->by[g->order[i - 1]]) g->group[g->groups++] = i;
  g->group[g->groups] = g->total;
  return MX_OK;
}

static struct cpu_gemm product_of(const struct gather_mm *g, int64_t t) {
  const struct mx_tensor *x = g->x, *y = g->y;
  return (struct cpu_gemm){
      .dtype = x->dtype, .m = g->m, .n = g->n, .k = g->k, .alpha = 1,
      .a = (const char *)x->data + g->from[t] * x->strides[0] * (int64_t)g->item, .a_row = x->strides[1], .a_col = x->strides[2],
      .b = (const char *)y->data + g->by[t] * y->strides[0] * (int64_t)g->item, .b_row = y->strides[1], .b_col = y->strides[2],
      .c = g->out + t * g->m * g->n * (int64_t)g->item,
  };
}
/* Are the matrices of x in this group, and the results, rows of one matrix each? Then a_row is set for it. */
static bool is_one_matrix(const struct gather_mm *g, const int64_t *t, int64_t count, struct cpu_gemm *one) {
  int64_t step = g->from[t[1]] - g->from[t[0]], stride = step * g->x->strides[0];
  for (int64_t i = 1; i < count; i++)
    if (t[i] != t[i - 1] + 1 || g->from[t[i]] - g->from[t[i - 1]] != step) return false;
  if (g->m == 1) one->a_row = stride;
  return g->m == 1 || stride == g->m * one->a_row;
}
static int run_gathered(const struct cpu_gemm_table *table, const struct gather_mm *g, const int64_t *t, int64_t count) {
  struct cpu_gemm one = product_of(g, t[0]);
  int64_t rows = g->m * g->k * (int64_t)g->item, results = g->m * g->n * (int64_t)g->item;
  int64_t a_bytes = MX_ALIGN_UP(count * rows, (int64_t)64);
  struct cpu_scratch scratch;
  struct cpu_box box;
  int status = cpu_scratch_take(&scratch, a_bytes + count * results);
  if (status) return status;
  char *a = scratch.data, *c = a + a_bytes;
  cpu_box_set(&box, g->item, 2, (int64_t[]){g->m, g->k}, g->x->strides + 1);
  for (int64_t i = 0; i < count; i++)
    cpu_box_read(&box, (const char *)g->x->data + g->from[t[i]] * g->x->strides[0] * (int64_t)g->item, a + i * rows);
  one.a = a, one.a_row = g->k, one.a_col = 1, one.c = c, one.m = count * g->m;
  status = cpu_gemm_run(table, &one, NULL);
  for (int64_t i = 0; i < count && !status; i++) memcpy(g->out + t[i] * results, c + i * results, (size_t)results);
  cpu_scratch_give(&scratch);
  return status;
}
static int run_group(const void *job, int64_t index) {
  const struct gather_mm *g = job;
  const struct cpu_gemm_table *table = cpu_gemm_table(cpu_isa());
  const int64_t *t = g->order + g->group[index], count = g->group[index + 1] - g->group[index];
  struct cpu_gemm one = product_of(g, t[0]);
  int status = MX_OK;
  if (count > 1 && is_one_matrix(g, t, count, &one)) {
    one.m = count * g->m;
    return cpu_gemm_run(table, &one, NULL);
  }
  if (count > 1 && g->m < GATHER_ROWS && g->k > 0) return run_gathered(table, g, t, count);
  for (int64_t i = 0; i < count && !status; i++) {
    one = product_of(g, t[i]);
    status = cpu_gemm_run(table, &one, NULL);
  }
  return status;
}

int cpu_gather_mm(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_tensor *x = in[0], *y = in[1];
  struct gather_mm g = {.x = x, .y = y, .out = out[0]->data, .m = x->shape[1], .k = x->shape[2], .n = y->shape[2],
                        .total = in[2]->size, .item = mx_dtype_size(x->dtype)};
  if (out[0]->size == 0) return MX_OK;
  int status = cpu_check_indices("gather_mm", in[2], 0, x->shape[0], 1);
  if (!status) status = cpu_check_indices("gather_mm", in[3], 0, y->shape[0], 1);
  if (status) return status;
  int64_t *lists = mx_malloc((4 * (size_t)g.total + 1) * sizeof *lists);
  if (!lists) return MX_EMEMORY;
  g.from = lists, g.by = lists + g.total, g.order = lists + 2 * g.total, g.group = lists + 3 * g.total;
  cpu_load_indices(in[2], 0, g.total, x->shape[0], g.from);
  cpu_load_indices(in[3], 0, g.total, y->shape[0], g.by);
  status = order_products(&g);
  double work = (double)g.m * (double)g.n * (double)g.k * (double)g.total;
  if (!status) status = run_all(g.groups, work / (double)g.groups, run_group, &g);
  mx_free(lists);
  return status;
}

/* ---- segmented_mm ---- */

struct segmented {
  const struct mx_tensor *x, *y, *out;
  const int64_t *bounds; /* first and end of each segment; an end before its first is an empty one */
};
static int run_segment(const void *job, int64_t index) {
  const struct segmented *s = job;
  const struct mx_tensor *x = s->x, *y = s->y;
  int64_t from = s->bounds[2 * index], end = s->bounds[2 * index + 1], t = index / s->out->shape[1], m = x->shape[1], n = y->shape[2];
  int64_t item = (int64_t)mx_dtype_size(x->dtype), k = end > from ? end - from : 0;
  if (k == 0) from = 0;
  struct cpu_gemm g = {
      .dtype = x->dtype, .m = m, .n = n, .k = k, .alpha = 1,
      .a = (const char *)x->data + (t * x->strides[0] + from * x->strides[2]) * item, .a_row = x->strides[1], .a_col = x->strides[2],
      .b = (const char *)y->data + (t * y->strides[0] + from * y->strides[1]) * item, .b_row = y->strides[1], .b_col = y->strides[2],
      .c = (char *)s->out->data + index * m * n * item,
  };
  return cpu_gemm_run(cpu_gemm_table(cpu_isa()), &g, NULL);
}
int cpu_segmented_mm(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  int64_t count = in[2]->size / 2, k = in[0]->shape[2];
  int status = MX_OK;
  if (out[0]->size == 0) return MX_OK;
  int64_t *bounds = mx_malloc((size_t)count * 2 * sizeof *bounds);
  if (!bounds) return MX_EMEMORY;
  cpu_load_indices(in[2], 0, 2 * count, 0, bounds);
  for (int64_t i = 0; i < 2 * count && !status; i++)
    if (bounds[i] < 0 || bounds[i] > k)
      status = mx_fail(MX_EINDEX, "[segmented_mm] Segment %lld is [%lld, %lld), outside of the inner dimension of %lld.", (long long)(i / 2),
                       (long long)bounds[i / 2 * 2], (long long)bounds[i / 2 * 2 + 1], (long long)k);
  struct segmented s = {in[0], in[1], out[0], bounds};
  double work = (double)in[0]->shape[1] * (double)in[1]->shape[2] * (double)k * (double)in[0]->shape[0] / (double)count;
  if (!status) status = run_all(count, work, run_segment, &s);
  mx_free(bounds);
  return status;
}

/* ---- block_mm ---- */

/* Rows of blocks whose masks agree are one band, and in it columns of blocks that sum the same terms are one product for each
 * run of terms: what is masked out costs nothing, what is not goes to the engine in pieces as large as they come. */
struct band {
  int64_t batch, first, end; /* rows of blocks */
};
struct block_mm {
  const struct mx_tensor *x, *y, *out, *mask_out, *mask_x, *mask_y;
  int64_t block, m, n, k, columns, terms; /* columns, terms: in blocks */
  size_t item;
  struct band *bands;
};
static int64_t batch_offset(const struct mx_tensor *t, int64_t index) {
  int64_t offset = 0;
  for (int d = t->ndim - 3; d >= 0; d--) offset += index % t->shape[d] * t->strides[d], index /= t->shape[d];
  return offset;
}
static bool holds(const struct mx_tensor *mask, int64_t batch, int64_t i, int64_t j) {
  if (!mask) return true;
  return ((const bool *)mask->data)[batch_offset(mask, batch) + i * mask->strides[mask->ndim - 2] + j * mask->strides[mask->ndim - 1]];
}
static bool same_rows(const struct block_mm *g, int64_t batch, int64_t i, int64_t j) {
  for (int64_t k = 0; g->mask_x && k < g->terms; k++)
    if (holds(g->mask_x, batch, i, k) != holds(g->mask_x, batch, j, k)) return false;
  for (int64_t k = 0; g->mask_out && k < g->columns; k++)
    if (holds(g->mask_out, batch, i, k) != holds(g->mask_out, batch, j, k)) return false;
  return true;
}
static bool same_terms(const struct block_mm *g, const struct band *band, int64_t i, int64_t j) {
  for (int64_t k = 0; g->mask_y && k < g->terms; k++)
    if (holds(g->mask_y, band->batch, k, i) != holds(g->mask_y, band->batch, k, j) && holds(g->mask_x, band->batch, band->first, k)) return false;
  return true;
}
/* The next run of blocks of terms, from *from on, that add to column `column` of blocks; false: there is none. */
static bool next_run(const struct block_mm *g, const struct band *band, int64_t column, int64_t *from, int64_t *end) {
  int64_t k = *from;
  for (; k < g->terms; k++)
    if (holds(g->mask_x, band->batch, band->first, k) && holds(g->mask_y, band->batch, k, column)) break;
  for (*from = *end = k; *end < g->terms; ++*end)
    if (!holds(g->mask_x, band->batch, band->first, *end) || !holds(g->mask_y, band->batch, *end, column)) break;
  return k < g->terms;
}
static int64_t until(int64_t blocks, int64_t block, int64_t size) { return blocks * block < size ? blocks * block : size; }

/* Columns [j, end) of blocks of the band: the runs are summed in memory of their own, then put into their place. */
static int run_columns(const struct block_mm *g, const struct band *band, int64_t j, int64_t end) {
  const struct mx_tensor *x = g->x, *y = g->y;
  int d = x->ndim - 2;
  int64_t item = (int64_t)g->item, row = band->first * g->block, rows = until(band->end, g->block, g->m) - row, from = 0, to = 0;
  int64_t column = j * g->block, columns = until(end, g->block, g->n) - column, bytes = MX_ALIGN_UP(rows * columns * item, (int64_t)64);
  char *out = (char *)g->out->data + ((band->batch * g->m + row) * g->n + column) * item;
  bool whole = columns == g->n; /* the rows lie one after the other */
  struct cpu_scratch scratch;
  int status = cpu_scratch_take(&scratch, bytes * 2);
  if (status) return status;
  char *sum = NULL, *next = scratch.data, *other = next + bytes;
  while (!status && next_run(g, band, j, &from, &to)) {
    int64_t begin = from * g->block, last = to;
    from = to;
    bool only = !sum && whole && !next_run(g, band, j, &from, &to);
    struct cpu_gemm one = {
        .dtype = x->dtype, .m = rows, .n = columns, .k = until(last, g->block, g->k) - begin, .alpha = 1, .beta = 1,
        .a = (const char *)x->data + (batch_offset(x, band->batch) + row * x->strides[d] + begin * x->strides[d + 1]) * item,
        .a_row = x->strides[d], .a_col = x->strides[d + 1],
        .b = (const char *)y->data + (batch_offset(y, band->batch) + begin * y->strides[d] + column * y->strides[d + 1]) * item,
        .b_row = y->strides[d], .b_col = y->strides[d + 1], .add = sum, .add_row = columns, .add_col = 1, .c = only ? out : next,
    };
    status = cpu_gemm_run(cpu_gemm_table(cpu_isa()), &one, NULL);
    sum = one.c;
    char *t = next;
    next = other, other = t;
    from = last;
  }
  for (int64_t i = 0; i < rows && !status && sum != out; i++) {
    if (sum) memcpy(out + i * g->n * item, sum + i * columns * item, (size_t)(columns * item));
    else memset(out + i * g->n * item, 0, (size_t)(columns * item));
  }
  cpu_scratch_give(&scratch);
  return status;
}
static int run_band(const void *job, int64_t index) {
  const struct block_mm *g = job;
  const struct band *band = &g->bands[index];
  int status = MX_OK;
  for (int64_t j = 0, end; j < g->columns && !status; j = end) {
    bool kept = holds(g->mask_out, band->batch, band->first, j);
    for (end = j + 1; end < g->columns; end++)
      if (holds(g->mask_out, band->batch, band->first, end) != kept || (kept && !same_terms(g, band, j, end))) break;
    if (kept) {
      status = run_columns(g, band, j, end);
      continue;
    }
    int64_t row = band->first * g->block, rows = until(band->end, g->block, g->m), column = j * g->block;
    size_t bytes = (size_t)(until(end, g->block, g->n) - column) * g->item;
    for (; row < rows; row++) memset((char *)g->out->data + ((band->batch * g->m + row) * g->n + column) * (int64_t)g->item, 0, bytes);
  }
  return status;
}
int cpu_block_mm(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_block_params *p = c->p.head;
  const struct mx_tensor *x = in[0], *y = in[1];
  int d = x->ndim - 2, at = 2;
  if (out[0]->size == 0) return MX_OK;
  struct block_mm g = {.x = x, .y = y, .out = out[0], .block = p->block, .m = x->shape[d], .n = y->shape[d + 1], .k = x->shape[d + 1],
                       .item = mx_dtype_size(x->dtype)};
  const struct mx_tensor **mask[3] = {&g.mask_out, &g.mask_x, &g.mask_y};
  for (int i = 0; i < 3; i++)
    if (p->masks >> i & 1) *mask[i] = in[at++];
  int64_t block = p->block, batch = out[0]->size / g.m / g.n, rows = g.m / block + (g.m % block != 0), count = 0;
  g.columns = g.n / block + (g.n % block != 0), g.terms = g.k / block + (g.k % block != 0);
  g.bands = mx_malloc((size_t)(batch * rows) * sizeof *g.bands);
  if (!g.bands) return MX_EMEMORY;
  for (int64_t t = 0; t < batch; t++)
    for (int64_t i = 0; i < rows; i++) {
      if (i > 0 && same_rows(&g, t, i - 1, i)) g.bands[count - 1].end++;
      else g.bands[count++] = (struct band){t, i, i + 1};
    }
  int status = run_all(count, (double)g.m * (double)g.n * (double)g.k * (double)batch / (double)count, run_band, &g);
  mx_free(g.bands);
  return status;
}
