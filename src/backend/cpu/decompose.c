/* decompose.c: kernels on orthogonal factorizations and eigenvalues: QR, SVD, Eigh, Eig, and what is made of an SVD.
 * Invariant: what LAPACK might never finish on, NaN and infinities, is refused before the call. */
#include "backend/cpu/copy.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/linalg.h"
#include "core/error.h"

#include <math.h>
#include <string.h>

static const struct mx_linalg_params *head_of(const struct mx_call *c) { return c->p.head; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* ---- QR by Householder reflections ---- */

static int one_qr(struct cpu_linalg *l, int64_t at, char *room) {
  const struct cpu_lapack *f = l->lapack;
  int64_t m = l->m, n = l->n, k = l->k, size = (int64_t)f->size;
  int info = 0;
  char *a = cpu_linalg_take(&room, m * n * size), *tau = cpu_linalg_take(&room, k * size);
  char *q = cpu_linalg_at(l->out[0], at, m * k), *r = cpu_linalg_at(l->out[1], at, k * n);
  cpu_linalg_load(l->in[0], at, true, a);
  f->geqrf(&l->m, &l->n, a, &l->m, tau, room, &l->lwork, &info);
  if (info) return info;
  cpu_linalg_store(f->size, k, n, a, m, r);
  for (int64_t i = 1; i < k; i++) memset(r + i * n * size, 0, (size_t)((i < n ? i : n) * size));
  f->orgqr(&l->m, &l->k, &l->k, a, &l->m, tau, room, &l->lwork, &info);
  cpu_linalg_store(f->size, m, k, a, m, q);
  return info;
}
int cpu_qr(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  struct cpu_linalg l;
  double first[2];
  int info;
  (void)c;
  int status = cpu_linalg_begin(&l, "qr", in, 1, out);
  if (status || l.k == 0) return status;
  l.routine = "geqrf", l.reason = "";
  l.one = one_qr;
  l.lapack->geqrf(&l.m, &l.n, first, &l.m, first, first, &(int){-1}, &info);
  l.lwork = cpu_linalg_size(l.lapack, first);
  l.lapack->orgqr(&l.m, &l.k, &l.k, first, &l.m, first, first, &(int){-1}, &info);
  l.lwork = (int)most(l.lwork, cpu_linalg_size(l.lapack, first));
  int64_t size = (int64_t)l.lapack->size;
  l.room = CPU_LINALG_ROOM((int64_t)l.m * l.n * size) + CPU_LINALG_ROOM(l.k * size) + l.lwork * size;
  l.work = 4.0 * l.m * l.n * l.k;
  cpu_linalg_small(&l, cpu_small_qr);
  return cpu_linalg_run(&l);
}

/* ---- SVD: A = U S Vᴴ. The rows of A are the columns of Aᵀ = U' S V'ᴴ: the columns of V'ᴴ are the rows of U, and the
 * columns of U' the rows of Vᴴ, so nothing is transposed. ---- */

/* The decomposition of the rows `a` (overwritten); room: what svd_room says. */
static int decompose(const struct cpu_linalg *l, char job, void *a, void *s, void *u, void *vh, char *room) {
  const struct cpu_lapack *f = l->lapack;
  int ldvh = l->n, ldu = job == 'S' ? l->k : l->m, info = 0; /* of U' (n × n or n × k) and of V'ᴴ (m × m or k × m) */
  int *iwork = cpu_linalg_take(&room, 8 * (int64_t)l->k * (int64_t)sizeof(int));
  void *rwork = cpu_linalg_take(&room, l->lrwork * (int64_t)f->real_size);
  if (f->gesdd) f->gesdd(&job, &l->n, &l->m, a, &l->n, s, vh, &ldvh, u, &ldu, room, &l->lwork, iwork, &info, 1);
  else f->complex_gesdd(&job, &l->n, &l->m, a, &l->n, s, vh, &ldvh, u, &ldu, room, &l->lwork, rwork, iwork, &info, 1);
  return info;
}
static int prepare_svd(struct cpu_linalg *l, char job) {
  double first[2], mn = l->k, mx = (double)most(l->m, l->n);
  int ldvh = l->n, ldu = job == 'S' ? l->k : l->m, query = -1, info = 0, none[8];
  int status = job == 'N' ? MX_OK : cpu_linalg_fits(l, 5 * mn * mn + 16 * mn);
  if (status) return status;
  if (l->lapack->gesdd) l->lapack->gesdd(&job, &l->n, &l->m, first, &l->n, first, first, &ldvh, first, &ldu, first, &query, none, &info, 1);
  else l->lapack->complex_gesdd(&job, &l->n, &l->m, first, &l->n, first, first, &ldvh, first, &ldu, first, &query, first, none, &info, 1);
  l->lwork = cpu_linalg_size(l->lapack, first);
  /* As LAPACK's documentation of cgesdd asks. */
  if (l->lapack->complex_gesdd) {
    double large = 5 * mn * mn + 5 * mn, tall = 2 * mx * mn + 2 * mn * mn + mn;
    double size = job == 'N' ? 7 * mn : large > tall ? large : tall;
    if ((status = cpu_linalg_fits(l, size))) return status;
    l->lrwork = (int)size + 1;
  }
  l->routine = "gesdd", l->reason = "The singular values did not converge";
  l->work = 20.0 * l->m * l->n * l->k;
  return MX_OK;
}
static int64_t svd_room(const struct cpu_linalg *l) {
  return CPU_LINALG_ROOM(8 * (int64_t)l->k * (int64_t)sizeof(int)) + CPU_LINALG_ROOM(l->lrwork * (int64_t)l->lapack->real_size) +
         CPU_LINALG_ROOM(l->lwork * (int64_t)l->lapack->size);
}

static int one_svd(struct cpu_linalg *l, int64_t at, char *room) {
  int64_t m = l->m, n = l->n, k = l->k, size = (int64_t)l->lapack->size;
  char *a = cpu_linalg_take(&room, m * n * size);
  cpu_linalg_load(l->in[0], at, false, a);
  if (!cpu_linalg_finite(l->lapack->dtype, a, m * n)) return CPU_LINALG_NOT_FINITE;
  if (l->mode == MX_PARTS_VALUES) return decompose(l, 'N', a, cpu_linalg_at(l->out[0], at, k), NULL, NULL, room);
  bool thin = l->mode == MX_PARTS_THIN;
  return decompose(l, thin ? 'S' : 'A', a, cpu_linalg_at(l->out[1], at, k), cpu_linalg_at(l->out[0], at, m * (thin ? k : m)),
                   cpu_linalg_at(l->out[2], at, n * (thin ? k : n)), room);
}
/* The vectors of a matrix without elements: any orthonormal ones. */
static void identities(const struct mx_tensor *t) {
  int64_t n = t->ndim ? t->shape[t->ndim - 1] : 0;
  if (t->size) memset(t->data, 0, (size_t)t->size * mx_dtype_size(t->dtype));
  for (int64_t i = 0; i < t->size / (n ? n : 1); i++) cpu_linalg_put(t->dtype, t->data, i * n + i % n, 1);
}
int cpu_svd(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  struct cpu_linalg l;
  int status = cpu_linalg_begin(&l, head_of(c)->op, in, 1, out);
  if (status) return status;
  l.mode = head_of(c)->mode;
  if (l.k == 0) {
    if (l.mode == MX_PARTS_FULL) identities(out[0]), identities(out[2]);
    return MX_OK;
  }
  status = prepare_svd(&l, l.mode == MX_PARTS_VALUES ? 'N' : l.mode == MX_PARTS_THIN ? 'S' : 'A');
  if (status) return status;
  l.one = one_svd;
  l.room = CPU_LINALG_ROOM((int64_t)l.m * l.n * (int64_t)l.lapack->size) + svd_room(&l);
  cpu_linalg_small(&l, cpu_small_svd);
  return cpu_linalg_run(&l);
}

/* ---- the pseudo-inverse V S⁺ Uᴴ; singular values up to rtol (else max(m, n) eps) times the largest count as zero ---- */

double cpu_linalg_tolerance(const struct cpu_linalg *l, int64_t at) {
  const struct mx_tensor *t = l->in[1];
  if (!t) return (double)most(l->m, l->n) * (l->lapack->real_size == 8 ? 0x1p-52 : 0x1p-23);
  return creal(cpu_linalg_get(t->dtype, t->data, cpu_offset(t->ndim - 2, t->shape, t->strides, at)));
}

static int one_pinv(struct cpu_linalg *l, int64_t at, char *room) {
  const struct cpu_lapack *f = l->lapack;
  enum mx_dtype real = f->real_size == 8 ? MX_FLOAT64 : MX_FLOAT32;
  int64_t m = l->m, n = l->n, k = l->k, size = (int64_t)f->size;
  char *a = cpu_linalg_take(&room, m * n * size), *u = cpu_linalg_take(&room, m * k * size), *vh = cpu_linalg_take(&room, n * k * size);
  char *s = cpu_linalg_take(&room, k * (int64_t)f->real_size), *out = cpu_linalg_at(l->out[0], at, n * m);
  cpu_linalg_load(l->in[0], at, false, a);
  if (!cpu_linalg_finite(f->dtype, a, m * n)) return CPU_LINALG_NOT_FINITE;
  int info = decompose(l, 'S', a, s, u, vh, room);
  if (info) return info;
  double least = cpu_linalg_tolerance(l, at) * creal(cpu_linalg_get(real, s, 0));
  /* Of Aᵀ: U' (n × k) stands in vh, V'ᴴ (k × m) in u, by columns; row i of V'ᴴ is divided by the singular value. */
  for (int64_t i = 0; i < k; i++) {
    double value = creal(cpu_linalg_get(real, s, i)), by = value > least ? 1 / value : 0;
    for (int64_t j = 0; j < m; j++) cpu_linalg_put(f->dtype, u, j * k + i, cpu_linalg_get(f->dtype, u, j * k + i) * by);
  }
  double one[2], zero[2] = {0};
  memset(one, 0, sizeof one);
  cpu_linalg_put(f->dtype, one, 0, 1);
  f->gemm("C", "C", &l->m, &l->n, &l->k, one, u, &l->k, vh, &l->n, zero, out, &l->m, 1, 1);
  return 0;
}
int cpu_pinv(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  struct cpu_linalg l;
  if (out[0]->size == 0) return MX_OK;
  int status = cpu_linalg_begin(&l, "pinv", in, 1, out);
  if (c->nin > 1) l.in[1] = in[1];
  if (!status) status = prepare_svd(&l, 'S');
  if (status) return status;
  int64_t size = (int64_t)l.lapack->size;
  l.one = one_pinv;
  l.room = CPU_LINALG_ROOM((int64_t)l.m * l.n * size) + CPU_LINALG_ROOM((int64_t)l.m * l.k * size) +
           CPU_LINALG_ROOM((int64_t)l.n * l.k * size) + CPU_LINALG_ROOM(l.k * (int64_t)l.lapack->real_size) + svd_room(&l);
  cpu_linalg_small(&l, cpu_small_pinv);
  return cpu_linalg_run(&l);
}

/* ---- the adjugate: det(A) A⁻¹ where A is far from singular. Else, with B = U S Vᴴ,
 * adj(B) = det(Vᴴ) V adj(S) det(U) Uᴴ, and adj(S) has the products of the other singular values: exact for any rank. ---- */

static double complex det_of(const struct cpu_linalg *l, const void *a, void *copy, int *pivots) {
  int64_t exponent;
  int info;
  memcpy(copy, a, (size_t)((int64_t)l->n * l->n) * l->lapack->size);
  l->lapack->getrf(&l->n, &l->n, copy, &l->n, pivots, &info);
  double complex d = cpu_linalg_product(l->lapack->dtype, copy, l->n + 1, l->n, &exponent);
  return cpu_linalg_scaled(cpu_linalg_odd(l->n, pivots) ? -d : d, exponent);
}
/* From the factors of getrf; false where they are too near to singular ones for an inverse to be exact. */
static bool by_inverse(const struct cpu_linalg *l, char *out, int *pivots, char *work) {
  enum mx_dtype d = l->lapack->dtype;
  int64_t n = l->n, exponent;
  double low = INFINITY, high = 0, eps = l->lapack->real_size == 8 ? 0x1p-52 : 0x1p-23;
  for (int64_t i = 0; i < n; i++) {
    double x = cabs(cpu_linalg_get(d, out, i * (n + 1)));
    low = x < low ? x : low, high = x > high ? x : high;
  }
  if (!(low > sqrt(eps) * high)) return false;
  double complex product = cpu_linalg_product(d, out, n + 1, l->n, &exponent);
  double complex det = cpu_linalg_scaled(cpu_linalg_odd(l->n, pivots) ? -product : product, exponent);
  if (!(cabs(det) < 1e30) || cabs(det) < 1e-30) return false; /* its products would leave the range of float32 */
  int info;
  l->lapack->getri(&l->n, out, &l->n, pivots, work, &l->liwork, &info);
  for (int64_t i = 0; i < n * n; i++) {
    double complex x = cpu_linalg_get(d, out, i);
    cpu_linalg_put(d, out, i, d == MX_COMPLEX64 ? x * det : creal(x) * creal(det));
  }
  return info == 0;
}
static int one_adjugate(struct cpu_linalg *l, int64_t at, char *room) {
  const struct cpu_lapack *f = l->lapack;
  enum mx_dtype d = f->dtype, real = f->real_size == 8 ? MX_FLOAT64 : MX_FLOAT32;
  int64_t n = l->n, bytes = n * n * (int64_t)f->size;
  char *u = cpu_linalg_take(&room, bytes), *vh = cpu_linalg_take(&room, bytes), *s = cpu_linalg_take(&room, n * (int64_t)f->real_size);
  int info = 0, *pivots = cpu_linalg_take(&room, n * (int64_t)sizeof(int));
  char *out = cpu_linalg_at(l->out[0], at, n * n);
  cpu_linalg_load(l->in[0], at, false, out);
  if (!cpu_linalg_finite(d, out, n * n)) {
    for (int64_t i = 0; i < n * n; i++) cpu_linalg_put(d, out, i, NAN);
    return 0;
  }
  f->getrf(&l->n, &l->n, out, &l->n, pivots, &info);
  if (!info && by_inverse(l, out, pivots, room)) return 0;
  cpu_linalg_load(l->in[0], at, false, out);
  if ((info = decompose(l, 'A', out, s, u, vh, room))) return info;
  /* Of B = Aᵀ: its U stands in vh, its Vᴴ in u; out takes adj(B) by columns, which is adj(A) by rows. */
  double complex scale = det_of(l, u, out, pivots) * det_of(l, vh, out, pivots);
  for (int64_t i = 0; i < n; i++) {
    double others = 1;
    for (int64_t j = 0; j < n; j++) others *= j == i ? 1 : creal(cpu_linalg_get(real, s, j));
    for (int64_t j = 0; j < n; j++) cpu_linalg_put(d, u, j * n + i, cpu_linalg_get(d, u, j * n + i) * others);
  }
  double alpha[2] = {0}, zero[2] = {0};
  cpu_linalg_put(d, alpha, 0, scale);
  f->gemm("C", "C", &l->n, &l->n, &l->n, alpha, u, &l->n, vh, &l->n, zero, out, &l->n, 1, 1);
  return 0;
}
int cpu_adjugate(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  struct cpu_linalg l;
  double first[2];
  int info;
  (void)c;
  if (out[0]->size == 0) return MX_OK;
  int status = cpu_linalg_begin(&l, "det", in, 1, out);
  if (!status) status = prepare_svd(&l, 'A');
  if (status) return status;
  l.lapack->getri(&l.n, out[0]->data, &l.n, (int[1]){1}, first, &(int){-1}, &info);
  l.liwork = cpu_linalg_size(l.lapack, first); /* the workspace of getri */
  int64_t size = (int64_t)l.lapack->size, work = CPU_LINALG_ROOM(l.liwork * size);
  l.one = one_adjugate;
  l.room = 2 * CPU_LINALG_ROOM((int64_t)l.n * l.n * size) + CPU_LINALG_ROOM(l.n * (int64_t)l.lapack->real_size) +
           CPU_LINALG_ROOM(l.n * (int64_t)sizeof(int)) + most(svd_room(&l), work);
  return cpu_linalg_run(&l);
}

/* ---- Eigh: the lower triangle of a Hermitian matrix ---- */

static int one_eigh(struct cpu_linalg *l, int64_t at, char *room) {
  const struct cpu_lapack *f = l->lapack;
  int64_t n = l->n, size = (int64_t)f->size;
  const char *job = l->mode == MX_PARTS_VALUES ? "N" : "V";
  char *a = cpu_linalg_take(&room, n * n * size), *w = cpu_linalg_at(l->out[0], at, n);
  int info = 0, *iwork = cpu_linalg_take(&room, l->liwork * (int64_t)sizeof(int));
  void *rwork = cpu_linalg_take(&room, l->lrwork * (int64_t)f->real_size);
  cpu_linalg_load(l->in[0], at, true, a);
  for (int64_t j = 0; j < n; j++)
    if (!cpu_linalg_finite(f->dtype, a + j * (n + 1) * size, n - j)) return CPU_LINALG_NOT_FINITE;
  if (f->syevd) f->syevd(job, "L", &l->n, a, &l->n, w, room, &l->lwork, iwork, &l->liwork, &info, 1, 1);
  else f->complex_heevd(job, "L", &l->n, a, &l->n, w, room, &l->lwork, rwork, &l->lrwork, iwork, &l->liwork, &info, 1, 1);
  if (!info && l->mode != MX_PARTS_VALUES) cpu_linalg_store(f->size, n, n, a, n, cpu_linalg_at(l->out[1], at, n * n));
  return info;
}
int cpu_eigh(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  struct cpu_linalg l;
  double first[2], real[2] = {0};
  int query = -1, info = 0, whole = 0;
  if (out[0]->size == 0) return MX_OK;
  int status = cpu_linalg_begin(&l, head_of(c)->op, in, 1, out);
  if (status) return status;
  l.mode = head_of(c)->mode;
  const char *job = l.mode == MX_PARTS_VALUES ? "N" : "V";
  if (job[0] == 'V' && (status = cpu_linalg_fits(&l, 2.0 * l.n * l.n + 6.0 * l.n + 1))) return status;
  if (l.lapack->syevd) l.lapack->syevd(job, "L", &l.n, first, &l.n, first, first, &query, &whole, &query, &info, 1, 1);
  else l.lapack->complex_heevd(job, "L", &l.n, first, &l.n, real, first, &query, real, &query, &whole, &query, &info, 1, 1);
  int64_t size = (int64_t)l.lapack->size;
  l.lwork = cpu_linalg_size(l.lapack, first);
  l.liwork = whole;
  if (l.lapack->complex_heevd) l.lrwork = cpu_linalg_size(l.lapack, real);
  l.routine = "syevd", l.reason = "The eigenvalues did not converge";
  l.one = one_eigh;
  l.room = CPU_LINALG_ROOM((int64_t)l.n * l.n * size) + CPU_LINALG_ROOM(l.liwork * (int64_t)sizeof(int)) +
           CPU_LINALG_ROOM(l.lrwork * (int64_t)l.lapack->real_size) + l.lwork * size;
  l.work = 9 * pow(l.n, 3);
  cpu_linalg_small(&l, cpu_small_eigh);
  return cpu_linalg_run(&l);
}

/* ---- Eig: of any square matrix; LAPACK gives the vectors of a real matrix's conjugate pairs as real and imaginary parts ---- */

static void store_pairs(const struct cpu_linalg *l, const void *v, const void *imaginary, float complex *out) {
  enum mx_dtype d = l->lapack->dtype;
  int64_t n = l->n;
  for (int64_t j = 0; j < n; j++) {
    bool pair = imaginary && j + 1 < n && creal(cpu_linalg_get(d, imaginary, j)) != 0;
    for (int64_t i = 0; i < n; i++) {
      double complex x = cpu_linalg_get(d, v, j * n + i);
      if (pair) x += _Complex_I * creal(cpu_linalg_get(d, v, (j + 1) * n + i));
      out[i * n + j] = (float complex)x;
      if (pair) out[i * n + j + 1] = (float complex)conj(x);
    }
    j += pair;
  }
}
static int one_eig(struct cpu_linalg *l, int64_t at, char *room) {
  const struct cpu_lapack *f = l->lapack;
  int64_t n = l->n, size = (int64_t)f->size;
  bool vectors = l->mode != MX_PARTS_VALUES;
  const char *job = vectors ? "V" : "N";
  int info = 0, unused = 1;
  char *a = cpu_linalg_take(&room, n * n * size), *v = cpu_linalg_take(&room, vectors ? n * n * size : 0);
  char *re = cpu_linalg_take(&room, n * size), *im = cpu_linalg_take(&room, n * size), *rwork = cpu_linalg_take(&room, 2 * n * size);
  float complex *w = (float complex *)(void *)cpu_linalg_at(l->out[0], at, n);
  cpu_linalg_load(l->in[0], at, true, a);
  if (!cpu_linalg_finite(f->dtype, a, n * n)) return CPU_LINALG_NOT_FINITE;
  if (f->geev) f->geev("N", job, &l->n, a, &l->n, re, im, NULL, &unused, v, &l->n, room, &l->lwork, &info, 1, 1);
  else f->complex_geev("N", job, &l->n, a, &l->n, w, NULL, &unused, v, &l->n, room, &l->lwork, rwork, &info, 1, 1);
  if (info) return info;
  for (int64_t i = 0; i < n && f->geev; i++)
    w[i] = (float complex)(creal(cpu_linalg_get(f->dtype, re, i)) + _Complex_I * creal(cpu_linalg_get(f->dtype, im, i)));
  if (vectors) store_pairs(l, v, f->geev ? im : NULL, (float complex *)(void *)cpu_linalg_at(l->out[1], at, n * n));
  return 0;
}
int cpu_eig(const struct mx_call *c, struct mx_tensor *const *in, struct mx_tensor *const *out) {
  struct cpu_linalg l;
  double first[2];
  int query = -1, info = 0, unused = 1;
  if (out[0]->size == 0) return MX_OK;
  int status = cpu_linalg_begin(&l, head_of(c)->op, in, 1, out);
  if (status) return status;
  l.mode = head_of(c)->mode;
  const char *job = l.mode == MX_PARTS_VALUES ? "N" : "V";
  if (l.lapack->geev) l.lapack->geev("N", job, &l.n, first, &l.n, first, first, first, &unused, first, &l.n, first, &query, &info, 1, 1);
  else l.lapack->complex_geev("N", job, &l.n, first, &l.n, first, first, &unused, first, &l.n, first, &query, first, &info, 1, 1);
  int64_t size = (int64_t)l.lapack->size, n = l.n;
  l.lwork = cpu_linalg_size(l.lapack, first);
  l.routine = "geev", l.reason = "The eigenvalues did not converge";
  l.one = one_eig;
  l.room = 2 * CPU_LINALG_ROOM(n * n * size) + 2 * CPU_LINALG_ROOM(n * size) + CPU_LINALG_ROOM(2 * n * size) + l.lwork * size;
  l.work = 25 * pow(l.n, 3);
  return cpu_linalg_run(&l);
}
