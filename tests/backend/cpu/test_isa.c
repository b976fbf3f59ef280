/* test_isa.c: the choice of instruction set, and the target pragmas that the tables are compiled under. */
#include "../../test.h"

#include "backend/cpu/isa.h"
#include "core/compiler.h"

#include <stdlib.h>
#include <string.h>

TEST(the_chosen_instruction_set_runs_and_obeys_the_environment) {
  CHECK(cpu_isa_runs(CPU_ISA_BASE));
  CHECK(cpu_isa_runs(cpu_isa()));
  CHECK_INT(cpu_isa(), cpu_isa());
  const char *wish = getenv("MLX_CPU_ISA");
  for (int i = 0; wish && i < CPU_ISA_COUNT; i++) {
    if (!strcmp(wish, cpu_isa_name((enum cpu_isa)i)) && cpu_isa_runs((enum cpu_isa)i)) CHECK_INT(cpu_isa(), i);
  }
}

#if defined(__x86_64__)
#include <immintrin.h>
MX_TARGET_BEGIN("avx2,fma,f16c")
static float third_lane(void) {
  float out[8];
  _mm256_storeu_ps(out, _mm256_fmadd_ps(_mm256_set1_ps(2), _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_ps(1)));
  return out[3];
}
MX_TARGET_END
TEST(functions_under_a_target_pragma_use_its_instructions) {
  if (cpu_isa_runs(CPU_ISA_AVX2)) CHECK_NEAR(third_lane(), 7, 0);
}
#endif
