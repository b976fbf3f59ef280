/* fuzz_gguf.c: any bytes as a GGUF file. */
#include "fuzz/fuzz.h"
#include "io/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mx_source s = fuzz_source(data, size);
  struct mx_gguf g = {NULL, 0, 0};
  fuzz_begin();
  (void)mx_gguf_load(&s, &fuzz_collector, &g);
  for (int64_t i = 0; i < g.n; i++)
    for (int64_t k = 0; k < g.at[i].n; k++) {
      uint64_t n;
      const char *text = mx_gguf_text(&g.at[i], k, &n);
      if (text[n]) __builtin_trap();
    }
  mx_gguf_clear(&g);
  fuzz_end(size, 64); /* small arrays take a whole cache line; Q2_K expands to six times its bytes */
  return 0;
}
