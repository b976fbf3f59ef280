/* NumPy's format for one array: what is written reads back, what others write reads too, and what lies is refused. */
#include "io/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const mlx_stream plain = {NULL};

/* Loads these bytes as a file; the status, and the array in *res (kept as it was on failure). */
static int load_bytes(mlx_array *res, const struct bytes *b) {
  files_write(files_path("x.npy"), b->at, b->n);
  return mlx_load(res, files_path("x.npy"), plain);
}
static int load_header(mlx_array *res, const char *header, const void *data, size_t n) {
  struct bytes b;
  npy_make(&b, 1, header, data, n);
  return load_bytes(res, &b);
}

TEST(an_array_of_each_dtype_comes_back_from_npy_as_it_was) {
  files_begin();
  for (int d = 0; d <= MLX_COMPLEX64; d++) {
    mlx_array a = pattern((mlx_dtype)d), b = mlx_array_new();
    CHECK_OK(mlx_save(files_path("a.npy"), a));
    CHECK_OK(mlx_load(&b, files_path("a.npy"), plain));
    CHECK(same_array(a, b));
    mlx_array_free(a);
    mlx_array_free(b);
  }
  CHECK_INT(files_count(), 1); /* no temporary file stays */
  files_end();
}

TEST(npy_headers_are_what_numpy_reads) {
  static const char *const descr[] = {"|b1", "|u1", "<u2", "<u4", "<u8", "|i1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8", "<V2", "<c8"};
  files_begin();
  for (int d = 0; d <= MLX_COMPLEX64; d++) {
    mlx_array a = pattern((mlx_dtype)d);
    CHECK_OK(mlx_save(files_path("a.npy"), a));
    size_t n;
    char *file = files_read(files_path("a.npy"), &n), want[128];
    size_t length = (unsigned char)file[8] + 256u * (unsigned char)file[9];
    CHECK(!memcmp(file, "\x93NUMPY\x01\x00", 8));
    CHECK_INT((10 + length) % 64, 0);
    CHECK_INT(n, 10 + length + mlx_array_nbytes(a));
    CHECK_INT(file[9 + length], '\n');
    snprintf(want, sizeof want, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 3), }", descr[d]);
    CHECK(!strncmp(file + 10, want, strlen(want)));
    free(file);
    mlx_array_free(a);
  }
  files_end();
}

TEST(scalars_empty_arrays_and_many_dimensions_come_back_from_npy) {
  files_begin();
  int shape[32];
  for (int i = 0; i < 32; i++) shape[i] = 1;
  shape[3] = 2;
  float two[2] = {1.5f, -2};
  mlx_array a[4] = {mlx_array_new_float32(2.5f), mlx_array_new_data(two, (int[]){2}, 1, MLX_FLOAT32),
                    mlx_array_new_data(two, (int[]){3, 0, 2}, 3, MLX_FLOAT32), mlx_array_new_data(two, shape, 10, MLX_FLOAT32)};
  for (int i = 0; i < 4; i++) {
    mlx_array b = mlx_array_new();
    CHECK_OK(mlx_save(files_path("a.npy"), a[i]));
    CHECK_OK(mlx_load(&b, files_path("a.npy"), plain));
    CHECK(same_array(a[i], b));
    mlx_array_free(a[i]);
    mlx_array_free(b);
  }
  files_end();
}

TEST(views_and_lazy_results_are_saved_in_row_major_order) {
  files_begin();
  mlx_array a = pattern(MLX_INT32), t = mlx_array_new(), b = mlx_array_new();
  CHECK_OK(mlx_add(&t, a, a, plain));
  CHECK_OK(mlx_transpose(&t, t, plain));
  CHECK_OK(mlx_save(files_path("a.npy"), t));
  CHECK_OK(mlx_load(&b, files_path("a.npy"), plain));
  CHECK_INT(mlx_array_dim(b, 0), 3);
  CHECK(same_array(t, b));
  mlx_array_free(a);
  mlx_array_free(t);
  mlx_array_free(b);
  files_end();
}

TEST(npy_versions_orders_and_byte_orders_of_others_are_read) {
  files_begin();
  struct bytes b;
  mlx_array a = mlx_array_new(), want = mlx_array_new_data((int16_t[]){1, 2, 3, 4, 5, 6}, (int[]){2, 3}, 2, MLX_INT16);
  int16_t rows[6] = {1, 2, 3, 4, 5, 6}, columns[6] = {1, 4, 2, 5, 3, 6};
  unsigned char big[12] = {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6};
  for (int version = 1; version <= 3; version++) {
    npy_make(&b, version, "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }", rows, 12);
    CHECK_OK(load_bytes(&a, &b));
    CHECK(same_array(a, want));
  }
  CHECK_OK(load_header(&a, "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }", columns, 12));
  CHECK(same_array(a, want));
  CHECK_OK(load_header(&a, "{'descr': '>i2', 'fortran_order': False, 'shape': (2, 3), }", big, 12));
  CHECK(same_array(a, want));
  CHECK_OK(load_header(&a, "{'descr': '=i2', 'fortran_order': False, 'shape': (2L, 3L)}", rows, 12)); /* Python 2 wrote it */
  CHECK(same_array(a, want));
  unsigned char complex[8] = {0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0}; /* 1 - 2j */
  CHECK_OK(load_header(&a, "{'descr': '>c8', 'fortran_order': False, 'shape': (), }", complex, 8));
  mlx_complex64_t z = {0, 0};
  CHECK_OK(mlx_array_item_complex64(&z, a));
  CHECK_NEAR((double)z.re, 1, 0);
  CHECK_NEAR((double)z.im, -2, 0);
  CHECK_OK(load_header(&a, "{'descr': '|V2', 'fortran_order': False, 'shape': (1,), }", "\x80\x3f", 2));
  CHECK_INT(mlx_array_dtype(a), MLX_BFLOAT16);
  mlx_array_free(a);
  mlx_array_free(want);
  files_end();
}

TEST(booleans_of_a_file_are_zero_or_one) {
  files_begin();
  mlx_array a = mlx_array_new(), sum = mlx_array_new();
  CHECK_OK(load_header(&a, "{'descr': '|b1', 'fortran_order': False, 'shape': (4,), }", "\x00\xff\x02\x01", 4));
  const bool *data = mlx_array_data_bool(a);
  CHECK_INT(((const unsigned char *)data)[1], 1);
  CHECK_INT(((const unsigned char *)data)[2], 1);
  CHECK_OK(mlx_sum(&sum, a, false, plain));
  int32_t n = 0;
  CHECK_OK(mlx_array_item_int32(&n, sum));
  CHECK_INT(n, 3);
  mlx_array_free(a);
  mlx_array_free(sum);
  files_end();
}

TEST(an_npy_header_that_lies_is_refused) {
  static const struct {
    const char *header, *part;
  } bad[] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", "shape"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "too large"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 8), }", "too many"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,), }", "too many"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000,), }", "ends before"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2.5,), }", "malformed"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,", "malformed"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': 2, }", "tuple"},
      {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }", "fortran_order"},
      {"{'descr': '<f4', 'fortran_order': False, }", "lacks"},
      {"{'descr': '?f4', 'fortran_order': False, 'shape': (2,), }", "dtype"},
      {"{'descr': '<c16', 'fortran_order': False, 'shape': (2,), }", "dtype"},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "dtype"},
      {"{'descr': '<f", "lacks"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "string"},
      {"", "lacks"},
  };
  files_begin();
  mlx_array keep = mlx_array_new_int(7), a = mlx_array_new();
  mlx_array_set(&a, keep);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int before = files_errors(), status = load_header(&a, bad[i].header, "01234567", 8);
    CHECK(status != 0);
    if (!strstr(mlx_ravel_error_text(), bad[i].part)) test_fail(__FILE__, __LINE__, "%s: %s", bad[i].header, mlx_ravel_error_text());
    CHECK_INT(files_errors(), before + 1);
    CHECK(a.ctx == keep.ctx);
  }
  char deep[600] = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < 200; i++) strcat(deep, "1,");
  strcat(deep, "), }");
  CHECK(load_header(&a, deep, "0123", 4) != 0); /* too many dimensions */
  mlx_array_free(keep);
  mlx_array_free(a);
  files_end();
}

/* The product of the sizes is 0, so that nothing is stored, but strides multiply past int64. */
TEST(an_empty_npy_array_with_huge_dimensions_is_an_empty_array) {
  files_begin();
  mlx_array a = mlx_array_new();
  CHECK_OK(load_header(&a, "{'descr': '<f4', 'fortran_order': True, 'shape': (4611686018427387904, 4611686018427387904, 0), }", "", 0));
  CHECK_INT(mlx_array_size(a), 0);
  CHECK_OK(load_header(&a, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 4611686018427387904), }", "", 0));
  CHECK_INT(mlx_array_size(a), 0);
  mlx_array_free(a);
  files_end();
}

TEST(an_npy_file_cut_anywhere_is_refused) {
  files_begin();
  struct bytes b;
  mlx_array a = mlx_array_new();
  npy_make(&b, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "01234567", 8);
  for (size_t n = 0; n < b.n; n++) {
    files_write(files_path("x.npy"), b.at, n);
    int status = mlx_load(&a, files_path("x.npy"), plain);
    if (!status) test_fail(__FILE__, __LINE__, "%zu of %zu bytes are read as an array", n, b.n);
    if (!strstr(mlx_ravel_error_text(), "x.npy")) test_fail(__FILE__, __LINE__, "no file name in: %s", mlx_ravel_error_text());
  }
  CHECK(!a.ctx);
  b.at[6] = 9;
  CHECK_ERROR(load_bytes(&a, &b), MX_ERUNTIME, "version");
  b.at[6] = 2; /* the version-1 header read with four bytes of length: far too long */
  CHECK(load_bytes(&a, &b) != 0);
  b.at[0] = 'x';
  CHECK_ERROR(load_bytes(&a, &b), MX_ERUNTIME, "first bytes");
  files_end();
}

/* Every byte of a sound file, changed in turn to several values: an array or an error, never a crash. */
TEST(an_npy_file_with_any_byte_changed_gives_an_array_or_an_error) {
  files_begin();
  struct bytes b;
  mlx_array a = mlx_array_new();
  npy_make(&b, 1, "{'descr': '<c8', 'fortran_order': True, 'shape': (1,2), }", "0123456789abcdef", 16);
  int refused = 0;
  for (size_t i = 0; i < b.n; i++) {
    unsigned char was = b.at[i];
    static const unsigned char values[] = {0, 0xff, '9', '\'', ')', '-'};
    for (size_t k = 0; k < sizeof values; k++) {
      b.at[i] = values[k];
      int status = load_bytes(&a, &b);
      if (!status) CHECK_OK(mlx_array_eval(a));
      refused += status != 0;
    }
    b.at[i] = was;
  }
  CHECK(refused > 100);
  mlx_array_free(a);
  files_end();
}
