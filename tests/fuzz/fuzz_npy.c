/* fuzz_npy.c: any bytes as an npy file. */
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mx_source s = fuzz_source(data, size);
  mx_array *a = NULL;
  fuzz_begin();
  if (!mx_npy_load(&s, &a)) fuzz_read(a);
  fuzz_end(size, 4);
  return 0;
}
