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

/* Every array has at most this many dimensions; shapes fit fixed buffers on the stack. */
enum { MX_MAX_NDIM = 32 };

#endif
