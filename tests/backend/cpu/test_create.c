/* test_create.c: arange, and random words against published answers and MLX's order. */
#include "tensors.h"

#include "backend/cpu/tile_table.h"

TEST(arange_counts_in_every_dtype) {
  for (int dtype = MX_UINT8; dtype < MX_DTYPE_COUNT; dtype++) {
    struct mx_tensor *out = tensor_new((enum mx_dtype)dtype, 1, INTS(40), ROWS);
    struct mx_arange_params head = {.start = 3, .step = 2, .dtype = dtype};
    CHECK_OK(run_kernel(cpu_arange, &head, INTS(40), 1, IN(NULL), out));
    for (int64_t i = 0; i < 40; i++) CHECK_NEAR(get(out, i), 3 + 2 * (double)i, 0);
    tensors_free();
  }
  struct mx_tensor *out = tensor_new(MX_FLOAT32, 1, INTS(100000), ROWS);
  struct mx_arange_params head = {.start = -1, .step = -0.1, .dtype = MX_FLOAT32};
  CHECK_OK(run_kernel(cpu_arange, &head, INTS(100000), 1, IN(NULL), out));
  for (int64_t i = 0; i < 100000; i++) CHECK(get(out, i) == (double)(float)(-1 + (double)i * -0.1));
  tensors_free();
}

/* Answers of Random123's kat_vectors for threefry2x32, 20 rounds. */
TEST(threefry_gives_the_published_answers) {
  const uint32_t known[][6] = {{0, 0, 0, 0, 0x6b200159, 0x99ba4efe},
                               {~0u, ~0u, ~0u, ~0u, 0x1cb996fc, 0xbb002be7},
                               {0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 0xc4923a9c, 0x483df7a0}};
  const char *const isas[] = {"base", "avx2", "avx512", "neon"};
  for (int t = 0; t < 4; t++) {
    const struct cpu_tile_table *table = cpu_tile_table_named(isas[t]);
    for (int i = 0; table && i < 3; i++) {
      uint32_t x[19], y[19], a, b;
      table->threefry(19, x, y, known[i][0], known[i][1], known[i][2] - 18, known[i][3] - 18);
      CHECK_INT(x[18], known[i][4]);
      CHECK_INT(y[18], known[i][5]);
      table->threefry(1, &a, &b, known[i][0], known[i][1], known[i][2] - 15, known[i][3] - 15);
      CHECK(a == x[3] && b == y[3]);
    }
  }
}

/* The words of a key by the rule in create.c, one at a time. */
static void words_of(const uint32_t *key, int64_t n, uint32_t *word) {
  int64_t half = n / 2, odd = n % 2;
  uint32_t unused;
  for (int64_t i = 0; i < half; i++)
    cpu_tile_table()->threefry(1, word + i, word + half + odd + i, key[0], key[1], (uint32_t)i, (uint32_t)(half + odd + i));
  if (odd) cpu_tile_table()->threefry(1, word + half, &unused, key[0], key[1], (uint32_t)half, 0);
}

TEST(random_bits_come_in_the_order_of_mlx) {
  /* mx.random.split(key, 3) of MLX 0.32.4 for this key: the six words of a (3, 2) draw. */
  const double mlx[] = {763154297, 1583069150, 1927580369, 2793666216, 2154091483, 3316728533};
  struct mx_tensor *key = tensor_of(MX_UINT32, 2, (double[]){0x12345678, 0x9abcdef0}), *out = tensor_new(MX_UINT32, 2, INTS(3, 2), ROWS);
  struct mx_bits_params head = {.width = 4};
  CHECK_OK(run_kernel(cpu_random_bits, &head, INTS(3, 2), 2, IN(key), out));
  for (int i = 0; i < 6; i++) CHECK_NEAR(get(out, i), mlx[i], 0);
  /* mx.random.uniform(shape=(5,)): an odd number of words, seen through 24 bits. */
  const double uniform[] = {0x1.6be67cp-3, 0x1.796eep-2, 0x1.78cc5ap-2, 0x1.4d07eep-1, 0x1.00c9a8p-1};
  struct mx_tensor *odd = tensor_new(MX_UINT32, 1, INTS(5), ROWS);
  CHECK_OK(run_kernel(cpu_random_bits, &head, INTS(5), 1, IN(key), odd));
  for (int i = 0; i < 5; i++) CHECK_NEAR(get(odd, i) / 0x1p32, uniform[i], 0x1p-24);
  tensors_free();
}

TEST(words_become_numbers_from_0_to_just_below_1) {
  const uint32_t words[] = {0, 1, 2, 0x12345678, 0x7fffffff, 0x80000000, 0x80000041, 0xfffffe7f, 0xffffff00, 0xffffff7f, 0xffffff80, 0xffffffff};
  uint32_t many[67];
  for (int i = 0; i < MX_COUNT(many); i++) many[i] = words[i % MX_COUNT(words)];
  float got[67];
  const char *const isas[] = {"base", "avx2", "avx512", "neon"};
  for (int t = 0; t < MX_COUNT(isas); t++) {
    const struct cpu_tile_table *table = cpu_tile_table_named(isas[t]);
    if (table) table->unit(MX_COUNT(many), got, many);
    for (int i = 0; table && i < MX_COUNT(many); i++) {
      float rounded = (float)((double)many[i] / 0x1p32);
      CHECK_NEAR(got[i], rounded < 1 ? rounded : 1 - 0x1p-24, 0);
    }
  }
  struct mx_tensor *keys = tensor_of(MX_UINT32, 2, (double[]){7, 9}), *bits = tensor_new(MX_UINT32, 1, INTS(1001), ROWS),
                   *numbers = tensor_new(MX_FLOAT32, 1, INTS(1001), ROWS);
  struct mx_bits_params head = {.width = 4}, unit = {.width = 4, .unit = 1};
  CHECK_OK(run_kernel(cpu_random_bits, &head, INTS(1001), 1, IN(keys), bits));
  CHECK_OK(run_kernel(cpu_random_bits, &unit, INTS(1001), 1, IN(keys), numbers));
  for (int i = 0; i < 1001; i++) CHECK_NEAR(get(numbers, i), (float)(get(bits, i) / 0x1p32), 0);
  tensors_free();
}

TEST(random_bits_of_every_width_size_and_batch_of_keys) {
  static uint32_t word[40000];
  const int64_t sizes[] = {0, 1, 2, 3, 5, 7, 8, 9, 1023, 70001};
  for (int32_t width = 1; width <= 4; width *= 2)
    for (int s = 0; s < MX_COUNT(sizes); s++) {
      int64_t n = sizes[s], nkeys = n > 2000 ? 1 : 3;
      enum mx_dtype dtype = width == 1 ? MX_UINT8 : width == 2 ? MX_UINT16 : MX_UINT32;
      if (width == 4 && n > 2000) n = 33333;
      struct mx_tensor *keys = tensor_new(MX_UINT32, 2, INTS(nkeys, 2), TURNED), *out = tensor_new(dtype, 2, INTS(nkeys, n), ROWS);
      fill_bytes(keys);
      struct mx_bits_params head = {.width = width};
      CHECK_OK(run_kernel(cpu_random_bits, &head, &n, 1, IN(keys), out));
      for (int64_t k = 0; k < nkeys; k++) {
        uint32_t key[2] = {(uint32_t)get(keys, 2 * k), (uint32_t)get(keys, 2 * k + 1)};
        words_of(key, (n * width + 3) / 4, word);
        CHECK(!memcmp((char *)out->data + k * n * width, word, (size_t)(n * width)));
      }
      tensors_free();
    }
}
