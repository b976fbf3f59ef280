/* lapack.h: OpenBLAS's LAPACK through one table of pointers, opened on first use.
 * Invariant: the library computes on one thread a call; how calls are spread over threads is the pool's affair. */
#ifndef MX_CPU_LAPACK_H
#define MX_CPU_LAPACK_H

#include "core/dtype.h"

/* LAPACK's own interface (Fortran): everything by address, matrices by columns, int32 sizes; a length, 1, behind each
 * character. Scalars and vectors of the table's dtype are void *. The complex form of orgqr is ungqr, of syevd heevd. */
struct cpu_lapack {
  enum mx_dtype dtype;
  size_t size, real_size; /* of an element; of a singular value */
  void (*getrf)(const int *m, const int *n, void *a, const int *lda, int *pivots, int *info);
  void (*getri)(const int *n, void *a, const int *lda, const int *pivots, void *work, const int *lwork, int *info);
  void (*getrs)(const char *trans, const int *n, const int *nrhs, const void *a, const int *lda, const int *pivots, void *b,
                const int *ldb, int *info, size_t);
  void (*potrf)(const char *uplo, const int *n, void *a, const int *lda, int *info, size_t);
  void (*trtri)(const char *uplo, const char *diag, const int *n, void *a, const int *lda, int *info, size_t, size_t);
  void (*trtrs)(const char *uplo, const char *trans, const char *diag, const int *n, const int *nrhs, const void *a, const int *lda,
                void *b, const int *ldb, int *info, size_t, size_t, size_t);
  void (*geqrf)(const int *m, const int *n, void *a, const int *lda, void *tau, void *work, const int *lwork, int *info);
  void (*orgqr)(const int *m, const int *n, const int *k, void *a, const int *lda, const void *tau, void *work, const int *lwork,
                int *info);
  void (*gemm)(const char *transa, const char *transb, const int *m, const int *n, const int *k, const void *alpha, const void *a,
               const int *lda, const void *b, const int *ldb, const void *beta, void *c, const int *ldc, size_t, size_t);
  /* One of each pair: the complex ones take more room. */
  void (*gesdd)(const char *jobz, const int *m, const int *n, void *a, const int *lda, void *s, void *u, const int *ldu, void *vt,
                const int *ldvt, void *work, const int *lwork, int *iwork, int *info, size_t);
  void (*complex_gesdd)(const char *jobz, const int *m, const int *n, void *a, const int *lda, void *s, void *u, const int *ldu,
                        void *vt, const int *ldvt, void *work, const int *lwork, void *rwork, int *iwork, int *info, size_t);
  void (*syevd)(const char *jobz, const char *uplo, const int *n, void *a, const int *lda, void *w, void *work, const int *lwork,
                int *iwork, const int *liwork, int *info, size_t, size_t);
  void (*complex_heevd)(const char *jobz, const char *uplo, const int *n, void *a, const int *lda, void *w, void *work,
                        const int *lwork, void *rwork, const int *lrwork, int *iwork, const int *liwork, int *info, size_t, size_t);
  void (*geev)(const char *jobvl, const char *jobvr, const int *n, void *a, const int *lda, void *wr, void *wi, void *vl,
               const int *ldvl, void *vr, const int *ldvr, void *work, const int *lwork, int *info, size_t, size_t);
  void (*complex_geev)(const char *jobvl, const char *jobvr, const int *n, void *a, const int *lda, void *w, void *vl, const int *ldvl,
                       void *vr, const int *ldvr, void *work, const int *lwork, void *rwork, int *info, size_t, size_t);
};

/* The table of float32, float64 or complex64; NULL with an error that names the package to install. */
const struct cpu_lapack *cpu_lapack(const char *op, enum mx_dtype dtype);

#endif
