/* lapack.c: finds OpenBLAS and fills the tables: the PyPI package's library (its names begin with scipy_) where a Python binding
 * is installed beside it, else the system's. Invariant: a table is published whole or not at all. */
#include "backend/cpu/lapack.h"

#include "core/compiler.h"
#include "core/error.h"
#include "core/library.h"
#include "core/thread.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

#define PACKAGE "scipy_openblas32/lib/libscipy_openblas.so"
#define SYSTEM "libopenblas.so.0"

/* A function's name after the letter of its type; NULL where that kind of type has none. */
static const struct entry {
  size_t at;
  const char *real, *complex;
} entries[] = {
#define AT(member) offsetof(struct cpu_lapack, member)
    {AT(getrf), "getrf", "getrf"},   {AT(getri), "getri", "getri"},       {AT(getrs), "getrs", "getrs"},
    {AT(potrf), "potrf", "potrf"},   {AT(trtri), "trtri", "trtri"},       {AT(trtrs), "trtrs", "trtrs"},
    {AT(geqrf), "geqrf", "geqrf"},   {AT(orgqr), "orgqr", "ungqr"},       {AT(gemm), "gemm", "gemm"},
    {AT(gesdd), "gesdd", NULL},      {AT(complex_gesdd), NULL, "gesdd"},  {AT(syevd), "syevd", NULL},
    {AT(complex_heevd), NULL, "heevd"}, {AT(geev), "geev", NULL},         {AT(complex_geev), NULL, "geev"},
#undef AT
};

static struct cpu_lapack tables[3] = {
    {.dtype = MX_FLOAT32, .size = 4, .real_size = 4},
    {.dtype = MX_FLOAT64, .size = 8, .real_size = 8},
    {.dtype = MX_COMPLEX64, .size = 8, .real_size = 4},
};
static mx_mutex lock = MX_MUTEX_INIT;
static _Atomic bool ready;

static bool fill(void *library, const char *prefix, char *missing, int size) {
  for (int t = 0; t < MX_COUNT(tables); t++) {
    for (int i = 0; i < MX_COUNT(entries); i++) {
      const char *name = tables[t].dtype == MX_COMPLEX64 ? entries[i].complex : entries[i].real;
      if (!name) continue;
      snprintf(missing, (size_t)size, "%s%c%s_", prefix, "sdc"[t], name);
      if (!mx_library_function(library, missing, (char *)&tables[t] + entries[i].at)) return false;
    }
  }
  return true;
}

static int open_library(const char *op) {
  char why[512], missing[64], name[64];
  void *library = mx_library_open(PACKAGE, SYSTEM, why, sizeof why);
  if (!library)
    return mx_fail(MX_ERUNTIME,
                   "[%s] Needs OpenBLAS, which is not installed: pip install scipy-openblas32, or apt-get install libopenblas0-pthread "
                   "(%s).",
                   op, why);
  const char *prefix = "scipy_";
  if (!fill(library, prefix, missing, sizeof missing) && !fill(library, prefix = "", missing, sizeof missing))
    return mx_fail(MX_ERUNTIME, "[%s] The OpenBLAS that was found has no function %s: pip install scipy-openblas32, or apt-get install "
                   "libopenblas0-pthread.", op, missing);
  void (*set_threads)(int);
  snprintf(name, sizeof name, "%sopenblas_set_num_threads", prefix);
  if (mx_library_function(library, name, &set_threads)) set_threads(1);
  atomic_store_explicit(&ready, true, memory_order_release);
  return MX_OK;
}

const struct cpu_lapack *cpu_lapack(const char *op, enum mx_dtype dtype) {
  int status = MX_OK;
  if (!atomic_load_explicit(&ready, memory_order_acquire)) {
    mx_lock(&lock);
    if (!atomic_load(&ready)) status = open_library(op);
    mx_unlock(&lock);
  }
  if (status) return NULL;
  for (int t = 0; t < MX_COUNT(tables); t++)
    if (tables[t].dtype == dtype) return &tables[t];
  mx_fail(MX_ETYPE, "[%s] Not supported for %s.", op, mx_dtype_name(dtype));
  return NULL;
}
