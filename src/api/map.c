/* map.c: maps from strings to arrays and to strings; iteration is in the order of insertion. */
#include "api/handle.h"

#include <string.h>

struct pair {
  char *key;
  void *value; /* an array's reference, or a string's copy */
};
struct map {
  size_t n, cap;
  struct pair *at;
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
  mx_free(m);
}
static struct pair *map_find(const struct map *m, const char *key) {
  for (size_t i = 0; m && i < m->n; i++)
    if (!strcmp(m->at[i].key, key)) return &m->at[i];
  return NULL;
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
  if (!status && m->n == m->cap) {
    size_t cap = m->cap ? 2 * m->cap : 16;
    struct pair *at = mx_realloc(m->at, cap * sizeof *at);
    if (at) m->at = at, m->cap = cap;
    else status = MX_EMEMORY;
  }
  char *copy = status ? NULL : mx_strdup(key);
  if (!status && copy) {
    m->at[m->n++] = (struct pair){copy, value};
    return MX_OK;
  }
  if (value) drop(value);
  return mx_boundary(status ? status : MX_EMEMORY);
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
    int status = fresh.ctx ? MX_OK : MX_EMEMORY;                                                              \
    for (size_t i = 0; from && i < from->n && !status; i++)                                                   \
      status = map_put(fresh.ctx, from->at[i].key, copy_##name(from->at[i].value), drop);                     \
    if (status) {                                                                                             \
      map_free(fresh.ctx, drop);                                                                              \
      return status;                                                                                          \
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
  return map_put(map.ctx, key, mx_ref(a), drop_array);
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
  return map_put(map.ctx, key, mx_strdup(value ? value : ""), drop_text);
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
