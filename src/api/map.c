/* map.c: maps from strings to arrays and to strings; iteration is in the order of insertion.
 * Invariant: slots is a table of open addressing, at most half full, that holds every index of at, plus one. */
#include "api/handle.h"
#include "core/hash.h"

#include <string.h>

struct pair {
  char *key;
  void *value; /* an array's reference, or a string's copy */
};
struct map {
  size_t n, cap, nslots; /* nslots: 0 or a power of two */
  struct pair *at;
  size_t *slots;
};

static void drop_array(void *v) { mx_unref(v); }
static void drop_text(void *v) { mx_free(v); }

static struct map *map_new(void) {
  struct map *m = mx_calloc(1, sizeof *m);
  if (!m) mx_boundary(MX_EMEMORY);
  return m;
}
static void map_free(struct map *m, void (*drop)(void *)) {
  if (!m) return;
  for (size_t i = 0; i < m->n; i++) {
    mx_free(m->at[i].key);
    drop(m->at[i].value);
  }
  mx_free(m->at);
  mx_free(m->slots);
  mx_free(m);
}
/* Where key stands in the table, or the free slot where it would. Keys come from files: the map's address, which they cannot
 * know, seeds the hash. */
static size_t *map_slot(const struct map *m, const char *key) {
  uint64_t i = mx_hash_bytes((uint64_t)(uintptr_t)m, key, strlen(key));
  while (m->slots[i &= m->nslots - 1] && strcmp(m->at[m->slots[i] - 1].key, key)) i++;
  return &m->slots[i];
}
static struct pair *map_find(const struct map *m, const char *key) {
  size_t *slot = m && m->n ? map_slot(m, key) : NULL;
  return slot && *slot ? &m->at[*slot - 1] : NULL;
}
/* Makes room for one more pair. */
static int map_grow(struct map *m) {
  if (m->n == m->cap) {
    size_t cap = m->cap ? 2 * m->cap : 16;
    struct pair *at = mx_realloc(m->at, cap * sizeof *at);
    if (!at) return MX_EMEMORY;
    m->at = at, m->cap = cap;
  }
  if (2 * (m->n + 1) <= m->nslots) return MX_OK;
  size_t nslots = m->nslots ? 2 * m->nslots : 32;
  size_t *slots = mx_calloc(nslots, sizeof *slots);
  if (!slots) return MX_EMEMORY;
  mx_free(m->slots);
  m->slots = slots, m->nslots = nslots;
  for (size_t i = 0; i < m->n; i++) *map_slot(m, m->at[i].key) = i + 1;
  return MX_OK;
}
/* Takes value, also on failure. */
static int map_put(struct map *m, const char *key, void *value, void (*drop)(void *)) {
  int status = !m || !key ? mx_fail(MX_EVALUE, "[map] The map handle or the key is empty.") : value ? MX_OK : (int)mx_error_class();
  struct pair *p = status ? NULL : map_find(m, key);
  if (p) {
    drop(p->value);
    p->value = value;
    return MX_OK;
  }
  if (!status) status = map_grow(m);
  char *copy = status ? NULL : mx_strdup(key);
  if (copy) {
    *map_slot(m, key) = m->n + 1;
    m->at[m->n++] = (struct pair){copy, value};
    return MX_OK;
  }
  if (value) drop(value);
  return status ? status : MX_EMEMORY;
}
int api_map_put(void *map, const char *key, mx_array *a_take) { return map_put(map, key, a_take, drop_array); }
int api_map_put_text(void *map, const char *key, const char *value) { return map_put(map, key, mx_strdup(value), drop_text); }
bool api_map_at(const void *map, size_t i, const char **key, void **value) {
  const struct map *m = map;
  if (!m || i >= m->n) return false;
  *key = m->at[i].key, *value = m->at[i].value;
  return true;
}
static int missing(const char *key) { return mx_boundary(mx_fail(MX_EINDEX, "[map] There is no key \"%s\".", key ? key : "")); }

/* An iterator is a place in a map: ctx is a heap counter. */
static void *iterator_new(void) {
  size_t *at = mx_calloc(1, sizeof *at);
  if (!at) mx_boundary(MX_EMEMORY);
  return at;
}
static struct pair *iterator_next(void *ctx, void *map) {
  size_t *at = ctx;
  struct map *m = map;
  return at && m && *at < m->n ? &m->at[(*at)++] : NULL;
}
enum { MAP_END = 2 }; /* mlx-c: next returns 2 past the last */

#define MAP(name, drop)                                                                                       \
  mlx_map_string_to_##name mlx_map_string_to_##name##_new(void) { return (mlx_map_string_to_##name){map_new()}; } \
  int mlx_map_string_to_##name##_free(mlx_map_string_to_##name map) {                                         \
    map_free(map.ctx, drop);                                                                                  \
    return MX_OK;                                                                                             \
  }                                                                                                           \
  int mlx_map_string_to_##name##_set(mlx_map_string_to_##name *map, const mlx_map_string_to_##name src) {     \
    mlx_map_string_to_##name fresh = mlx_map_string_to_##name##_new();                                        \
    const struct map *from = src.ctx;                                                                         \
    if (!fresh.ctx) return MX_EMEMORY;                                                                        \
    int status = MX_OK;                                                                                       \
    for (size_t i = 0; from && i < from->n && !status; i++)                                                   \
      status = map_put(fresh.ctx, from->at[i].key, copy_##name(from->at[i].value), drop);                     \
    if (status) {                                                                                             \
      map_free(fresh.ctx, drop);                                                                              \
      return mx_boundary(status);                                                                                          \
    }                                                                                                         \
    map_free(map->ctx, drop);                                                                                 \
    *map = fresh;                                                                                             \
    return MX_OK;                                                                                             \
  }                                                                                                           \
  mlx_map_string_to_##name##_iterator mlx_map_string_to_##name##_iterator_new(mlx_map_string_to_##name map) { \
    return (mlx_map_string_to_##name##_iterator){iterator_new(), map.ctx};                                    \
  }                                                                                                           \
  int mlx_map_string_to_##name##_iterator_free(mlx_map_string_to_##name##_iterator it) {                      \
    mx_free(it.ctx);                                                                                          \
    return MX_OK;                                                                                             \
  }
static void *copy_array(void *v) { return mx_ref(v); }
static void *copy_string(void *v) { return mx_strdup(v); }
MAP(array, drop_array)
MAP(string, drop_text)

int mlx_map_string_to_array_insert(mlx_map_string_to_array map, const char *key, const mlx_array value) {
  mx_array *a = api_array(value, "map");
  return mx_boundary(map_put(map.ctx, key, mx_ref(a), drop_array));
}
int mlx_map_string_to_array_get(mlx_array *value, const mlx_map_string_to_array map, const char *key) {
  struct pair *p = key ? map_find(map.ctx, key) : NULL;
  if (!p) return missing(key);
  api_put(&value->ctx, mx_ref(p->value));
  return MX_OK;
}
int mlx_map_string_to_array_iterator_next(const char **key, mlx_array *value, mlx_map_string_to_array_iterator it) {
  struct pair *p = iterator_next(it.ctx, it.map_ctx);
  if (!p) return MAP_END;
  *key = p->key;
  api_put(&value->ctx, mx_ref(p->value));
  return MX_OK;
}
int mlx_map_string_to_string_insert(mlx_map_string_to_string map, const char *key, const char *value) {
  return mx_boundary(map_put(map.ctx, key, mx_strdup(value ? value : ""), drop_text));
}
int mlx_map_string_to_string_get(const char **value, const mlx_map_string_to_string map, const char *key) {
  struct pair *p = key ? map_find(map.ctx, key) : NULL;
  if (!p) return missing(key);
  *value = p->value;
  return MX_OK;
}
int mlx_map_string_to_string_iterator_next(const char **key, const char **value, mlx_map_string_to_string_iterator it) {
  struct pair *p = iterator_next(it.ctx, it.map_ctx);
  if (!p) return MAP_END;
  *key = p->key;
  *value = p->value;
  return MX_OK;
}
