/* test_matmul.c: Matmul and AddMM as eval calls them: tensors with batch dimensions, some of them broadcast. */
#include "../../test.h"

#include "backend/cpu/kernels.h"
#include "graph/params.h"

enum { COUNT = 2, HEADS = 3, M = 4, K = 5, N = 6 };

static struct mx_tensor tensor(void *data, int64_t *shape, int64_t *strides) {
  struct mx_tensor t = {.dtype = MX_FLOAT32, .ndim = 4, .size = 1, .shape = shape, .strides = strides, .data = data};
  for (int i = 0; i < 4; i++) t.size *= shape[i];
  return t;
}

/* a is (COUNT, HEADS, M, K); b is one (K, N), seen transposed and by all of HEADS; c is one row of N. */
static float a[COUNT * HEADS * M * K], b[COUNT * N * K], c[N], out[COUNT * HEADS * M * N];
static double want(int e, int h, int i, int j, double alpha, double beta) {
  double sum = 0;
  for (int p = 0; p < K; p++) sum += (double)a[((e * HEADS + h) * M + i) * K + p] * (double)b[(e * N + j) * K + p];
  return alpha * sum + beta * (double)c[j];
}
static void check_all(double alpha, double beta) {
  for (int e = 0; e < COUNT; e++) {
    for (int h = 0; h < HEADS; h++) {
      for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) CHECK_NEAR(out[((e * HEADS + h) * M + i) * N + j], want(e, h, i, j, alpha, beta), 1e-3);
      }
    }
  }
}

TEST(matmul_and_addmm_take_batches_with_broadcast_and_transposed_operands) {
  for (int i = 0; i < COUNT * HEADS * M * K; i++) a[i] = (float)(i % 13) - 6;
  for (int i = 0; i < COUNT * N * K; i++) b[i] = (float)(i % 7) / 2;
  for (int i = 0; i < N; i++) c[i] = (float)i;
  int64_t sa[] = {COUNT, HEADS, M, K}, ta[] = {HEADS * M * K, M * K, K, 1};
  int64_t sb[] = {COUNT, HEADS, K, N}, tb[] = {N * K, 0, 1, K};
  int64_t sc[] = {COUNT, HEADS, M, N}, tc[] = {0, 0, 0, 1}, to[] = {HEADS * M * N, M * N, N, 1};
  struct mx_tensor x = tensor(a, sa, ta), y = tensor(b, sb, tb), add = tensor(c, sc, tc), z = tensor(out, sc, to);
  struct mx_call call = {.prim = &mx_prim_matmul};
  CHECK_OK(cpu_matmul(&call, (struct mx_tensor *[]){&x, &y}, (struct mx_tensor *[]){&z}));
  check_all(1, 0);
  struct mx_addmm_params factors = {0.5, -2};
  call = (struct mx_call){.prim = &mx_prim_addmm, .p = {.head = &factors, .head_size = sizeof factors}};
  CHECK_OK(cpu_addmm(&call, (struct mx_tensor *[]){&add, &x, &y}, (struct mx_tensor *[]){&z}));
  check_all(0.5, -2);
}
