/* compiler.h: the one place that knows which compiler this is. */
#ifndef MX_CORE_COMPILER_H
#define MX_CORE_COMPILER_H

#define MX_LIKELY(x) __builtin_expect(!!(x), 1)
#define MX_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define MX_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define MX_MUST_CHECK __attribute__((warn_unused_result))
#define MX_COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define MX_UNUSED __attribute__((unused))
#define MX_ALIGN_UP(n, to) (((n) + ((to)-1)) & ~((to)-1))

/* MX_TARGET_BEGIN("avx2,fma") … MX_TARGET_END: the functions between may use those instructions, whatever the flags.
 * Headers are included before it. */
#define MX_PRAGMA(text) _Pragma(#text)
/* Before a loop whose output may be the same address as an input (never a shifted one): vectorise without a check. */
#if defined(__clang__)
#define MX_IVDEP MX_PRAGMA(clang loop vectorize(assume_safety))
#else
#define MX_IVDEP MX_PRAGMA(GCC ivdep)
#endif
#if defined(__clang__)
#define MX_TARGET_BEGIN(features) MX_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define MX_TARGET_END MX_PRAGMA(clang attribute pop)
#else
#define MX_TARGET_BEGIN(features) MX_PRAGMA(GCC push_options) MX_PRAGMA(GCC target(features))
#define MX_TARGET_END MX_PRAGMA(GCC pop_options)
#endif
/* Before a loop with a constant count: its array elements become registers. */
#if defined(__clang__)
#define MX_UNROLL MX_PRAGMA(clang loop unroll(full))
#else
#define MX_UNROLL MX_PRAGMA(GCC unroll 64)
#endif
#define MX_INLINE static inline __attribute__((always_inline))

/* Every array has at most this many dimensions; shapes fit fixed buffers on the stack. */
enum { MX_MAX_NDIM = 32 };

#endif
