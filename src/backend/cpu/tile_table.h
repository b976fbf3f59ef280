/* tile_table.h: the vector kernels of one instruction set, over short contiguous runs ("tiles").
 * Invariant: every kernel takes any n >= 0 and any element-aligned address; tails run the same vector code. */
#ifndef MX_CPU_TILE_TABLE_H
#define MX_CPU_TILE_TABLE_H

#include "core/dtype.h"
#include "graph/params.h"
#include "graph/prim_id.h"

#include <stdbool.h>
#include <stdint.h>

/* dst[i] = op(a[i], b[i], c[i]); unused inputs are NULL. dst may be the same address as an input of the same element
 * size, never overlap otherwise. All inputs have the table's dtype; select: a is bool, b and c the dtype.
 * Output: the dtype, or bool for comparisons, logical_* and is*; float32 for abs, real, imag of complex64. */
typedef void (*cpu_tile_fn)(int64_t n, void *dst, const void *a, const void *b, const void *c);

/* Reductions that end a program. The canonical tree, the same for every caller, thread count and instruction set: a row of
 * n values is cut in blocks of CPU_REDUCE_BLOCK; in a block, lane j of CPU_REDUCE_LANES folds elements j, j + LANES, … in
 * order; lanes are folded pairwise (j with j + half); blocks are folded pairwise in index order (cpu_reduce_pairwise).
 * Accumulators: float16, bfloat16 -> float32; ints of sum/prod -> their output dtype; the rest themselves. */
enum { CPU_REDUCE_BLOCK = 1024, CPU_REDUCE_LANES = 32 };
enum { CPU_SORT_RUN = 16 };
enum cpu_reduce_op { CPU_SUM, CPU_PROD, CPU_MIN, CPU_MAX, CPU_ALL, CPU_ANY, CPU_REDUCE_OPS };

/* Step of a chain: x = op(x, other) or, swapped, op(other, x); op(x) where other is NULL. float32. */
struct cpu_chain_step {
  const float *other;
  float hi, lo;  /* CPU_CHAIN_QUOTIENT: of the divisor (divisor.h) */
  uint16_t what; /* CPU_CHAIN(primitive, swapped) */
  bool scalar;   /* other is one value for all elements */
};
#define CPU_CHAIN(prim, swapped) ((prim) << 1 | (swapped))
enum { CPU_CHAIN_QUOTIENT = CPU_CHAIN(MX_PRIM_COUNT, 0) }; /* x / other, a constant */
#define CPU_CHAIN_UNARY(X) X(negative) X(abs) X(square) X(exp) X(log) X(erf) X(tanh) X(sigmoid)
#define CPU_CHAIN_BINARY(X) X(add) X(subtract) X(multiply) X(divide) X(maximum) X(minimum)

/* What stands before a run of a scan, in accumulators: all earlier blocks, and this block's part so far. */
struct cpu_scan_carry {
  bool has_before, has_part;
  bool stream; /* whole lines of results go past the caches (stream.h) */
  _Alignas(8) char before[8];
  _Alignas(8) char part[8];
};
typedef void (*cpu_scan_fn)(int64_t n, void *dst, const void *src, struct cpu_scan_carry *k);

struct cpu_tile_table {
  const char *isa;
  cpu_tile_fn op[MX_PRIM_COUNT][MX_DTYPE_COUNT];    /* NULL: not defined for this dtype */
  cpu_tile_fn cast[MX_DTYPE_COUNT][MX_DTYPE_COUNT]; /* [from][to]; b and c unused */
  /* dst[i] = the steps one after the other on a[i]. dst may be the address of any operand. stream: where dst is
   * 64-aligned, whole lines go past the caches (stream.h). */
  void (*chain)(int64_t n, float *dst, const float *a, const struct cpu_chain_step *steps, int nsteps, bool stream);
  bool has_quotient; /* CPU_CHAIN_QUOTIENT is one of the steps */
  /* dst[i] = src[i * stride], stride in elements, any sign; by log2 of the element size (0..3). */
  void (*load_strided[4])(int64_t n, void *dst, const void *src, int64_t stride);
  void (*store_strided[4])(int64_t n, void *dst, int64_t stride, const void *src); /* dst[i * stride] = src[i] */
  /* dst[r * n + i] = src[r * stride], for `rows` runs of n. */
  void (*repeat[4])(int64_t rows, int64_t n, void *dst, const void *src, int64_t stride);
  /* One block of up to CPU_REDUCE_BLOCK contiguous values of the accumulator dtype -> *acc (one accumulator, overwritten).
   * Dtypes: uint32 uint64 int32 int64 float32 float64 complex64, for min/max also the small ones, for all/any bool. */
  void (*reduce_block[CPU_REDUCE_OPS][MX_DTYPE_COUNT])(int64_t n, void *acc, const void *src);
  /* One block of bool, uint8, int8, uint16 or int16 -> its sum, of 32 bits. */
  void (*sum_narrow[MX_DTYPE_COUNT])(int64_t n, void *acc, const void *src);
  /* One block: *acc = the sum of a[i] * b[i], each product rounded, as reduce_block gives it. float32, float64. */
  void (*dot[MX_DTYPE_COUNT])(int64_t n, void *acc, const void *a, const void *b);
  /* acc[i] = fold(acc[i], src[i]) for n independent columns, values of the accumulator dtype. */
  void (*reduce_fold[CPU_REDUCE_OPS][MX_DTYPE_COUNT])(int64_t n, void *acc, const void *src);
  /* dst[i] = before o part o src[0] o … o src[i], by the tree of scan.inc; part takes all of src. By enum mx_scan_op, for all but
   * halves and complex64. All runs of a block but its last are of whole lines of 64 bytes. dst may be src. */
  cpu_scan_fn scan[4][MX_DTYPE_COUNT];
  /* x[i], y[i] = Threefry-2x32-20 of key (k0, k1) and counter (c0 + i, c1 + i). */
  void (*unit)(int64_t n, float *to, const uint32_t *words); /* words over 2^32, at most 1 - 2^-24; may be in place */
  void (*threefry)(int64_t n, uint32_t *x, uint32_t *y, uint32_t k0, uint32_t k1, uint32_t c0, uint32_t c1);
  /* Sorts as many sequences of n signed keys as sort_bytes holds; by log2 of the key's size, less one (1..3). n: a multiple of
   * CPU_SORT_RUN and of how many there are. Columns: keys[i * sequences + sequence]; rows: keys[sequence * n + i], and as much room.
   * 64-aligned. */
  int sort_bytes;
  void (*sort_columns[3])(int64_t n, void *keys);
  void (*sort_rows[3])(int64_t n, void *keys, void *room);
  /* `lines` runs of n values, `from` elements apart, to such keys `to` apart, and back. All dtypes but complex64; 8 bits to 16.
   * True: one is -0 or NaN, whose order or bits its key does not tell. */
  bool (*sort_keys)(enum mx_dtype dtype, int64_t lines, int64_t n, void *keys, int64_t to, const void *values, int64_t from);
  void (*sort_values)(enum mx_dtype dtype, int64_t lines, int64_t n, void *values, int64_t to, const void *keys, int64_t from);
  /* Keys of 64 bits: those of order.h above positions, of dtypes whose keys have 32 bits; of the others. */
  void (*sort_positions)(enum mx_dtype dtype, int64_t lines, int64_t n, int64_t *keys, int64_t to, const void *values, int64_t from);
  void (*sort_wide)(enum mx_dtype dtype, int64_t n, int64_t *keys, const void *values);
  /* Of 32 and 64-bit dtypes, where the target has an instruction for it: the first i < n with src[i] == *value (both NaN), or -1. */
  int64_t (*find[MX_DTYPE_COUNT])(int64_t n, const void *src, const void *value);
  /* dst[i] = e^(src[i] - max), n <= CPU_REDUCE_BLOCK; *sum = their sum, as reduce_block gives it. dst may be src. */
  void (*exp_sum)(int64_t n, float *dst, const float *src, float max, float *sum);
  /* dst[i] += step * the index src[i * stride], a negative one counted from the end of `size`. int32, uint32, int64. */
  void (*add_offsets[MX_DTYPE_COUNT])(int64_t n, int64_t *dst, const void *src, int64_t stride, int64_t size, int64_t step);
};

/* Of an element of 1, 2, 4 or 8 bytes: which entry of load_strided, store_strided and repeat is its own. */
static inline int cpu_log2_size(size_t size) { return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3; }
/* The widest table this CPU and MLX_CPU_ISA allow; chosen once. */
const struct cpu_tile_table *cpu_tile_table(void);
/* A named one ("base", "avx2", "avx512", "neon"), or NULL where this build or CPU has none: for tests. */
const struct cpu_tile_table *cpu_tile_table_named(const char *isa);

#endif
