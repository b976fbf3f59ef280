/* vector.c: vectors of arrays, of vectors, of integers, of strings. */
#include "api/handle.h"

#include <string.h>

static int bad_index(size_t idx, size_t size) {
  return mx_boundary(mx_fail(MX_EINDEX, "[vector] Index %zu of a vector of size %zu.", idx, size));
}

/* Arrays: a vector is a list of the transforms'. */

mlx_vector_array mlx_vector_array_new(void) {
  struct mx_list *l = mx_calloc(1, sizeof *l);
  if (!l) mx_boundary(MX_EMEMORY);
  return (mlx_vector_array){l};
}
int mlx_vector_array_free(mlx_vector_array vec) {
  if (vec.ctx) mx_list_clear(vec.ctx);
  mx_free(vec.ctx);
  return MX_OK;
}
size_t mlx_vector_array_size(mlx_vector_array vec) { return vec.ctx ? (size_t)api_list(vec)->n : 0; }

int mlx_vector_array_append_data(mlx_vector_array vec, const mlx_array *data, size_t size) {
  if (!vec.ctx) return mx_boundary(mx_fail(MX_EVALUE, "[vector] The vector handle is empty."));
  int status = MX_OK;
  for (size_t i = 0; i < size && !status; i++) {
    mx_array *a = api_array(data[i], "vector");
    status = a ? mx_list_add(vec.ctx, a) : MX_EVALUE;
  }
  return mx_boundary(status);
}
int mlx_vector_array_append_value(mlx_vector_array vec, const mlx_array val) { return mlx_vector_array_append_data(vec, &val, 1); }

int mlx_vector_array_set_data(mlx_vector_array *vec, const mlx_array *data, size_t size) {
  mlx_vector_array fresh = mlx_vector_array_new();
  int status = fresh.ctx ? mlx_vector_array_append_data(fresh, data, size) : MX_EMEMORY;
  if (status) {
    mlx_vector_array_free(fresh);
    return status;
  }
  mlx_vector_array_free(*vec);
  *vec = fresh;
  return MX_OK;
}
int mlx_vector_array_set_value(mlx_vector_array *vec, const mlx_array val) { return mlx_vector_array_set_data(vec, &val, 1); }
int mlx_vector_array_set(mlx_vector_array *vec, const mlx_vector_array src) {
  mlx_vector_array fresh = mlx_vector_array_new();
  int status = fresh.ctx && src.ctx ? api_vector_extend(&fresh, src.ctx) : fresh.ctx ? MX_OK : MX_EMEMORY;
  if (status) {
    mlx_vector_array_free(fresh);
    return mx_boundary(status);
  }
  mlx_vector_array_free(*vec);
  *vec = fresh;
  return MX_OK;
}
mlx_vector_array mlx_vector_array_new_data(const mlx_array *data, size_t size) {
  mlx_vector_array v = {NULL};
  mlx_vector_array_set_data(&v, data, size);
  return v;
}
mlx_vector_array mlx_vector_array_new_value(const mlx_array val) { return mlx_vector_array_new_data(&val, 1); }
int mlx_vector_array_get(mlx_array *res, const mlx_vector_array vec, size_t idx) {
  if (idx >= mlx_vector_array_size(vec)) return bad_index(idx, mlx_vector_array_size(vec));
  api_put(&res->ctx, mx_ref(api_list(vec)->at[idx]));
  return MX_OK;
}

int api_vector_extend(mlx_vector_array *v, const struct mx_list *from) {
  if (!v->ctx && !(v->ctx = mx_calloc(1, sizeof(struct mx_list)))) return MX_EMEMORY;
  int status = MX_OK;
  for (int64_t i = 0; i < from->n && !status; i++) status = mx_list_add(v->ctx, from->at[i]);
  return status;
}

int api_vector_give(mlx_vector_array *res, struct mx_list *list) {
  if (!res->ctx && !(res->ctx = mx_calloc(1, sizeof *list))) {
    mx_list_clear(list);
    return MX_EMEMORY;
  }
  struct mx_list old = *(struct mx_list *)res->ctx;
  *(struct mx_list *)res->ctx = *list;
  *list = (struct mx_list){NULL, 0, 0};
  mx_list_clear(&old);
  return MX_OK;
}

/* The others hold their items by value or by copy. */
struct items {
  size_t n, cap;
  void *at;
};

static void *items_new(void) {
  struct items *v = mx_calloc(1, sizeof *v);
  if (!v) mx_boundary(MX_EMEMORY);
  return v;
}
static int items_add(struct items *v, const void *item, size_t size) {
  if (!v) return mx_boundary(mx_fail(MX_EVALUE, "[vector] The vector handle is empty."));
  if (v->n == v->cap) {
    size_t cap = v->cap ? 2 * v->cap : 8;
    void *at = mx_realloc(v->at, cap * size);
    if (!at) return mx_boundary(MX_EMEMORY);
    v->at = at, v->cap = cap;
  }
  memcpy((char *)v->at + v->n++ * size, item, size);
  return MX_OK;
}
static void items_free(struct items *v, void (*drop)(void *item), size_t size) {
  for (size_t i = 0; v && drop && i < v->n; i++) drop((char *)v->at + i * size);
  if (v) mx_free(v->at);
  mx_free(v);
}

/* add: copies one item of the caller's into the vector. */
#define VECTOR(name, item, value, add, drop)                                                                  \
  mlx_vector_##name mlx_vector_##name##_new(void) { return (mlx_vector_##name){items_new()}; }                \
  int mlx_vector_##name##_free(mlx_vector_##name vec) {                                                       \
    items_free(vec.ctx, drop, sizeof(item));                                                                  \
    return MX_OK;                                                                                             \
  }                                                                                                           \
  size_t mlx_vector_##name##_size(mlx_vector_##name vec) { return vec.ctx ? ((struct items *)vec.ctx)->n : 0; } \
  int mlx_vector_##name##_append_value(mlx_vector_##name vec, value val) { return add(vec.ctx, val); }        \
  int mlx_vector_##name##_set_value(mlx_vector_##name *vec, value val) {                                      \
    mlx_vector_##name fresh = mlx_vector_##name##_new_value(val);                                             \
    if (!fresh.ctx) return mx_error_class();                                                                  \
    mlx_vector_##name##_free(*vec);                                                                           \
    *vec = fresh;                                                                                             \
    return MX_OK;                                                                                             \
  }                                                                                                           \
  mlx_vector_##name mlx_vector_##name##_new_value(value val) {                                                \
    mlx_vector_##name v = mlx_vector_##name##_new();                                                          \
    if (v.ctx && add(v.ctx, val)) {                                                                           \
      mlx_vector_##name##_free(v);                                                                            \
      v.ctx = NULL;                                                                                           \
    }                                                                                                         \
    return v;                                                                                                 \
  }
#define VECTOR_DATA(name, data_t, add)                                                                        \
  int mlx_vector_##name##_append_data(mlx_vector_##name vec, data_t *data, size_t size) {                     \
    int status = MX_OK;                                                                                       \
    for (size_t i = 0; i < size && !status; i++) status = add(vec.ctx, data[i]);                              \
    return status;                                                                                            \
  }                                                                                                           \
  mlx_vector_##name mlx_vector_##name##_new_data(data_t *data, size_t size) {                                 \
    mlx_vector_##name v = mlx_vector_##name##_new();                                                          \
    if (v.ctx && mlx_vector_##name##_append_data(v, data, size)) {                                            \
      mlx_vector_##name##_free(v);                                                                            \
      v.ctx = NULL;                                                                                           \
    }                                                                                                         \
    return v;                                                                                                 \
  }                                                                                                           \
  int mlx_vector_##name##_set_data(mlx_vector_##name *vec, data_t *data, size_t size) {                       \
    mlx_vector_##name fresh = mlx_vector_##name##_new_data(data, size);                                       \
    if (!fresh.ctx) return mx_error_class();                                                                  \
    mlx_vector_##name##_free(*vec);                                                                           \
    *vec = fresh;                                                                                             \
    return MX_OK;                                                                                             \
  }
#define VECTOR_SET(name, item, add)                                                                           \
  int mlx_vector_##name##_set(mlx_vector_##name *vec, const mlx_vector_##name src) {                          \
    mlx_vector_##name fresh = mlx_vector_##name##_new();                                                      \
    const struct items *from = src.ctx;                                                                       \
    for (size_t i = 0; fresh.ctx && from && i < from->n; i++)                                                 \
      if (add(fresh.ctx, ((item *)from->at)[i])) {                                                            \
        mlx_vector_##name##_free(fresh);                                                                      \
        fresh.ctx = NULL;                                                                                     \
      }                                                                                                       \
    if (!fresh.ctx) return mx_error_class();                                                                  \
    mlx_vector_##name##_free(*vec);                                                                           \
    *vec = fresh;                                                                                             \
    return MX_OK;                                                                                             \
  }

static int add_int(struct items *v, int val) { return items_add(v, &val, sizeof val); }
VECTOR(int, int, int, add_int, NULL)
VECTOR_DATA(int, int, add_int)
VECTOR_SET(int, int, add_int)
int mlx_vector_int_get(int *res, const mlx_vector_int vec, size_t idx) {
  if (idx >= mlx_vector_int_size(vec)) return bad_index(idx, mlx_vector_int_size(vec));
  *res = ((int *)((struct items *)vec.ctx)->at)[idx];
  return MX_OK;
}

static void drop_string(void *item) { mx_free(*(char **)item); }
static int add_string(struct items *v, const char *val) {
  char *copy = mx_strdup(val ? val : "");
  if (!copy) return mx_boundary(MX_EMEMORY);
  int status = items_add(v, &copy, sizeof copy);
  if (status) mx_free(copy);
  return status;
}
VECTOR(string, char *, const char *, add_string, drop_string)
VECTOR_DATA(string, const char *, add_string)
VECTOR_SET(string, char *, add_string)
int mlx_vector_string_get(char **res, const mlx_vector_string vec, size_t idx) {
  if (idx >= mlx_vector_string_size(vec)) return bad_index(idx, mlx_vector_string_size(vec));
  *res = ((char **)((struct items *)vec.ctx)->at)[idx];
  return MX_OK;
}

static void drop_vector(void *item) { mlx_vector_array_free(*(mlx_vector_array *)item); }
static int add_vector(struct items *v, const mlx_vector_array val) {
  mlx_vector_array copy = {NULL};
  int status = mlx_vector_array_set(&copy, val);
  if (!status) status = items_add(v, &copy, sizeof copy);
  if (status) mlx_vector_array_free(copy);
  return status;
}
VECTOR(vector_array, mlx_vector_array, const mlx_vector_array, add_vector, drop_vector)
VECTOR_DATA(vector_array, const mlx_vector_array, add_vector)
VECTOR_SET(vector_array, mlx_vector_array, add_vector)
int mlx_vector_vector_array_get(mlx_vector_array *res, const mlx_vector_vector_array vec, size_t idx) {
  if (idx >= mlx_vector_vector_array_size(vec)) return bad_index(idx, mlx_vector_vector_array_size(vec));
  return mlx_vector_array_set(res, ((mlx_vector_array *)((struct items *)vec.ctx)->at)[idx]);
}
