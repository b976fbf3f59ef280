/* files.c: see files.h. */
#include "io/files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];
static _Atomic int errors; /* told from any thread */

static void count_error(const char *text, void *data) {
  (void)text, (void)data;
  errors++;
}

void files_begin(void) {
  snprintf(folder, sizeof folder, "/tmp/ravel-io-XXXXXX");
  REQUIRE(mkdtemp(folder));
  errors = 0;
  mlx_set_error_handler(count_error, NULL, NULL);
}

int files_count(void) {
  int n = 0;
  DIR *d = opendir(folder);
  for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.' || (e->d_name[1] && strcmp(e->d_name, ".."));
  if (d) closedir(d);
  return n;
}

void files_end(void) {
  DIR *d = opendir(folder);
  for (struct dirent *e; d && (e = readdir(d));)
    if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) unlink(files_path(e->d_name));
  if (d) closedir(d);
  CHECK_INT(rmdir(folder), 0);
  mlx_set_error_handler(NULL, NULL, NULL);
}

const char *files_path(const char *name) {
  static char path[8][400];
  static unsigned next;
  char *p = path[next++ % 8];
  snprintf(p, sizeof path[0], "%s/%.300s", folder, name);
  return p;
}
int files_errors(void) { return errors; }

void files_write(const char *path, const void *data, size_t n) {
  FILE *f = fopen(path, "wb");
  REQUIRE(f);
  CHECK_INT(fwrite(data, 1, n, f), n);
  CHECK_INT(fclose(f), 0);
}

char *files_read(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  REQUIRE(f);
  fseek(f, 0, SEEK_END);
  *n = (size_t)ftell(f);
  rewind(f);
  char *data = calloc(1, *n + 1);
  REQUIRE(data);
  CHECK_INT(fread(data, 1, *n, f), *n);
  fclose(f);
  return data;
}

void bytes_add(struct bytes *b, const void *data, size_t n) {
  REQUIRE(n <= sizeof b->at - b->n);
  if (n) memcpy(b->at + b->n, data, n);
  b->n += n;
}
void bytes_text(struct bytes *b, const char *text) { bytes_add(b, text, strlen(text)); }
void bytes_int(struct bytes *b, uint64_t v, int n) {
  for (int i = 0; i < n; i++) bytes_add(b, &(unsigned char){(unsigned char)(v >> (8 * i))}, 1);
}

void npy_make(struct bytes *b, int version, const char *header, const void *data, size_t n) {
  size_t lead = version == 1 ? 10 : 12, length = strlen(header) + 1;
  while ((lead + length) % 64) length++;
  b->n = 0;
  bytes_text(b, "\x93NUMPY");
  bytes_int(b, (uint64_t)version, 2);
  bytes_int(b, length, version == 1 ? 2 : 4);
  bytes_text(b, header);
  while (b->n < lead + length - 1) bytes_text(b, " ");
  bytes_text(b, "\n");
  bytes_add(b, data, n);
}

void safetensors_make(struct bytes *b, const char *json, const void *data, size_t n) {
  b->n = 0;
  bytes_int(b, strlen(json), 8);
  bytes_text(b, json);
  bytes_add(b, data, n);
}

mlx_array pattern(mlx_dtype dtype) {
  unsigned char data[6 * 8];
  for (size_t i = 0; i < sizeof data; i++) data[i] = dtype == MLX_BOOL ? i % 2 : (unsigned char)(1 + 5 * i);
  int shape[2] = {2, 3};
  mlx_array a = mlx_array_new_data(data, shape, 2, dtype);
  REQUIRE(a.ctx);
  return a;
}

bool same_array(mlx_array a, mlx_array b) {
  mlx_stream s = {NULL};
  mlx_array x = mlx_array_new(), y = mlx_array_new();
  bool same = a.ctx && b.ctx && mlx_array_dtype(a) == mlx_array_dtype(b) && mlx_array_ndim(a) == mlx_array_ndim(b);
  for (size_t d = 0; same && d < mlx_array_ndim(a); d++) same = mlx_array_dim(a, (int)d) == mlx_array_dim(b, (int)d);
  same = same && !mlx_contiguous(&x, a, false, s) && !mlx_contiguous(&y, b, false, s) && !mlx_array_eval(x) && !mlx_array_eval(y);
  same = same && (!mlx_array_nbytes(x) || !memcmp(mlx_ravel_array_data(x), mlx_ravel_array_data(y), mlx_array_nbytes(x)));
  mlx_array_free(x);
  mlx_array_free(y);
  return same;
}
