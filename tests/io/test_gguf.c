/* GGUF: metadata of every type, tensors of every type, packed blocks without loss, and files that lie.
 * The packed values and the mapping of types to arrays are those that MLX gives for the same files. */
#include "io/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const mlx_stream plain = {NULL};

enum { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 };

static void put_text(struct bytes *b, const char *text) {
  bytes_int(b, strlen(text), 8);
  bytes_text(b, text);
}
static void head(struct bytes *b, uint32_t version, uint64_t tensors, uint64_t values) {
  b->n = 0;
  bytes_text(b, "GGUF");
  bytes_int(b, version, 4);
  bytes_int(b, tensors, 8);
  bytes_int(b, values, 8);
}
static void value(struct bytes *b, const char *key, int type, const void *data, size_t n) {
  put_text(b, key);
  bytes_int(b, (uint64_t)type, 4);
  bytes_add(b, data, n);
}
static void list(struct bytes *b, const char *key, int type, uint64_t count, const void *data, size_t n) {
  put_text(b, key);
  bytes_int(b, ARRAY, 4);
  bytes_int(b, (uint64_t)type, 4);
  bytes_int(b, count, 8);
  bytes_add(b, data, n);
}
static void tensor(struct bytes *b, const char *name, int ndim, const uint64_t *dims, int type, uint64_t offset) {
  put_text(b, name);
  bytes_int(b, (uint64_t)ndim, 4);
  for (int i = 0; i < ndim; i++) bytes_int(b, dims[i], 8);
  bytes_int(b, (uint64_t)type, 4);
  bytes_int(b, offset, 8);
}
static void align(struct bytes *b, size_t to) {
  while (b->n % to) bytes_int(b, 0, 1);
}
static int load(mlx_io_gguf *g, const struct bytes *b) {
  files_write(files_path("x.gguf"), b->at, b->n);
  return mlx_load_gguf(g, files_path("x.gguf"), plain);
}
static double number(mlx_io_gguf g, const char *key, mlx_dtype dtype) {
  mlx_array a = mlx_array_new(), wide = mlx_array_new();
  double v = NAN;
  CHECK_OK(mlx_io_gguf_get_metadata_array(&a, g, key));
  CHECK_INT(mlx_array_dtype(a), dtype);
  CHECK_INT(mlx_array_ndim(a), 0);
  CHECK_OK(mlx_astype(&wide, a, MLX_FLOAT64, plain));
  CHECK_OK(mlx_array_item_float64(&v, wide));
  mlx_array_free(a);
  mlx_array_free(wide);
  return v;
}

TEST(gguf_metadata_of_every_type_is_read) {
  files_begin();
  static struct bytes b;
  for (uint32_t version = 2; version <= 3; version++) {
    head(&b, version, 0, 16);
    value(&b, "u8", U8, "\xc8", 1);
    value(&b, "i8", I8, "\xfd", 1);
    value(&b, "u16", U16, "\x60\xea", 2);
    value(&b, "i16", I16, "\xd4\xfe", 2);
    value(&b, "u32", U32, "\x00\x28\x6b\xee", 4);
    value(&b, "i32", I32, "\xfb\xff\xff\xff", 4);
    value(&b, "f32", F32, "\x00\x00\xc0\x3f", 4);
    value(&b, "bool", BOOL, "\x01", 1);
    value(&b, "u64", U64, "\x05\0\0\0\0\0\0\x80", 8);
    value(&b, "i64", I64, "\0\0\0\0\0\xff\xff\xff", 8);
    value(&b, "f64", F64, "\x9a\x99\x99\x99\x99\x99\xb9\x3f", 8);
    value(&b, "string", STRING, "\x03\0\0\0\0\0\0\0a\0b", 11);
    list(&b, "strings", STRING, 2, "\x02\0\0\0\0\0\0\0\xc3\xa9\0\0\0\0\0\0\0\0", 18);
    list(&b, "none", STRING, 0, "", 0);
    list(&b, "shorts", I16, 2, "\x01\0\xfe\xff", 4);
    list(&b, "empty", F32, 0, "", 0);
    mlx_io_gguf g = {NULL};
    CHECK_OK(load(&g, &b));
    CHECK_NEAR(number(g, "u8", MLX_UINT8), 200, 0);
    CHECK_NEAR(number(g, "i8", MLX_INT8), -3, 0);
    CHECK_NEAR(number(g, "u16", MLX_UINT16), 60000, 0);
    CHECK_NEAR(number(g, "i16", MLX_INT16), -300, 0);
    CHECK_NEAR(number(g, "u32", MLX_UINT32), 4000000000, 0);
    CHECK_NEAR(number(g, "i32", MLX_INT32), -5, 0);
    CHECK_NEAR(number(g, "f32", MLX_FLOAT32), 1.5, 0);
    CHECK_NEAR(number(g, "bool", MLX_BOOL), 1, 0);
    CHECK_NEAR(number(g, "i64", MLX_INT64), -0x1p40, 0);
    CHECK_NEAR(number(g, "f64", MLX_FLOAT64), 0.1, 0);
    mlx_array a = mlx_array_new();
    uint64_t whole = 0;
    CHECK_OK(mlx_io_gguf_get_metadata_array(&a, g, "u64"));
    CHECK_OK(mlx_array_item_uint64(&whole, a));
    CHECK(whole == 0x8000000000000005u);
    CHECK_OK(mlx_io_gguf_get_metadata_array(&a, g, "shorts"));
    CHECK_INT(mlx_array_dim(a, 0), 2);
    CHECK_INT(mlx_array_data_int16(a)[1], -2);
    CHECK_OK(mlx_io_gguf_get_metadata_array(&a, g, "empty"));
    CHECK_INT(mlx_array_dtype(a), MLX_FLOAT32);
    CHECK_INT(mlx_array_dim(a, 0), 0);
    mlx_vector_string v = mlx_vector_string_new();
    char *at = NULL;
    CHECK_OK(mlx_io_gguf_get_metadata_vector_string(&v, g, "strings"));
    CHECK_INT(mlx_vector_string_size(v), 2);
    CHECK_OK(mlx_vector_string_get(&at, v, 0));
    CHECK_STR(at, "\xc3\xa9");
    CHECK_OK(mlx_io_gguf_get_metadata_vector_string(&v, g, "none"));
    CHECK_INT(mlx_vector_string_size(v), 0);
    const char *text = NULL;
    size_t n = 0, count = 0;
    CHECK_OK(mlx_ravel_io_gguf_get_metadata_text(&text, &n, &count, g, "string", 0));
    CHECK(n == 3 && count == 1 && !memcmp(text, "a\0b", 4));
    mlx_string s = mlx_string_new();
    CHECK_ERROR(mlx_io_gguf_get_metadata_string(&s, g, "string"), MX_EVALUE, "zero byte"); /* a C string would be cut */
    CHECK_OK(mlx_ravel_io_gguf_get_metadata_keys(&v, g));
    CHECK_INT(mlx_vector_string_size(v), 16);
    CHECK_OK(mlx_vector_string_get(&at, v, 15));
    CHECK_STR(at, "empty");
    mlx_string_free(s);
    mlx_vector_string_free(v);
    mlx_array_free(a);
    mlx_io_gguf_free(g);
  }
  files_end();
}

TEST(packed_blocks_become_what_mlx_makes_of_them) {
  files_begin();
  static struct bytes b;
  mlx_io_gguf g = {NULL};
  mlx_array a = mlx_array_new();
  head(&b, 3, 3, 0);
  tensor(&b, "four.weight", 2, (uint64_t[]){32, 2}, 2, 0); /* Q4_0 */
  tensor(&b, "one", 1, (uint64_t[]){32}, 3, 64);           /* Q4_1 */
  tensor(&b, "eight.weight", 2, (uint64_t[]){32, 1}, 8, 96); /* Q8_0 */
  align(&b, 32);
  for (int k = 0; k < 2; k++) {
    bytes_int(&b, k ? 0x3800 : 0x3400, 2); /* 0.25, 0.5 */
    for (uint64_t i = 0; i < 16; i++) bytes_int(&b, i | (15 - i) << 4, 1);
  }
  align(&b, 32);
  bytes_int(&b, 0x3400, 2);
  bytes_int(&b, 0xbc00, 2); /* -1 */
  for (uint64_t i = 0; i < 16; i++) bytes_int(&b, i | (15 - i) << 4, 1);
  align(&b, 32);
  bytes_int(&b, 0x3800, 2);
  for (int i = -16; i < 16; i++) bytes_int(&b, (uint64_t)(i & 255), 1);
  CHECK_OK(load(&g, &b));
  static const uint32_t four[4] = {1985229328, 4275878552, 2309737967, 19088743};
  static const uint32_t eight[8] = {1936879984, 2004252020, 2071624056, 2138996092, 2206368128, 2273740164, 2341112200, 2408484236};
  CHECK_OK(mlx_io_gguf_get_array(&a, g, "four.weight"));
  CHECK_OK(mlx_array_eval(a));
  CHECK(mlx_array_dtype(a) == MLX_UINT32 && mlx_array_dim(a, 0) == 2 && mlx_array_dim(a, 1) == 4);
  CHECK(!memcmp(mlx_array_data_uint32(a), four, sizeof four) && !memcmp(mlx_array_data_uint32(a) + 4, four, sizeof four));
  CHECK_OK(mlx_io_gguf_get_array(&a, g, "four.scales"));
  CHECK_OK(mlx_array_eval(a));
  CHECK(mlx_array_dtype(a) == MLX_FLOAT16 && mlx_array_dim(a, 1) == 1 && ((uint16_t *)mlx_ravel_array_data(a))[1] == 0x3800);
  CHECK_OK(mlx_io_gguf_get_array(&a, g, "four.biases")); /* -8 * scale */
  CHECK_OK(mlx_array_eval(a));
  CHECK(((uint16_t *)mlx_ravel_array_data(a))[0] == 0xc000 && ((uint16_t *)mlx_ravel_array_data(a))[1] == 0xc400);
  CHECK_OK(mlx_io_gguf_get_array(&a, g, "one"));
  CHECK_OK(mlx_array_eval(a));
  CHECK(mlx_array_ndim(a) == 1 && !memcmp(mlx_array_data_uint32(a), four, sizeof four));
  CHECK_OK(mlx_io_gguf_get_array(&a, g, "one.biases"));
  CHECK_OK(mlx_array_eval(a));
  CHECK(*(uint16_t *)mlx_ravel_array_data(a) == 0xbc00);
  CHECK_OK(mlx_io_gguf_get_array(&a, g, "eight.weight"));
  CHECK_OK(mlx_array_eval(a));
  CHECK(!memcmp(mlx_array_data_uint32(a), eight, sizeof eight));
  CHECK_OK(mlx_io_gguf_get_array(&a, g, "eight.biases")); /* -128 * scale */
  CHECK_OK(mlx_array_eval(a));
  CHECK(*(uint16_t *)mlx_ravel_array_data(a) == 0xd400);
  mlx_array_free(a);
  mlx_io_gguf_free(g);
  files_end();
}

TEST(what_is_saved_as_gguf_comes_back) {
  files_begin();
  static const mlx_dtype dtypes[] = {MLX_INT8, MLX_INT16, MLX_INT32, MLX_INT64, MLX_FLOAT16, MLX_BFLOAT16, MLX_FLOAT32, MLX_FLOAT64};
  mlx_io_gguf g = mlx_io_gguf_new(), r = {NULL};
  mlx_vector_string words = mlx_vector_string_new(), keys = mlx_vector_string_new();
  mlx_string s = mlx_string_new();
  mlx_array got = mlx_array_new(), alignment = mlx_array_new(), turned = mlx_array_new();
  char name[16];
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
    mlx_array a = pattern(dtypes[i]);
    snprintf(name, sizeof name, "t%zu", i);
    CHECK_OK(mlx_io_gguf_set_array(g, name, a));
    CHECK_OK(mlx_transpose(&turned, a, plain));
    snprintf(name, sizeof name, "turned%zu", i);
    CHECK_OK(mlx_io_gguf_set_array(g, name, turned));
    mlx_array_free(a);
  }
  mlx_array zero = mlx_array_new_float32(3), three = mlx_array_new_int(64);
  CHECK_OK(mlx_io_gguf_set_array(g, "0-d", zero));
  CHECK_OK(mlx_astype(&alignment, three, MLX_UINT32, plain));
  CHECK_OK(mlx_io_gguf_set_metadata_array(g, "general.alignment", alignment));
  CHECK_OK(mlx_io_gguf_set_metadata_array(g, "three", zero));
  CHECK_OK(mlx_io_gguf_set_metadata_array(g, "three", three)); /* in its place */
  mlx_array row = pattern(MLX_UINT64), flat = mlx_array_new();
  CHECK_OK(mlx_flatten(&flat, row, 0, -1, plain));
  CHECK_OK(mlx_io_gguf_set_metadata_array(g, "row", flat));
  CHECK_OK(mlx_io_gguf_set_metadata_string(g, "name", "tiny"));
  CHECK_OK(mlx_vector_string_append_value(words, "a"));
  CHECK_OK(mlx_vector_string_append_value(words, ""));
  CHECK_OK(mlx_io_gguf_set_metadata_vector_string(g, "words", words));
  CHECK_OK(mlx_save_gguf(files_path("a.gguf"), g));
  CHECK_INT(files_count(), 1);
  CHECK_OK(mlx_load_gguf(&r, files_path("a.gguf"), plain));
  CHECK_OK(mlx_io_gguf_get_keys(&keys, r));
  CHECK_INT(mlx_vector_string_size(keys), 17);
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
    mlx_array a = pattern(dtypes[i]);
    snprintf(name, sizeof name, "t%zu", i);
    CHECK_OK(mlx_io_gguf_get_array(&got, r, name));
    CHECK(same_array(a, got));
    CHECK_OK(mlx_transpose(&turned, a, plain));
    snprintf(name, sizeof name, "turned%zu", i);
    CHECK_OK(mlx_io_gguf_get_array(&got, r, name));
    CHECK(same_array(turned, got));
    mlx_array_free(a);
  }
  CHECK_OK(mlx_io_gguf_get_array(&got, r, "0-d"));
  CHECK(same_array(got, zero));
  CHECK_NEAR(number(r, "three", MLX_INT32), 64, 0);
  CHECK_OK(mlx_io_gguf_get_metadata_array(&got, r, "row"));
  CHECK(same_array(got, flat));
  mlx_array_free(row);
  mlx_array_free(flat);
  CHECK_OK(mlx_io_gguf_get_metadata_string(&s, r, "name"));
  CHECK_STR(mlx_string_data(s), "tiny");
  CHECK_OK(mlx_io_gguf_get_metadata_vector_string(&words, r, "words"));
  CHECK_INT(mlx_vector_string_size(words), 2);
  size_t n;
  char *file = files_read(files_path("a.gguf"), &n);
  CHECK_INT(n % 64, 0); /* as general.alignment says */
  free(file);
  mlx_string_free(s);
  mlx_vector_string_free(words);
  mlx_vector_string_free(keys);
  mlx_array_free(got);
  mlx_array_free(alignment);
  mlx_array_free(turned);
  mlx_array_free(zero);
  mlx_array_free(three);
  mlx_io_gguf_free(g);
  mlx_io_gguf_free(r);
  files_end();
}

TEST(what_gguf_cannot_say_is_refused) {
  files_begin();
  static const mlx_dtype tensors[] = {MLX_BOOL, MLX_UINT8, MLX_UINT16, MLX_UINT32, MLX_UINT64, MLX_COMPLEX64};
  static const mlx_dtype values[] = {MLX_FLOAT16, MLX_BFLOAT16, MLX_COMPLEX64};
  mlx_array flat = mlx_array_new(), grid = pattern(MLX_FLOAT32);
  for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
    mlx_io_gguf g = mlx_io_gguf_new();
    mlx_array a = pattern(tensors[i]);
    CHECK_OK(mlx_io_gguf_set_array(g, "x", a));
    CHECK_ERROR(mlx_save_gguf(files_path("a.gguf"), g), MX_ERUNTIME, "is not supported");
    mlx_array_free(a);
    mlx_io_gguf_free(g);
  }
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    mlx_io_gguf g = mlx_io_gguf_new();
    mlx_array a = pattern(values[i]);
    CHECK_OK(mlx_flatten(&flat, a, 0, -1, plain));
    CHECK_OK(mlx_io_gguf_set_metadata_array(g, "x", flat));
    CHECK_ERROR(mlx_save_gguf(files_path("a.gguf"), g), MX_EVALUE, "metadata");
    mlx_array_free(a);
    mlx_io_gguf_free(g);
  }
  mlx_io_gguf g = mlx_io_gguf_new();
  CHECK_OK(mlx_io_gguf_set_metadata_array(g, "x", grid));
  CHECK_ERROR(mlx_save_gguf(files_path("a.gguf"), g), MX_ERUNTIME, "2 dimensions");
  mlx_io_gguf_free(g);
  g = mlx_io_gguf_new();
  CHECK_OK(mlx_io_gguf_set_metadata_string(g, "general.alignment", "7"));
  CHECK_ERROR(mlx_save_gguf(files_path("a.gguf"), g), MX_EVALUE, "power of two");
  CHECK_INT(files_count(), 0);
  mlx_io_gguf_free(g);
  mlx_array_free(flat);
  mlx_array_free(grid);
  files_end();
}

#define REFUSED(status, part)                                                                                 \
  do {                                                                                                        \
    int told = files_errors();                                                                                \
    CHECK_ERROR(load(&g, &b), status, part);                                                                  \
    CHECK_INT(files_errors(), told + 1);                                                                      \
  } while (0)

TEST(a_gguf_header_that_lies_is_refused) {
  files_begin();
  static struct bytes b;
  mlx_io_gguf g = mlx_io_gguf_new();
  head(&b, 1, 0, 0);
  REFUSED(MX_ERUNTIME, "version");
  head(&b, 4, 0, 0);
  REFUSED(MX_ERUNTIME, "version");
  head(&b, 3u << 24, 0, 0);
  REFUSED(MX_ERUNTIME, "big-endian");
  head(&b, 3, 0, 0);
  b.at[0] = 'F';
  REFUSED(MX_ERUNTIME, "not GGUF");
  head(&b, 3, (uint64_t)1 << 60, 0);
  REFUSED(MX_ERUNTIME, "counts more");
  head(&b, 3, 0, UINT64_MAX);
  REFUSED(MX_ERUNTIME, "counts more");
  static const struct {
    int type;
    const char *data, *part;
    size_t n;
    int status;
  } values[] = {
      {13, "\0\0\0\0\0\0\0\0\0\0\0\0\0", "type is unknown", 13, MX_ERUNTIME},
      {BOOL, "\x02\0\0\0\0\0\0\0\0\0\0\0\0", "neither 0 nor 1", 13, MX_ERUNTIME},
      {STRING, "\xff\xff\xff\xff\xff\xff\xff\xff", "past the end", 8, MX_ERUNTIME},
      {STRING, "\x09\0\0\0\0\0\0\0abc", "past the end", 11, MX_ERUNTIME},
      {ARRAY, "\x06\0\0\0\xff\xff\xff\xff\xff\xff\xff\x3f", "more elements", 12, MX_ERUNTIME},
      {ARRAY, "\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\x1f", "more strings", 12, MX_ERUNTIME},
      {ARRAY, "\x09\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0", "arrays inside arrays", 17, MX_EVALUE},
      {ARRAY, "\x0d\0\0\0\x01\0\0\0\0\0\0\0", "type is unknown", 12, MX_ERUNTIME},
  };
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    head(&b, 3, 0, 1);
    value(&b, "k", values[i].type, values[i].data, values[i].n);
    REFUSED(values[i].status, values[i].part);
  }
  head(&b, 3, 0, 2);
  for (int i = 0; i < 2; i++) value(&b, "k", U8, "\1", 1);
  REFUSED(MX_ERUNTIME, "twice");
  head(&b, 3, 0, 1);
  value(&b, "k\xff", U32, "\1\0\0\0", 4);
  REFUSED(MX_ERUNTIME, "UTF-8");
  head(&b, 3, 0, 1);
  value(&b, "general.alignment", U32, "\x0c\0\0\0", 4);
  REFUSED(MX_ERUNTIME, "power of two");
  head(&b, 3, 0, 1);
  value(&b, "general.alignment", STRING, "\x02\0\0\0\0\0\0\0ab", 10);
  REFUSED(MX_ERUNTIME, "not a uint32");
  mlx_io_gguf_free(g);
  files_end();
}

TEST(a_gguf_tensor_that_lies_is_refused) {
  files_begin();
  static struct bytes b;
  mlx_io_gguf g = mlx_io_gguf_new();
  static const struct {
    int ndim;
    uint64_t dims[2];
    int type;
    uint64_t offset;
    const char *part;
    int status;
  } tensors[] = {
      {1, {17}, 0, 0, "past the end", MX_ERUNTIME},
      {1, {1}, 0, 64, "past the end", MX_ERUNTIME},
      {1, {1}, 0, UINT64_MAX - 31, "past the end", MX_ERUNTIME},
      {1, {4}, 0, 8, "not aligned", MX_ERUNTIME},
      {1, {UINT64_MAX}, 0, 0, "too large", MX_ERUNTIME},
      {2, {1u << 31, (uint64_t)1 << 33}, 0, 0, "too many", MX_EVALUE},
      {2, {(uint64_t)1 << 62, 4}, 24, 0, "too many", MX_EVALUE},
      {33, {0}, 0, 0, "past the end", MX_ERUNTIME},
      {1, {33}, 2, 0, "no multiple of 32", MX_ERUNTIME},
      {1, {128}, 12, 0, "no multiple of 256", MX_ERUNTIME},
      {0, {0}, 8, 0, "no multiple of 32", MX_ERUNTIME},
      {1, {1}, 4, 0, "type 4", MX_ERUNTIME},
      {1, {32}, 20, 0, "IQ4_NL", MX_ERUNTIME},
      {1, {32}, 99, 0, "type 99", MX_ERUNTIME},
  };
  for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
    head(&b, 3, 1, 0);
    tensor(&b, "x", tensors[i].ndim > 2 ? 0 : tensors[i].ndim, tensors[i].dims, tensors[i].type, tensors[i].offset);
    if (tensors[i].ndim > 2) b.at[33] = (unsigned char)tensors[i].ndim;
    align(&b, 32);
    for (int k = 0; k < 64; k++) bytes_int(&b, 0, 1);
    REFUSED(tensors[i].status, tensors[i].ndim > 2 ? "too many dimensions" : tensors[i].part);
  }
  head(&b, 3, 3, 0);
  tensor(&b, "a", 1, (uint64_t[]){16}, 0, 0);
  tensor(&b, "none", 1, (uint64_t[]){0}, 0, 32); /* an empty tensor between two that overlap */
  tensor(&b, "b", 1, (uint64_t[]){8}, 0, 32);
  align(&b, 32);
  for (int k = 0; k < 64; k++) bytes_int(&b, 0, 1);
  REFUSED(MX_ERUNTIME, "shares bytes");
  head(&b, 3, 2, 0);
  tensor(&b, "a.weight", 1, (uint64_t[]){32}, 2, 0);
  tensor(&b, "a.scales", 1, (uint64_t[]){1}, 0, 32);
  align(&b, 32);
  for (int k = 0; k < 64; k++) bytes_int(&b, 0, 1);
  REFUSED(MX_ERUNTIME, "twice");
  mlx_io_gguf_free(g);
  files_end();
}

TEST(a_gguf_file_cut_anywhere_is_refused) {
  files_begin();
  static struct bytes b;
  mlx_io_gguf g = {NULL};
  head(&b, 3, 1, 3);
  value(&b, "k", U32, "\1\0\0\0", 4);
  list(&b, "words", STRING, 1, "\x02\0\0\0\0\0\0\0ab", 10);
  list(&b, "longs", I64, 1, "\1\0\0\0\0\0\0\0", 8);
  tensor(&b, "x", 1, (uint64_t[]){8}, 0, 0);
  align(&b, 32);
  for (int k = 0; k < 32; k++) bytes_int(&b, (uint64_t)k, 1);
  for (size_t n = 0; n < b.n; n++) {
    files_write(files_path("x.gguf"), b.at, n);
    CHECK_ERROR(mlx_load_gguf(&g, files_path("x.gguf"), plain), MX_ERUNTIME, "x.gguf");
  }
  CHECK(!g.ctx);
  CHECK_OK(load(&g, &b));
  mlx_io_gguf_free(g);
  files_end();
}

TEST(gguf_handles_say_what_they_lack) {
  files_begin();
  mlx_io_gguf g = mlx_io_gguf_new(), none = {NULL};
  mlx_array a = mlx_array_new_int(1);
  mlx_string s = mlx_string_new();
  mlx_vector_string v = mlx_vector_string_new();
  bool flag = true;
  const char *text;
  size_t n;
  CHECK_OK(mlx_io_gguf_set_metadata_string(g, "s", "text"));
  CHECK_OK(mlx_io_gguf_set_metadata_array(g, "a", a));
  CHECK_OK(mlx_io_gguf_has_metadata_array(&flag, g, "s"));
  CHECK(!flag);
  CHECK_OK(mlx_io_gguf_has_metadata_string(&flag, g, "s"));
  CHECK(flag);
  CHECK_OK(mlx_io_gguf_has_metadata_vector_string(&flag, g, "s"));
  CHECK(!flag);
  CHECK_OK(mlx_io_gguf_has_metadata_array(&flag, g, "a"));
  CHECK(flag);
  CHECK_OK(mlx_io_gguf_has_metadata_string(&flag, g, "nothing"));
  CHECK(!flag);
  CHECK_ERROR(mlx_io_gguf_get_metadata_array(&a, g, "s"), MX_EVALUE, "is not an array");
  CHECK_ERROR(mlx_io_gguf_get_metadata_string(&s, g, "a"), MX_EVALUE, "is not a string");
  CHECK_ERROR(mlx_io_gguf_get_metadata_vector_string(&v, g, "nothing"), MX_EVALUE, "there is none");
  CHECK_ERROR(mlx_ravel_io_gguf_get_metadata_text(&text, &n, NULL, g, "a", 0), MX_EVALUE, "not text");
  CHECK_ERROR(mlx_ravel_io_gguf_get_metadata_text(&text, &n, NULL, g, "s", 1), MX_EINDEX, "1 strings");
  CHECK(mlx_io_gguf_get_array(&a, g, "nothing") != 0);
  CHECK_ERROR(mlx_io_gguf_set_array(none, "x", a), MX_EVALUE, "empty");
  CHECK_ERROR(mlx_io_gguf_set_array(g, NULL, a), MX_EVALUE, "NULL");
  CHECK_ERROR(mlx_io_gguf_set_metadata_string(g, "x", NULL), MX_EVALUE, "NULL");
  CHECK_ERROR(mlx_save_gguf(files_path("a.gguf"), none), MX_EVALUE, "empty");
  CHECK_ERROR(mlx_load_gguf(&g, files_path("none.gguf"), plain), MX_ERUNTIME, "none.gguf");
  CHECK_OK(mlx_io_gguf_free(none));
  mlx_io_gguf_free(g);
  mlx_array_free(a);
  mlx_string_free(s);
  mlx_vector_string_free(v);
  files_end();
}

TEST_TORTURE(gguf_survives_any_allocation_that_fails) {
  files_begin();
  static struct bytes b;
  mlx_io_gguf g = mlx_io_gguf_new(), r = {NULL}, packed = {NULL};
  mlx_array a = mlx_array_new_int(3), got = mlx_array_new();
  int status = g.ctx && a.ctx ? mlx_io_gguf_set_array(g, "a", a) : MX_EMEMORY;
  if (!status) status = mlx_io_gguf_set_metadata_array(g, "n", a);
  if (!status) status = mlx_io_gguf_set_metadata_string(g, "s", "text");
  if (!status) status = mlx_save_gguf(files_path("a.gguf"), g);
  if (!status) status = mlx_load_gguf(&r, files_path("a.gguf"), plain);
  head(&b, 3, 1, 0);
  tensor(&b, "q.weight", 1, (uint64_t[]){32}, 2, 0);
  align(&b, 32);
  for (uint64_t k = 0; k < 18; k++) bytes_int(&b, k, 1);
  if (!status) status = load(&packed, &b);
  if (!status) status = mlx_io_gguf_get_array(&got, packed, "q.weight");
  if (!status) status = mlx_array_eval(got);
  CHECK(status == MX_OK || status == MX_EMEMORY);
  mlx_array_free(a);
  mlx_array_free(got);
  mlx_io_gguf_free(g);
  mlx_io_gguf_free(r);
  mlx_io_gguf_free(packed);
  files_end();
  CHECK_OK(status);
}
