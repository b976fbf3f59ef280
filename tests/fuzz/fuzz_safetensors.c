/* fuzz_safetensors.c: any bytes as a safetensors file; and once more with a header length that fits, as a random one hardly does. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mx_source s = fuzz_source(data, size);
  fuzz_begin();
  (void)mx_safetensors_load(&s, &fuzz_collector);
  fuzz_end(size, 4);
  if (size < 8) return 0;
  uint8_t *copy = malloc(size);
  const uint8_t *end = NULL;
  for (size_t i = size; !end && i > 8; i--)
    if (data[i - 1] == '}') end = data + i;
  if (copy && end) {
    memcpy(copy, data, size);
    uint64_t n = (uint64_t)(end - data) - 8;
    for (int i = 0; i < 8; i++, n >>= 8) copy[i] = (uint8_t)n;
    s = fuzz_source(copy, size);
    (void)mx_safetensors_load(&s, &fuzz_collector);
    fuzz_end(size, 4);
  }
  free(copy);
  return 0;
}
