/* safetensors: what is written reads back, what lies is refused, and a save is whole or not there. */
#include "io/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const mlx_stream plain = {NULL};

static int load_json(mlx_map_string_to_array *m, mlx_map_string_to_string *t, const char *json, const void *data, size_t n) {
  struct bytes b;
  safetensors_make(&b, json, data, n);
  files_write(files_path("x.safetensors"), b.at, b.n);
  return mlx_load_safetensors(m, t, files_path("x.safetensors"), plain);
}
static int count_of(mlx_map_string_to_array m) {
  int n = 0;
  const char *key;
  mlx_array a = mlx_array_new();
  mlx_map_string_to_array_iterator it = mlx_map_string_to_array_iterator_new(m);
  while (!mlx_map_string_to_array_iterator_next(&key, &a, it)) n++;
  mlx_map_string_to_array_iterator_free(it);
  mlx_array_free(a);
  return n;
}

TEST(arrays_of_each_dtype_and_metadata_come_back_from_safetensors) {
  files_begin();
  mlx_map_string_to_array m = mlx_map_string_to_array_new(), r = mlx_map_string_to_array_new();
  mlx_map_string_to_string t = mlx_map_string_to_string_new(), u = {NULL};
  for (int d = 0; d <= MLX_COMPLEX64; d++) {
    char name[16];
    snprintf(name, sizeof name, "t%d", d);
    mlx_array a = pattern((mlx_dtype)d);
    CHECK_OK(mlx_map_string_to_array_insert(m, name, a));
    mlx_array_free(a);
  }
  for (int i = 0; i < 300; i++) {
    char key[16];
    snprintf(key, sizeof key, "key %d", i);
    CHECK_OK(mlx_map_string_to_string_insert(t, key, "a \"quoted\" value, \xc3\xa9"));
  }
  CHECK_OK(mlx_save_safetensors(files_path("a.safetensors"), m, t));
  CHECK_INT(files_count(), 1);
  CHECK_OK(mlx_load_safetensors(&r, &u, files_path("a.safetensors"), plain));
  CHECK_INT(count_of(r), MLX_COMPLEX64 + 1);
  for (int d = 0; d <= MLX_COMPLEX64; d++) {
    char name[16];
    snprintf(name, sizeof name, "t%d", d);
    mlx_array a = mlx_array_new(), b = mlx_array_new();
    CHECK_OK(mlx_map_string_to_array_get(&a, m, name));
    CHECK_OK(mlx_map_string_to_array_get(&b, r, name));
    CHECK(same_array(a, b));
    mlx_array_free(a);
    mlx_array_free(b);
  }
  const char *value = NULL;
  CHECK_OK(mlx_map_string_to_string_get(&value, u, "key 299"));
  CHECK_STR(value, "a \"quoted\" value, \xc3\xa9");
  size_t n;
  char *file = files_read(files_path("a.safetensors"), &n);
  uint64_t length = 0;
  memcpy(&length, file, 8);
  CHECK_INT(length % 8, 0); /* the data stands aligned */
  CHECK(strstr(file + 8, "\"t10\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":["));
  free(file);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_array_free(r);
  mlx_map_string_to_string_free(t);
  mlx_map_string_to_string_free(u);
  files_end();
}

TEST(what_others_write_into_safetensors_is_read) {
  files_begin();
  mlx_map_string_to_array m = {NULL};
  mlx_map_string_to_string t = {NULL};
  /* MLX writes null where there is no metadata; PyTorch's writer pads with spaces; an 8-bit float comes as its bytes. */
  CHECK_OK(load_json(&m, &t, "{\"__metadata__\":null,\"x\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[0,2]}}    ", "ab", 2));
  mlx_array a = mlx_array_new();
  CHECK_OK(mlx_map_string_to_array_get(&a, m, "x"));
  CHECK_INT(mlx_array_dtype(a), MLX_UINT8);
  CHECK_OK(load_json(&m, &t, "{\"x\":{\"dtype\":\"F8_E8M0\",\"shape\":[2],\"data_offsets\":[0,2]}}", "ab", 2));
  CHECK_OK(mlx_map_string_to_array_get(&a, m, "x"));
  CHECK_INT(mlx_array_dtype(a), MLX_UINT8);
  CHECK_OK(load_json(&m, &t, "{\"s\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},\"e\":{\"dtype\":\"F32\",\"shape\":[0,5],"
                             "\"data_offsets\":[8,8]}}", "\x05\0\0\0\0\0\0\0", 8));
  int64_t v = 0;
  CHECK_OK(mlx_map_string_to_array_get(&a, m, "s"));
  CHECK_OK(mlx_array_item_int64(&v, a));
  CHECK_INT(v, 5);
  CHECK_OK(mlx_map_string_to_array_get(&a, m, "e"));
  CHECK_INT(mlx_array_dim(a, 1), 5);
  CHECK_OK(load_json(&m, &t, "{\"b\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[0,2]}}", "\x00\xff", 2));
  CHECK_OK(mlx_map_string_to_array_get(&a, m, "b"));
  CHECK_INT(*((const unsigned char *)mlx_array_data_bool(a) + 1), 1);
  CHECK_OK(load_json(&m, &t, "{}", "", 0));
  CHECK_INT(count_of(m), 0);
  mlx_array_free(a);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_string_free(t);
  files_end();
}

#define ONE(dtype, shape, offsets) "{\"x\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
TEST(a_safetensors_header_that_lies_is_refused) {
  static const struct {
    const char *json, *part;
  } bad[] = {
      {ONE("F32", "[2]", "[0,16]"), "does not fit its shape"},
      {ONE("F32", "[4]", "[8,24]"), "past the end"},
      {ONE("F32", "[0]", "[9223372036854775807,9223372036854775807]"), "past the end"},
      {ONE("F32", "[2]", "[8,0]"), "malformed"},
      {ONE("F32", "[2]", "[-8,0]"), "malformed"},
      {ONE("F32", "[2]", "[0]"), "missing"},
      {ONE("F32", "[2]", "[0,8,16]"), "missing"},
      {ONE("F32", "[2]", "[0.0,8.0]"), "malformed"},
      {ONE("F32", "[-2]", "[0,8]"), "malformed"},
      {ONE("F32", "[2.0]", "[0,8]"), "malformed"},
      {ONE("F32", "[\"2\"]", "[0,8]"), "malformed"},
      {ONE("F32", "[4611686018427387904,4]", "[0,0]"), "too many"},
      {ONE("F32", "[4294967296,4294967296]", "[0,0]"), "too many"},
      {ONE("F32", "[9223372036854775808]", "[0,8]"), "header"},
      {ONE("F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]"), "too many"},
      {ONE("F33", "[2]", "[0,8]"), "no equal"},
      {"{\"x\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", "missing"},
      {"{\"x\":[]}", "missing"},
      {"{\"x\":null}", "missing"},
      {"[]", "not an object"},
      {"{\"x\":", "header"},
      {"", "header"},
      {"{\"__metadata__\":{\"a\":1}}", "not a string"},
      {"{\"__metadata__\":7}", "not an object"},
      {"{\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", "header"},
      {"{\"x\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]},\"y\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}", "overlap"},
  };
  files_begin();
  mlx_array seven = mlx_array_new_int(7);
  mlx_map_string_to_array m = mlx_map_string_to_array_new();
  mlx_map_string_to_string t = mlx_map_string_to_string_new();
  CHECK_OK(mlx_map_string_to_array_insert(m, "old", seven));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int before = files_errors(), status = load_json(&m, &t, bad[i].json, "0123456789abcdef", 16);
    CHECK_INT(status, MX_ERUNTIME + (strstr(bad[i].part, "too many") && i < 13 ? MX_EVALUE - MX_ERUNTIME : 0));
    if (!strstr(mlx_ravel_error_text(), bad[i].part)) test_fail(__FILE__, __LINE__, "%s: %s", bad[i].json, mlx_ravel_error_text());
    CHECK_INT(files_errors(), before + 1);
    CHECK_INT(count_of(m), 1); /* what res held is there still */
  }
  mlx_array_free(seven);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_string_free(t);
  files_end();
}

TEST(a_safetensors_file_whose_header_length_lies_is_refused) {
  static const uint64_t lengths[] = {0, 1, 7, 1000, 100000000, 1000000000, (uint64_t)1 << 63, UINT64_MAX, UINT64_MAX - 7};
  files_begin();
  struct bytes b;
  mlx_map_string_to_array m = {NULL};
  mlx_map_string_to_string t = {NULL};
  const char *json = ONE("U8", "[2]", "[0,2]");
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    b.n = 0;
    bytes_int(&b, lengths[i], 8);
    bytes_text(&b, json);
    bytes_text(&b, "ab");
    files_write(files_path("x.safetensors"), b.at, b.n);
    CHECK_INT(mlx_load_safetensors(&m, &t, files_path("x.safetensors"), plain), MX_ERUNTIME);
  }
  safetensors_make(&b, json, "ab", 2);
  for (size_t n = 0; n < b.n; n++) {
    files_write(files_path("x.safetensors"), b.at, n);
    CHECK_ERROR(mlx_load_safetensors(&m, &t, files_path("x.safetensors"), plain), MX_ERUNTIME, "x.safetensors");
  }
  CHECK(!m.ctx && !t.ctx);
  files_end();
}

TEST(a_safetensors_header_nested_without_end_is_refused) {
  files_begin();
  char deep[20001];
  memset(deep, '[', 20000);
  deep[20000] = 0;
  mlx_map_string_to_array m = {NULL};
  mlx_map_string_to_string t = {NULL};
  CHECK_ERROR(load_json(&m, &t, deep, "", 0), MX_ERUNTIME, "header");
  files_end();
}

TEST(ten_thousand_tensors_load_in_no_time_to_speak_of) {
  files_begin();
  mlx_map_string_to_array m = mlx_map_string_to_array_new(), r = {NULL};
  mlx_map_string_to_string t = {NULL};
  mlx_array a = mlx_array_new_int(3), b = mlx_array_new();
  for (int i = 0; i < 10000; i++) {
    char name[64];
    snprintf(name, sizeof name, "model.layers.%d.attention.weight", i);
    CHECK_OK(mlx_map_string_to_array_insert(m, name, a));
  }
  CHECK_OK(mlx_save_safetensors(files_path("a.safetensors"), m, t));
  CHECK_OK(mlx_load_safetensors(&r, &t, files_path("a.safetensors"), plain));
  CHECK_INT(count_of(r), 10000);
  CHECK_OK(mlx_map_string_to_array_get(&b, r, "model.layers.9999.attention.weight"));
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_array_free(r);
  mlx_map_string_to_string_free(t);
  files_end();
}

TEST(names_that_a_safetensors_header_cannot_hold_are_refused) {
  files_begin();
  mlx_map_string_to_array m = mlx_map_string_to_array_new(), r = mlx_map_string_to_array_new();
  mlx_map_string_to_string t = {NULL};
  mlx_array a = mlx_array_new_int(3);
  CHECK_OK(mlx_map_string_to_array_insert(m, "__metadata__", a));
  CHECK_ERROR(mlx_save_safetensors(files_path("a.safetensors"), m, t), MX_EVALUE, "__metadata__");
  CHECK_OK(mlx_map_string_to_array_insert(r, "not utf-8: \xff", a));
  CHECK_ERROR(mlx_save_safetensors(files_path("a.safetensors"), r, t), MX_EVALUE, "UTF-8");
  CHECK_INT(files_count(), 0);
  CHECK_ERROR(mlx_save_safetensors(files_path("a.safetensors"), (mlx_map_string_to_array){NULL}, t), MX_EVALUE, "empty");
  mlx_array_free(a);
  mlx_map_string_to_array_free(m);
  mlx_map_string_to_array_free(r);
  files_end();
}
