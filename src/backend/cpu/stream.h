/* stream.h: stores that go past the caches, for outputs far larger than they are.
 * Invariant: the bytes are those of memcpy; visible to other threads after cpu_stream_end. */
#ifndef MX_CPU_STREAM_H
#define MX_CPU_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

/* From this many bytes of output on: what is smaller may still be read from cache by the operation after. */
enum { CPU_STREAM_BYTES = 16 << 20 };

static inline void cpu_stream_copy(void *dst, const void *src, size_t n) {
#if defined(__x86_64__)
  char *d = dst;
  const char *s = src;
  size_t head = (size_t)(-(intptr_t)d & 15);
  if (head > n) head = n;
  memcpy(d, s, head);
  size_t i = head;
  for (; i + 64 <= n; i += 64) {
    __m128i a = _mm_loadu_si128((const __m128i *)(s + i)), b = _mm_loadu_si128((const __m128i *)(s + i + 16));
    __m128i c = _mm_loadu_si128((const __m128i *)(s + i + 32)), e = _mm_loadu_si128((const __m128i *)(s + i + 48));
    _mm_stream_si128((__m128i *)(d + i), a);
    _mm_stream_si128((__m128i *)(d + i + 16), b);
    _mm_stream_si128((__m128i *)(d + i + 32), c);
    _mm_stream_si128((__m128i *)(d + i + 48), e);
  }
  memcpy(d + i, s + i, n - i);
#else
  memcpy(dst, src, n);
#endif
}

static inline void cpu_stream_end(void) {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

#endif
