/* fuzz_npz.c: any bytes as a npz file. */
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mx_source s = fuzz_source(data, size);
  fuzz_begin();
  (void)mx_npz_load(&s, &fuzz_collector);
  /* deflate packs at most 1032 to 1 */
  fuzz_end(size, 1040);
  return 0;
}
