/* gguf.c: GGUF files as handles: arrays by name, metadata by key.
 * Invariant: a handle is whole; loading into one replaces it only on success. */
#include "api/handle.h"
#include "api/io.h"
#include "io/gguf.h"

#include <string.h>

struct gguf {
  mlx_map_string_to_array arrays;
  struct mx_gguf values;
};

mlx_io_gguf mlx_io_gguf_new(void) {
  struct gguf *g = mx_calloc(1, sizeof *g);
  if (!g) mx_boundary(MX_EMEMORY);
  else if (!(g->arrays = mlx_map_string_to_array_new()).ctx) { /* which told the handler */
    mx_free(g);
    g = NULL;
  }
  return (mlx_io_gguf){g};
}
int mlx_io_gguf_free(mlx_io_gguf io) {
  struct gguf *g = io.ctx;
  if (!g) return MX_OK;
  mlx_map_string_to_array_free(g->arrays);
  mx_gguf_clear(&g->values);
  mx_free(g);
  return MX_OK;
}

struct collector {
  struct mx_collector c;
  struct gguf *g;
};
static int collect_array(struct mx_collector *c, const char *name, mx_array *a) {
  return api_map_put(((struct collector *)c)->g->arrays.ctx, name, a);
}

static int load(mlx_io_gguf *res, int status, struct mx_source *s) {
  if (status) return mx_boundary(status);
  mlx_io_gguf made = mlx_io_gguf_new();
  if (!made.ctx) return MX_EMEMORY;
  struct collector c = {{collect_array, NULL}, made.ctx};
  status = mx_gguf_load(s, &c.c, &c.g->values);
  if (!status) {
    mlx_io_gguf old = *res;
    *res = made, made = old;
  }
  mlx_io_gguf_free(made);
  return mx_boundary(status);
}
int mlx_load_gguf(mlx_io_gguf *gguf, const char *file, const mlx_stream s) {
  struct mx_source src;
  int status = mx_source_open(&src, file, s.ctx);
  if (status) return mx_boundary(status);
  status = load(gguf, MX_OK, &src);
  mx_source_close(&src);
  return status;
}
int mlx_ravel_load_gguf_reader(mlx_io_gguf *gguf, mlx_io_reader in_stream, const mlx_stream s) {
  struct mx_source src;
  return load(gguf, api_reader_source(&src, in_stream, s), &src);
}

static struct gguf *gguf_of(mlx_io_gguf io) {
  if (!io.ctx) mx_fail(MX_EVALUE, "[gguf] The handle is empty.");
  return io.ctx;
}

/* The metadata arrays as entries, then as values of their own: saving reads their data. */
static int prepare_values(const struct mx_gguf *from, struct api_prepared *p, struct mx_gguf *to) {
  int status = MX_OK;
  for (int64_t i = 0; i < from->n && !status; i++)
    if (from->at[i].array) status = api_prepare_array(p, from->at[i].key, from->at[i].array);
  *to = (struct mx_gguf){status ? NULL : mx_malloc(((size_t)from->n + 1) * sizeof *to->at), from->n, 0};
  if (!to->at) return status ? status : MX_EMEMORY;
  for (int64_t i = 0, k = 0; i < from->n; i++) {
    to->at[i] = from->at[i];
    if (to->at[i].array) to->at[i].array = p->e[k++].array;
  }
  return MX_OK;
}

/* Evaluation comes before the file is opened: a failed computation leaves no trace on disk. */
static int save(mlx_io_gguf gguf, const char *file, const mlx_io_writer *writer) {
  struct gguf *g = gguf_of(gguf);
  struct api_prepared arrays = {NULL, 0}, values = {NULL, 0};
  struct mx_gguf plain = {NULL, 0, 0};
  struct mx_sink s;
  int status = g ? api_prepare(g->arrays, &arrays) : MX_EVALUE;
  if (!status) status = prepare_values(&g->values, &values, &plain);
  if (!status) status = writer ? api_writer_sink(&s, *writer) : mx_sink_open(&s, file);
  if (!status) status = mx_sink_close(&s, mx_gguf_save(&s, arrays.e, arrays.n, &plain));
  mx_free(plain.at); /* what it holds is borrowed */
  api_prepared_free(&arrays);
  api_prepared_free(&values);
  return mx_boundary(status);
}
int mlx_save_gguf(const char *file, mlx_io_gguf gguf) { return save(gguf, file, NULL); }
int mlx_ravel_save_gguf_writer(mlx_io_writer out_stream, mlx_io_gguf gguf) { return save(gguf, NULL, &out_stream); }

/* Asking */

static int copy_keys(mlx_vector_string *keys, mlx_vector_string made, int status) {
  if (!status) {
    mlx_vector_string old = *keys;
    *keys = made, made = old;
  }
  mlx_vector_string_free(made);
  return status;
}
int mlx_io_gguf_get_keys(mlx_vector_string *keys, mlx_io_gguf io) {
  struct gguf *g = gguf_of(io);
  if (!g) return mx_boundary(MX_EVALUE);
  mlx_vector_string made = mlx_vector_string_new();
  int status = made.ctx ? MX_OK : MX_EMEMORY;
  const char *key;
  void *value;
  for (size_t i = 0; !status && api_map_at(g->arrays.ctx, i, &key, &value); i++) status = mlx_vector_string_append_value(made, key);
  return copy_keys(keys, made, status);
}
int mlx_ravel_io_gguf_get_metadata_keys(mlx_vector_string *keys, mlx_io_gguf io) {
  struct gguf *g = gguf_of(io);
  if (!g) return mx_boundary(MX_EVALUE);
  mlx_vector_string made = mlx_vector_string_new();
  int status = made.ctx ? MX_OK : MX_EMEMORY;
  for (int64_t i = 0; !status && i < g->values.n; i++) status = mlx_vector_string_append_value(made, g->values.at[i].key);
  return copy_keys(keys, made, status);
}
int mlx_io_gguf_get_array(mlx_array *arr, mlx_io_gguf io, const char *key) {
  struct gguf *g = gguf_of(io);
  if (!g || !key) return mx_boundary(g ? mx_fail(MX_EVALUE, "[gguf] The key is NULL.") : MX_EVALUE);
  return mlx_map_string_to_array_get(arr, g->arrays, key);
}

enum kind { ARRAY, TEXT, TEXTS };
static const char *const kind_names[] = {"an array", "a string", "a list of strings"};
static bool is_kind(const struct mx_gguf_value *v, enum kind k) {
  return v && (k == ARRAY ? v->array != NULL : !v->array && v->list == (k == TEXTS));
}
static const struct mx_gguf_value *value_of(mlx_io_gguf io, const char *key, enum kind kind) {
  struct gguf *g = gguf_of(io);
  if (!g) return NULL;
  if (!key) {
    mx_fail(MX_EVALUE, "[gguf] The key is NULL.");
    return NULL;
  }
  const struct mx_gguf_value *v = mx_gguf_find(&g->values, key);
  if (is_kind(v, kind)) return v;
  mx_fail(MX_EVALUE, "[gguf] Metadata \"%.200s\" is not %s%s.", key, kind_names[kind], v ? "" : ": there is none");
  return NULL;
}
int mlx_io_gguf_get_metadata_array(mlx_array *arr, mlx_io_gguf io, const char *key) {
  const struct mx_gguf_value *v = value_of(io, key, ARRAY);
  if (!v) return mx_boundary((int)mx_error_class());
  api_put(&arr->ctx, mx_ref(v->array));
  return MX_OK;
}
/* Text i, which a C string can carry. */
static const char *plain_text(const struct mx_gguf_value *v, int64_t i) {
  uint64_t n;
  const char *text = mx_gguf_text(v, i, &n);
  if (strlen(text) == n) return text;
  mx_fail(MX_EVALUE, "[gguf] Metadata \"%.200s\" holds a string with a zero byte: mlx_ravel_io_gguf_get_metadata_text gives it with its length.", v->key);
  return NULL;
}
int mlx_io_gguf_get_metadata_string(mlx_string *str, mlx_io_gguf io, const char *key) {
  const struct mx_gguf_value *v = value_of(io, key, TEXT);
  const char *text = v ? plain_text(v, 0) : NULL;
  if (!text) return mx_boundary((int)mx_error_class());
  mlx_string made = mlx_string_new_data(text);
  if (!made.ctx) return MX_EMEMORY;
  mlx_string_free(*str);
  *str = made;
  return MX_OK;
}
int mlx_io_gguf_get_metadata_vector_string(mlx_vector_string *vstr, mlx_io_gguf io, const char *key) {
  const struct mx_gguf_value *v = value_of(io, key, TEXTS);
  if (!v) return mx_boundary((int)mx_error_class());
  mlx_vector_string made = mlx_vector_string_new();
  int status = made.ctx ? MX_OK : MX_EMEMORY;
  for (int64_t i = 0; i < v->n && !status; i++) {
    const char *text = plain_text(v, i);
    status = text ? mlx_vector_string_append_value(made, text) : mx_boundary(MX_EVALUE);
  }
  return copy_keys(vstr, made, status);
}
int mlx_ravel_io_gguf_get_metadata_text(const char **text, size_t *length, size_t *count, mlx_io_gguf io, const char *key, size_t index) {
  struct gguf *g = gguf_of(io);
  const struct mx_gguf_value *v = g && key ? mx_gguf_find(&g->values, key) : NULL;
  if (!v || v->array) return mx_boundary(g ? mx_fail(MX_EVALUE, "[gguf] Metadata \"%.200s\" is not text.", key ? key : "(null)") : MX_EVALUE);
  if (count) *count = (size_t)v->n;
  uint64_t n = 0;
  if (index < (size_t)v->n) *text = mx_gguf_text(v, (int64_t)index, &n);
  else if (index) return mx_boundary(mx_fail(MX_EINDEX, "[gguf] Metadata \"%.200s\" has %lld strings, not %zu.", key, (long long)v->n, index + 1));
  else *text = ""; /* of an empty list */
  *length = (size_t)n;
  return MX_OK;
}

static int has(bool *flag, mlx_io_gguf io, const char *key, enum kind kind) {
  struct gguf *g = gguf_of(io);
  if (!g) return mx_boundary(MX_EVALUE);
  *flag = key && is_kind(mx_gguf_find(&g->values, key), kind);
  return MX_OK;
}
int mlx_io_gguf_has_metadata_array(bool *flag, mlx_io_gguf io, const char *key) { return has(flag, io, key, ARRAY); }
int mlx_io_gguf_has_metadata_string(bool *flag, mlx_io_gguf io, const char *key) { return has(flag, io, key, TEXT); }
int mlx_io_gguf_has_metadata_vector_string(bool *flag, mlx_io_gguf io, const char *key) { return has(flag, io, key, TEXTS); }

/* Telling */

static struct gguf *settable(mlx_io_gguf io, const char *key) {
  struct gguf *g = gguf_of(io);
  if (g && !key) mx_fail(MX_EVALUE, "[gguf] The key is NULL.");
  return key ? g : NULL;
}
int mlx_io_gguf_set_array(mlx_io_gguf io, const char *key, const mlx_array arr) {
  struct gguf *g = settable(io, key);
  mx_array *a = g ? api_array(arr, "gguf") : NULL;
  if (!a) return mx_boundary((int)mx_error_class());
  return mx_boundary(api_map_put(g->arrays.ctx, key, mx_ref(a)));
}
int mlx_io_gguf_set_metadata_array(mlx_io_gguf io, const char *key, const mlx_array marr) {
  struct gguf *g = settable(io, key);
  mx_array *a = g ? api_array(marr, "gguf") : NULL;
  if (!a) return mx_boundary((int)mx_error_class());
  return mx_boundary(mx_gguf_set_array(&g->values, key, a));
}
int mlx_io_gguf_set_metadata_string(mlx_io_gguf io, const char *key, const char *mstr) {
  struct gguf *g = settable(io, key);
  if (g && !mstr) mx_fail(MX_EVALUE, "[gguf] The string is NULL.");
  if (!g || !mstr) return mx_boundary((int)mx_error_class());
  return mx_boundary(mx_gguf_set_texts(&g->values, key, &mstr, NULL, 1, false));
}
int mlx_ravel_io_gguf_set_metadata_text(mlx_io_gguf io, const char *key, const char *const *text, const size_t *length, size_t n, bool list) {
  struct gguf *g = settable(io, key);
  if (g && !list && n != 1) mx_fail(MX_EVALUE, "[gguf] Exactly one string makes a string.");
  if (!g || (!list && n != 1)) return mx_boundary((int)mx_error_class());
  return mx_boundary(mx_gguf_set_texts(&g->values, key, text, length, (int64_t)n, list));
}
int mlx_io_gguf_set_metadata_vector_string(mlx_io_gguf io, const char *key, const mlx_vector_string mvstr) {
  struct gguf *g = settable(io, key);
  if (!g) return mx_boundary((int)mx_error_class());
  size_t n = mlx_vector_string_size(mvstr);
  const char **text = mx_malloc((n + 1) * sizeof *text);
  int status = text ? MX_OK : MX_EMEMORY;
  for (size_t i = 0; i < n && !status; i++) {
    char *at = NULL;
    status = mlx_vector_string_get(&at, mvstr, i);
    text[i] = at;
  }
  if (!status) status = mx_gguf_set_texts(&g->values, key, text, NULL, (int64_t)n, true);
  mx_free(text);
  return mx_boundary(status);
}
