/* gemm_vector.c: matrix times vector, at the speed at which the matrix is read.
 * Invariant: k is cut in blocks of a fixed length, whose sums are added in order, whoever computed them. */
#include "backend/cpu/gemm.h"
#include "backend/cpu/pool.h"
#include "core/error.h"
#include "core/half.h"

#include <string.h>

enum {
  DOT_BLOCK = 8192,        /* terms of a block where k is contiguous */
  SUM_BLOCK = 512,         /* where the outputs are: rows read to their end before the next block */
  SUM_CHUNK = 2048,        /* outputs of a piece of work */
  PIECE_BYTES = 128 << 10, /* least to read in one */
};

struct vector_job {
  const struct cpu_gemm_table *table;
  enum mx_dtype dtype;
  bool dot;              /* k is contiguous in the matrix */
  const char *matrix, *x; /* x: accumulators */
  char *partial;         /* [block][output], accumulators */
  int64_t outputs, k, stride, block, blocks, chunk, chunks;
  size_t item, size;     /* of an element, of an accumulator */
};

bool cpu_gemm_is_vector(const struct cpu_gemm *g) {
  if (g->dtype == MX_COMPLEX64 || (g->m != 1 && g->n != 1)) return false;
  return g->n == 1 ? g->a_col == 1 || g->a_row == 1 || g->k == 1 : g->b_row == 1 || g->b_col == 1 || g->k == 1;
}

/* Pieces go along a block first: its rows are then read in one go. */
static void vector_some(void *ctx, int64_t begin, int64_t end) {
  const struct vector_job *v = ctx;
  for (int64_t q = begin; q < end; q++) {
    int64_t block = q / v->chunks, first = q % v->chunks * v->chunk, p = block * v->block;
    int64_t outputs = v->outputs - first < v->chunk ? v->outputs - first : v->chunk;
    int64_t k = v->k - p < v->block ? v->k - p : v->block;
    int64_t offset = v->dot ? first * v->stride + p : p * v->stride + first;
    (v->dot ? v->table->dot_rows : v->table->sum_rows)[v->dtype](
        outputs, k, v->matrix + offset * (int64_t)v->item, v->stride, v->x + p * (int64_t)v->size,
        v->partial + (block * v->outputs + first) * (int64_t)v->size);
  }
}

static void widen_x(enum mx_dtype dtype, int64_t k, void *dst, const void *src, int64_t stride) {
  for (int64_t p = 0; p < k; p++) {
    if (dtype == MX_FLOAT64) ((double *)dst)[p] = ((const double *)src)[p * stride];
    if (dtype == MX_FLOAT32) ((float *)dst)[p] = ((const float *)src)[p * stride];
    if (dtype == MX_FLOAT16) ((float *)dst)[p] = mx_f16_to_float(((const uint16_t *)src)[p * stride]);
    if (dtype == MX_BFLOAT16) ((float *)dst)[p] = mx_bf16_to_float(((const uint16_t *)src)[p * stride]);
  }
}

static void add_blocks(const struct vector_job *v) {
  for (int64_t b = 1; b < v->blocks; b++) {
    if (v->dtype == MX_FLOAT64) {
      double *sum = (double *)v->partial, *more = sum + b * v->outputs;
      for (int64_t i = 0; i < v->outputs; i++) sum[i] += more[i];
    } else {
      float *sum = (float *)v->partial, *more = sum + b * v->outputs;
      for (int64_t i = 0; i < v->outputs; i++) sum[i] += more[i];
    }
  }
}

int cpu_gemm_vector(const struct cpu_gemm_table *table, const struct cpu_gemm *g) {
  bool column = g->n == 1; /* a @ x, else x @ b */
  int64_t along_k = column ? g->a_col : g->b_row, across = column ? g->a_row : g->b_col;
  int64_t x_stride = column ? g->b_row : g->a_col;
  struct vector_job v = {.table = table, .dtype = g->dtype, .matrix = column ? g->a : g->b, .k = g->k};
  v.outputs = column ? g->m : g->n;
  v.dot = along_k == 1 || g->k == 1;
  v.stride = v.dot ? across : along_k;
  v.block = v.dot ? DOT_BLOCK : SUM_BLOCK;
  v.blocks = (v.k + v.block - 1) / v.block;
  v.item = mx_dtype_size(g->dtype);
  v.size = g->dtype == MX_FLOAT64 ? 8 : 4;
  int64_t row_bytes = (v.k < v.block ? v.k : v.block) * (int64_t)v.item;
  v.chunk = v.dot ? (PIECE_BYTES / row_bytes + 4) / 4 * 4 : SUM_CHUNK;
  v.chunks = (v.outputs + v.chunk - 1) / v.chunk;

  const char *x = column ? g->b : g->a;
  bool own_x = x_stride != 1 && v.k > 1, own_y = v.blocks > 1 || v.item != v.size;
  own_x = own_x || v.item != v.size;
  int64_t x_bytes = own_x ? MX_ALIGN_UP(v.k * (int64_t)v.size, (int64_t)64) : 0;
  struct cpu_scratch scratch;
  int status = cpu_scratch_take(&scratch, x_bytes + (own_y ? v.blocks * v.outputs * (int64_t)v.size : 0));
  if (status) return status;
  v.x = own_x ? scratch.data : x;
  v.partial = own_y ? (char *)scratch.data + x_bytes : g->c;
  if (own_x) widen_x(g->dtype, v.k, scratch.data, x, x_stride);

  int64_t piece = (v.chunk < v.outputs ? v.chunk : v.outputs) * row_bytes;
  cpu_parallel_for(v.blocks * v.chunks, PIECE_BYTES / (piece + 1) + 1, vector_some, &v);
  add_blocks(&v);
  if (own_y || g->add) {
    table->finish[g->dtype](v.outputs, g->c, v.partial, g->add, column ? g->add_row : g->add_col, g->alpha, g->beta);
  }
  cpu_scratch_give(&scratch);
  return MX_OK;
}
