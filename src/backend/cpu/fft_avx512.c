/* fft_avx512.c: the transforms' kernels with AVX-512. */
#if defined(__x86_64__)
#include "backend/cpu/fft.h"

#include <immintrin.h>
#include <string.h>

MX_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")

typedef float v_float __attribute__((vector_size(64)));

#define v_fma(a, b, c) ((v_float)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define v_fnma(a, b, c) ((v_float)_mm512_fnmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define v_re(a, b) ((v_float)_mm512_shuffle_ps((__m512)(a), (__m512)(b), 0x88))
#define v_im(a, b) ((v_float)_mm512_shuffle_ps((__m512)(a), (__m512)(b), 0xdd))
#define v_low(a, b) ((v_float)_mm512_unpacklo_ps((__m512)(a), (__m512)(b)))
#define v_high(a, b) ((v_float)_mm512_unpackhi_ps((__m512)(a), (__m512)(b)))
#define v_backwards(a) ((v_float)_mm512_permutexvar_pd(_mm512_set_epi64(0, 1, 2, 3, 4, 5, 6, 7), (__m512d)(a)))

#define VBYTES 64
#include "backend/cpu/fft_turn4.inc"
#define ISA CPU_ISA_AVX512
#define TABLE cpu_fft_avx512
#include "backend/cpu/fft_kernels.inc"

MX_TARGET_END
#else
typedef int cpu_fft_no_avx512;
#endif
