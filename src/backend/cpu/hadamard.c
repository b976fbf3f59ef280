/* hadamard.c: fast Walsh-Hadamard transforms along the last axis, with the matrices of 12, 20 and 28.
 * Invariant: halves are transformed in float32 and rounded once; each row is one thread's. */
#include "backend/cpu/copy.h"
#include "backend/cpu/gemm.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/tile_table.h"
#include "core/alloc.h"
#include "core/error.h"
#include "graph/params.h"

#include <string.h>

enum { MOST = 28, LANES = 16, SHARE_FROM = 1 << 14 };

/* y[j] = sum of x[i] sign[i][j]. Of 12: Paley's second construction over the field of 5. Of 20 and 28: four times four
 * circulant blocks (Williamson's kind), of which these are the first rows. */
static const char *const blocks_of_20[4][4] = {{"+----", "-++++", "--++-", "-+--+"},
                                               {"+----", "+----", "+-++-", "--++-"},
                                               {"++--+", "-+--+", "+----", "+----"},
                                               {"+-++-", "++--+", "-++++", "+----"}};
static const char *const blocks_of_28[4][4] = {{"+------", "--++++-", "-+-++-+", "-++--++"},
                                               {"++----+", "+------", "+--++--", "-+-++-+"},
                                               {"+-+--+-", "-++--++", "+------", "++----+"},
                                               {"+--++--", "+-+--+-", "--++++-", "+------"}};

static double sign_in_12(int i, int j) {
  /* The conference matrix of 6: 0 on the diagonal, else +, or whether the difference is a square modulo 5. */
  static const int pair[2][2][2] = {{{1, 1}, {1, -1}}, {{1, -1}, {-1, -1}}};
  static const int square[5] = {0, 1, -1, -1, 1};
  int r = i / 2, c = j / 2;
  if (r == c) return pair[1][i % 2][j % 2];
  return pair[0][i % 2][j % 2] * (r == 0 || c == 0 ? 1 : square[(r - c + 5) % 5]);
}
static double sign_of(int m, int i, int j) {
  if (m == 12) return sign_in_12(i, j);
  int width = m / 4;
  const char *row = m == 20 ? blocks_of_20[i / width][j / width] : blocks_of_28[i / width][j / width];
  return row[(j % width - i % width + width) % width] == '+' ? 1 : -1;
}

struct hadamard {
  const struct mx_tensor *a, *out;
  int64_t n, doubling; /* size of a row = m * doubling, a power of two */
  int m, parts;        /* parts of a number: 2 where it is complex */
  double scale, sign[MOST][MOST];
  _Atomic int failed;
};

#define REAL float
#define NAME(f) f##_float
#include "backend/cpu/hadamard.inc"
#undef REAL
#undef NAME
#define REAL double
#define NAME(f) f##_double
#include "backend/cpu/hadamard.inc"
#undef REAL
#undef NAME

static void transform_rows(void *ctx, int64_t begin, int64_t end) {
  struct hadamard *h = ctx;
  enum mx_dtype d = h->a->dtype, wide = d == MX_FLOAT64 || d == MX_COMPLEX64 ? d : MX_FLOAT32;
  int64_t item = (int64_t)mx_dtype_size(d), bytes = h->n * item;
  struct cpu_scratch scratch = {.buf = NULL};
  if (wide != d && cpu_scratch_take(&scratch, h->n * 4)) {
    h->failed = 1;
    return;
  }
  for (int64_t r = begin; r < end; r++) {
    char *to = (char *)h->out->data + r * bytes;
    void *work = wide == d ? (void *)to : scratch.data;
    cpu_load(h->a, r * h->n, h->n, to);
    if (wide != d) cpu_tile_table()->cast[d][wide](h->n, work, to, NULL, NULL);
    if (d == MX_FLOAT64) transform_double(h, work);
    else transform_float(h, work);
    if (wide != d) cpu_tile_table()->cast[wide][d](h->n, to, work, NULL, NULL);
  }
  if (wide != d) cpu_scratch_give(&scratch);
}

int cpu_hadamard(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  const struct mx_hadamard_params *p = c->p.head;
  struct hadamard h = {.a = in[0], .out = out[0], .n = in[0]->shape[in[0]->ndim - 1], .m = 1, .scale = p->scale,
                       .parts = in[0]->dtype == MX_COMPLEX64 ? 2 : 1};
  if (out[0]->size == 0) return MX_OK;
  for (int m = 12; m <= MOST; m += 8)
    if (h.n % m == 0 && ((h.n / m) & (h.n / m - 1)) == 0) h.m = m;
  h.doubling = h.n / h.m;
  for (int i = 0; i < h.m && h.m > 1; i++)
    for (int j = 0; j < h.m; j++) h.sign[i][j] = p->transposed ? sign_of(h.m, i, j) : sign_of(h.m, j, i);
  cpu_parallel_for(out[0]->size / h.n, SHARE_FROM / h.n + 1, transform_rows, &h);
  return h.failed ? (int)mx_error_class() : MX_OK;
}
