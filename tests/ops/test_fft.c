/* Discrete Fourier transforms, windows, short-time transforms. */
#include "mlx/c/mlx.h"
#include "ops/text.h"

#include "core/error.h"
#include "graph/params.h"
#include "graph/prim.h"
#include "transforms/transforms.h"
#include "eval/eval.h"

#include <string.h>

#define FFT(name, a, ...) mx_fft_##name(b, a, NULL, 0, (int[]){__VA_ARGS__}, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), MX_FFT_BACKWARD)

TEST(fft_of_four_by_hand) {
  BEGIN;
  mx_array *x = A("float32 (4,): 1 2 3 4");
  EXPECT(FFT(fftn, x, -1), "complex64 (4,): 10+0j -2+2j -2+0j -2-2j");
  EXPECT(FFT(ifftn, FFT(fftn, x, -1), 0), "complex64 (4,): 1+0j 2+0j 3+0j 4+0j");
  EXPECT(FFT(rfftn, x, 0), "complex64 (3,): 10+0j -2+2j -2+0j");
  EXPECT(FFT(irfftn, FFT(rfftn, x, 0), 0), "float32 (4,): 1 2 3 4");
  EXPECT(FFT(fftn, A("int8 (2,): 1 -1"), 0), "complex64 (2,): 0+0j 2+0j");
  EXPECT(FFT(fftn, A("float64 (1,): 2.5"), 0), "complex64 (1,): 2.5+0j");
  EXPECT(FFT(rfftn, A("complex64 (2,): 1+5j 2-7j"), 0), "complex64 (2,): 3+0j -1+0j");
  EXPECT(FFT(fftn, A("complex64 (0,2)"), 1), "complex64 (0,2):");
  END;
}
TEST(fft_cuts_and_pads_to_its_size) {
  BEGIN;
  mx_array *x = A("float32 (2,3): 1 2 3 4 5 6");
  EXPECT(mx_fft_fftn(b, x, (int64_t[]){2}, 1, (int[]){1}, 1, MX_FFT_BACKWARD), "complex64 (2,2): 3+0j -1+0j 9+0j -1+0j");
  EXPECT(mx_fft_rfftn(b, x, (int64_t[]){4}, 1, (int[]){1}, 1, MX_FFT_BACKWARD), "complex64 (2,3): 6+0j -2-2j 2+0j 15+0j -2-5j 5+0j");
  EXPECT(mx_fft_fftn(b, x, (int64_t[]){1, 2}, 2, NULL, 0, MX_FFT_BACKWARD), "complex64 (1,2): 3+0j -1+0j");
  EXPECT(mx_fft_rfftn(b, A("float32 (4,1): 1 2 3 4"), NULL, 0, (int[]){1, 0}, 2, MX_FFT_BACKWARD), "complex64 (3,1): 10+0j -2+2j -2+0j");
  EXPECT(mx_fft_irfftn(b, A("complex64 (2,): 3+9j 1+0j"), (int64_t[]){1}, 1, NULL, 0, MX_FFT_BACKWARD), "float32 (1,): 3");
  END;
}
TEST(norms_say_where_the_factor_goes) {
  BEGIN;
  mx_array *x = A("complex64 (4,): 4 0 0 0");
  static const enum mx_fft_norm norms[] = {MX_FFT_BACKWARD, MX_FFT_ORTHO, MX_FFT_FORWARD};
  static const char *const there[] = {"complex64 (4,): 4+0j 4+0j 4+0j 4+0j", "complex64 (4,): 2+0j 2+0j 2+0j 2+0j", "complex64 (4,): 1+0j 1+0j 1+0j 1+0j"};
  for (int i = 0; i < 3; i++) {
    EXPECT(mx_fft_fftn(b, x, NULL, 0, NULL, 0, norms[i]), there[i]);
    EXPECT(mx_fft_ifftn(b, x, NULL, 0, NULL, 0, norms[2 - i]), there[i]);
  }
  END;
}
TEST(fft_refuses_what_makes_no_sense) {
  BEGIN;
  mx_array *x = A("float32 (2,3): 1 2 3 4 5 6");
  EXPECT_ERROR(FFT(fftn, A("float32 (): 1"), 0), MX_EVALUE, "[fftn] Requires array with at least one dimension.");
  EXPECT_ERROR(FFT(fftn, x, 2), MX_EINDEX, "[fftn]");
  EXPECT_ERROR(FFT(fftn, x, 1, -1), MX_EVALUE, "[fftn] Axis -1 is given twice.");
  EXPECT_ERROR(FFT(fftn, A("float32 (2,0)"), 1), MX_EVALUE, "[fftn] Invalid FFT output size requested (0) along axis 1 of an array of shape (2,0).");
  EXPECT_ERROR(FFT(irfftn, A("float32 (1,): 1"), 0), MX_EVALUE, "[irfftn] Invalid FFT output size requested (0)");
  EXPECT_ERROR(mx_fft_rfftn(b, x, (int64_t[]){-3}, 1, (int[]){1}, 1, MX_FFT_BACKWARD), MX_EVALUE, "[rfftn] Invalid FFT output size requested (-3)");
  EXPECT_ERROR(mx_fft_ifftn(b, x, (int64_t[]){3}, 1, (int[]){0, 1}, 2, MX_FFT_BACKWARD), MX_EVALUE, "[ifftn] Shape and axes have different sizes: 1 and 2.");
  EXPECT_ERROR(mx_fft_fftn(b, x, (int64_t[]){3, 3, 3}, 3, NULL, 0, MX_FFT_BACKWARD), MX_EVALUE, "[fftn] 3 axes for an array of shape (2,3).");
  EXPECT_ERROR(mx_fft_fftfreq(b, 0, 1, MX_FLOAT32), MX_EVALUE, "[fftfreq] `n` must be greater than 0");
  EXPECT_ERROR(mx_fft_fftfreq(b, 2, 1, MX_INT32), MX_EVALUE, "[fftfreq] dtype must be a real floating one, not int32");
  EXPECT_ERROR(mx_fft_rfftfreq(b, 2, 0, MX_FLOAT32), MX_EVALUE, "[rfftfreq] `d` must be non-zero.");
  EXPECT_ERROR(mx_fft_fftshift(b, x, (int[]){2}, 1), MX_EINDEX, "[fftshift]");
  END;
}
/* Calls that come from files go past the builders. */
TEST(infer_of_fft_checks_everything) {
  BEGIN;
  struct mx_fft_params good = {MX_FFT_COMPLEX, 0, 1, 0};
  mx_array *c = A("complex64 (2,2): 1 2 3 4"), *f = A("float32 (2,2): 1 2 3 4");
#define APPLY(a, params, ...)                                                                                                             \
  mx_apply(b, &mx_prim_fft, &(a), 1, &(struct mx_params){.head = &(params), .head_size = sizeof(params), .ints = (int64_t[]){__VA_ARGS__}, \
                                                         .nints = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))})
  CHECK(APPLY(c, good, 0, 1) != NULL);
  EXPECT_ERROR(APPLY(f, good, 0), MX_ETYPE, "[fft] Expected complex64 but received float32.");
  EXPECT_ERROR(APPLY(c, good, 2), MX_EVALUE, "[fft] The axes do not fit");
  EXPECT_ERROR(APPLY(c, good, -1), MX_EVALUE, "[fft] The axes do not fit");
  EXPECT_ERROR(APPLY(c, good, 1, 1), MX_EVALUE, "[fft] The axes do not fit");
  struct mx_fft_params kind = {7, 0, 1, 0}, back = {MX_FFT_REAL, 1, 1, 0}, real = {MX_FFT_REAL, 0, 1, 0}, size = {MX_FFT_HERMITIAN, 1, 1, 4};
  EXPECT_ERROR(APPLY(c, kind, 0), MX_EVALUE, "[fft] There is no transform of kind 7.");
  EXPECT_ERROR(APPLY(f, back, 1), MX_EVALUE, "[fft] There is no transform of kind 1.");
  EXPECT_ERROR(APPLY(f, real, 1, 0), MX_EVALUE, "[fft] The axes do not fit");
  EXPECT_ERROR(APPLY(c, size, 1), MX_EVALUE, "[fft] The axes do not fit");
  END;
}

/* Re <g, J t> = Re <J^H g, t> for linear maps between the reals' and half of the spectrum. */
static double inner(const mx_array *x, const mx_array *y) {
  double sum = 0;
  for (int64_t i = 0; i < x->t.size; i++) sum += text_value(x, i, false) * text_value(y, i, false);
  for (int64_t i = 0; i < x->t.size && x->t.dtype == MX_COMPLEX64; i++) sum += text_value(x, i, true) * text_value(y, i, true);
  return sum;
}
static mx_array *noise(mx_build *b, enum mx_dtype d, const mx_array *like, double turn) {
  mx_array *k = mx_arange(b, turn, turn + (double)like->t.size, 1, MX_FLOAT32);
  mx_array *x = mx_reshape(b, mx_sin(b, mx_multiply(b, k, k)), like->t.shape, like->t.ndim);
  return d == MX_COMPLEX64 ? mx_add(b, x, mx_multiply(b, mx_cos(b, mx_multiply(b, x, mx_scalar(b, 9, MX_FLOAT32))), text_array(b, "complex64 (): 0+1j"))) : x;
}
struct map {
  bool back;
  int64_t size[2];
  int axes[2];
};
static int apply(void *ctx, mx_array *const *in, int nin, struct mx_list *out) {
  const struct map *m = ctx;
  BEGIN;
  mx_array *y = m->back ? mx_fft_irfftn(b, in[0], m->size, 2, m->axes, 2, MX_FFT_ORTHO) : mx_fft_rfftn(b, in[0], m->size, 2, m->axes, 2, MX_FFT_ORTHO);
  if (y && !b->status) b->status = mx_list_add(out, y);
  int status = b->status;
  mx_build_end_many(b, NULL, 0, NULL);
  return status;
}
TEST(derivatives_of_real_transforms_are_adjoint_for_odd_and_even_sizes) {
  for (int64_t n = 1; n <= 6; n++)
    for (int how = 0; how < 4; how++) {
      BEGIN;
      bool back = how & 1, turned = how & 2;
      struct map m = {back, {3, n}, {turned, !turned}};
      if (turned) m.size[0] = n, m.size[1] = 3;
      struct mx_function f = {apply, &m};
      enum mx_dtype d = back ? MX_COMPLEX64 : MX_FLOAT32;
      mx_array *shape = mx_zeros(b, (int64_t[]){3, 4}, 2, d), *x = noise(b, d, shape, 1), *t = noise(b, d, shape, 50);
      struct mx_list y = {0}, moved = {0}, again = {0}, grads = {0};
      CHECK_OK(mx_jvp(&f, &x, &t, 1, &y, &moved));
      mx_array *g = noise(b, y.at[0]->t.dtype, y.at[0], 100);
      CHECK_OK(mx_vjp(&f, &x, 1, &g, 1, &again, &grads));
      mx_array *all[] = {g, t, moved.at[0], grads.at[0]};
      CHECK_OK(mx_eval(all, 4));
      CHECK_INT(grads.at[0]->t.dtype, d);
      CHECK_NEAR(inner(g, moved.at[0]), inner(grads.at[0], t), 1e-5);
      mx_list_clear(&y), mx_list_clear(&moved), mx_list_clear(&again), mx_list_clear(&grads);
      END;
    }
}

TEST(frequencies_and_shifts) {
  BEGIN;
  EXPECT(mx_fft_fftfreq(b, 4, 0.5, MX_FLOAT32), "float32 (4,): 0 0.5 -1 -0.5");
  EXPECT(mx_fft_fftfreq(b, 5, 0.2, MX_FLOAT32), "float32 (5,): 0 1 2 -2 -1");
  EXPECT(mx_fft_fftfreq(b, 2, 1, MX_FLOAT16), "float16 (2,): 0 -0.5");
  EXPECT(mx_fft_fftfreq(b, 1, 1, MX_FLOAT32), "float32 (1,): 0");
  EXPECT(mx_fft_rfftfreq(b, 4, -0.25, MX_FLOAT32), "float32 (3,): -0 -1 -2");
  mx_array *x = A("int32 (2,3): 0 1 2 3 4 5");
  EXPECT(mx_fft_fftshift(b, x, NULL, 0), "int32 (2,3): 5 3 4 2 0 1");
  EXPECT(mx_fft_ifftshift(b, mx_fft_fftshift(b, x, NULL, 0), NULL, 0), "int32 (2,3): 0 1 2 3 4 5");
  EXPECT(mx_fft_ifftshift(b, x, (int[]){-1}, 1), "int32 (2,3): 1 2 0 4 5 3");
  EXPECT(mx_fft_fftshift(b, A("int32 (): 3"), NULL, 0), "int32 (): 3");
  END;
}
TEST(windows_of_few_points) {
  BEGIN;
  EXPECT(mx_bartlett(b, 5), "float32 (5,): 0 0.5 1 0.5 0");
  EXPECT(mx_hanning(b, 3), "float32 (3,): 0 1 0");
  EXPECT(mx_hamming(b, 1), "float32 (1,): 1");
  EXPECT(mx_blackman(b, 0), "float32 (0,):");
  EXPECT(mx_hanning(b, -4), "float32 (0,):");
  END;
}

static const mlx_stream plain = {NULL};
TEST(public_transforms_take_sizes_or_the_array_s) {
  BEGIN;
  mlx_array x = {mx_ref(A("float32 (2,2): 1 2 3 4"))}, res = {NULL};
  CHECK_INT(mlx_fft_fft2(&res, x, NULL, 0, (int[]){-2, -1}, 2, MLX_FFT_NORM_BACKWARD, plain), 0);
  EXPECT(res.ctx, "complex64 (2,2): 10+0j -2+0j -4+0j 0+0j");
  CHECK_INT(mlx_fft_irfft(&res, res, 1, 1, MLX_FFT_NORM_BACKWARD, plain), 0);
  EXPECT(res.ctx, "float32 (2,1): 10 -4");
  CHECK_INT(mlx_fft_rfft(&res, x, 4, 0, MLX_FFT_NORM_FORWARD, plain), 0);
  EXPECT(res.ctx, "complex64 (3,2): 1+0j 1.5+0j 0.25-0.75j 0.5-1j -0.5+0j -0.5+0j");
  mlx_ravel_stft_options o = {.n_fft = 2, .hop_length = 1, .win_length = -1, .onesided = -1, .length = -1};
  CHECK_INT(mlx_ravel_stft(&res, x, &o, plain), 0);
  EXPECT(res.ctx, "complex64 (2,2,1): 3+0j -1+0j 7+0j -1+0j");
  CHECK_INT(mlx_ravel_istft(&res, res, &o, plain), 0);
  EXPECT(res.ctx, "float32 (2,2): 1 2 3 4");
  mx_unref(x.ctx);
  mx_unref(res.ctx);
  END;
}
