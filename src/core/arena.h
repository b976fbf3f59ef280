/* arena.h: many small pieces that are freed together. Pieces are 8-aligned and never move. */
#ifndef MX_CORE_ARENA_H
#define MX_CORE_ARENA_H

#include "core/alloc.h"

struct mx_arena_chunk {
  struct mx_arena_chunk *next;
};
struct mx_arena {
  char *at, *end;
  struct mx_arena_chunk *chunks;
  _Alignas(16) char first[2048];
};

static inline void mx_arena_init(struct mx_arena *a) {
  a->at = a->first;
  a->end = a->first + sizeof a->first;
  a->chunks = NULL;
}
/* NULL with MX_EMEMORY set. */
static inline void *mx_arena_take(struct mx_arena *a, size_t bytes) {
  bytes = MX_ALIGN_UP(bytes, 8);
  if (MX_UNLIKELY((size_t)(a->end - a->at) < bytes)) {
    size_t size = bytes > 32768 ? bytes : 32768;
    struct mx_arena_chunk *c = mx_malloc(16 + size);
    if (!c) return NULL;
    c->next = a->chunks;
    a->chunks = c;
    a->at = (char *)c + 16;
    a->end = a->at + size;
  }
  void *p = a->at;
  a->at += bytes;
  return p;
}
static inline void mx_arena_free(struct mx_arena *a) {
  while (a->chunks) {
    struct mx_arena_chunk *next = a->chunks->next;
    mx_free(a->chunks);
    a->chunks = next;
  }
}

#endif
