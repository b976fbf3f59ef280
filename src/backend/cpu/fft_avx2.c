/* fft_avx2.c: the transforms' kernels with AVX2 and FMA. */
#if defined(__x86_64__)
#include "backend/cpu/fft.h"

#include <immintrin.h>
#include <string.h>

MX_TARGET_BEGIN("avx2,fma")

typedef float v_float __attribute__((vector_size(32)));

#define v_fma(a, b, c) ((v_float)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define v_fnma(a, b, c) ((v_float)_mm256_fnmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define v_re(a, b) ((v_float)_mm256_shuffle_ps((__m256)(a), (__m256)(b), 0x88))
#define v_im(a, b) ((v_float)_mm256_shuffle_ps((__m256)(a), (__m256)(b), 0xdd))
#define v_low(a, b) ((v_float)_mm256_unpacklo_ps((__m256)(a), (__m256)(b)))
#define v_high(a, b) ((v_float)_mm256_unpackhi_ps((__m256)(a), (__m256)(b)))
#define v_backwards(a) ((v_float)_mm256_permute4x64_pd((__m256d)(a), 0x1b))

#define VBYTES 32
#include "backend/cpu/fft_turn4.inc"
#define ISA CPU_ISA_AVX2
#define TABLE cpu_fft_avx2
#include "backend/cpu/fft_kernels.inc"

MX_TARGET_END
#else
typedef int cpu_fft_no_avx2;
#endif
