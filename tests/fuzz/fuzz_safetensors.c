/* fuzz_safetensors.c: any bytes as a safetensors file. */
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mx_source s = fuzz_source(data, size);
  fuzz_begin();
  (void)mx_safetensors_load(&s, &fuzz_collector);
  fuzz_end(size, 4);
  return 0;
}
