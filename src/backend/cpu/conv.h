/* conv.h: a convolution as the CPU's kernels see it: axes with places of the result and taps of the weight along them.
 * Invariant: offsets are in elements; a tap outside the input is left out, never multiplied. */
#ifndef MX_CPU_CONV_H
#define MX_CPU_CONV_H

#include "backend/cpu/gemm.h"
#include "graph/array.h"
#include "graph/prim.h"

/* Place p meets tap t at position first + p*step + t*tap of the input, where that is in [0, length). */
struct cpu_conv_axis {
  int64_t count, a_step, c_step; /* places; from one to the next in the input and in the result */
  int64_t taps, a_tap, w_tap;    /* taps; from one to the next in the input and in the weight */
  int64_t first, step, tap, length;
};

/* c[place, o] = Σ_taps a[place, tap] w[o, tap] for each group. Batch and channels are axes: places without taps, taps
 * without places. The channels of c are neighbours. */
struct cpu_conv {
  enum mx_dtype dtype; /* of a; w and c may be stored as halves */
  int naxes;
  struct cpu_conv_axis axis[MX_MAX_NDIM];
  int64_t groups, a_group, w_group;
  int64_t out, w_out; /* of one group */
  const void *a, *w;
  void *c;
};

/* Input dilation u splits the places along a dimension into phases, each an ordinary convolution with every so-manyth tap. */
struct cpu_conv_dim {
  int64_t in, kernel, out;                              /* lengths */
  int64_t stride, lo, kernel_dilation, input_dilation;
  int64_t a, w, c;                                      /* strides of the three tensors */
  bool flip;
};
int64_t cpu_conv_phases(const struct cpu_conv_dim *d);
/* a0, w0 and c0 receive the offsets of place 0 and tap 0. taps is 0 where no tap meets an element. */
struct cpu_conv_axis cpu_conv_phase(const struct cpu_conv_dim *d, int64_t phase, int64_t *a0, int64_t *w0, int64_t *c0);
/* Drops and merges axes; false when no tap meets the input at all. Offsets that change are added to a and w,
 * whose elements have w_size bytes. */
bool cpu_conv_simplify(struct cpu_conv *v, int64_t w_size);
/* Every place meets every tap. */
bool cpu_conv_is_free(const struct cpu_conv_axis *x);
/* The taps that meet the input at all of the places [from, to). */
void cpu_conv_taps(const struct cpu_conv_axis *x, int64_t from, int64_t to, int64_t *begin, int64_t *end);
/* Those that may meet it at some of them; end may be below begin. */
void cpu_conv_taps_some(const struct cpu_conv_axis *x, int64_t from, int64_t to, int64_t *begin, int64_t *end);
/* The places that meet the input through a tap; to may be below from. */
void cpu_conv_places(const struct cpu_conv_axis *x, int64_t tap, int64_t *from, int64_t *to);

/* Integers, one term after the other. */
void cpu_conv_plain(const struct cpu_conv *v);
/* Input in float32 or float64; stored: the dtype of weight and result. Fails only for want of memory. */
int cpu_conv_packed(const struct cpu_gemm_table *table, const struct cpu_conv *v, enum mx_dtype stored) MX_MUST_CHECK;

#endif
