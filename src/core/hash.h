/* hash.h: one 64-bit hash for cache keys; not for hostile input. */
#ifndef MX_CORE_HASH_H
#define MX_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t mx_hash_mix(uint64_t h, uint64_t v) {
  h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
  h *= 0xbf58476d1ce4e5b9u;
  return h ^ (h >> 29);
}
static inline uint64_t mx_hash_bytes(uint64_t h, const void *data, size_t n) {
  const unsigned char *p = data;
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t v;
    memcpy(&v, p, 8);
    h = mx_hash_mix(h, v);
  }
  uint64_t tail = n;
  for (size_t i = 0; i < n; i++) tail = tail << 8 | p[i];
  return mx_hash_mix(h, tail);
}

#endif
