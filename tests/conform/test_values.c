/* Values: each primitive in each dtype and layout against its reference; each kernel of each instruction set likewise. */
#include "conform/conform.h"

#include "backend/cpu/isa.h"
#include "backend/cpu/tile_table.h"
#include "core/error.h"
#include "eval/eval.h"

#include <stdlib.h>
#include <string.h>

static const char *const layout_names[LAYOUTS] = {"contiguous", "transposed", "reversed", "with gaps", "broadcast"};

TEST(every_primitive_has_a_case) {
  bool covered[MX_PRIM_COUNT] = {false};
  for (int i = 0; i < conform_count; i++) covered[conform_cases[i].id] = true;
  for (int id = 0; id < MX_PRIM_COUNT; id++)
    if (!covered[id]) test_fail(__FILE__, __LINE__, "no case for primitive %d: add a row to tests/conform/cases.def", id);
}

TEST(rules_stand_under_their_own_number) {
  for (int i = 0; i < conform_count; i++) {
    const struct mx_prim *p = conform_cases[i].prim;
    if (!p) continue;
    CHECK_INT(p->id, conform_cases[i].id);
    CHECK(p->infer != NULL);
    CHECK((p->kind == MX_VIEW) == (p->view != NULL));
    /* Who gives a derivative backwards gives one forwards: by a rule, by being linear, or by the kind. */
    CHECK(!p->vjp || p->jvp || p->linear);
    CHECK(p->vmap || p->kind == MX_ELEMENTWISE || p->id == MX_PRIM_arange);
  }
}

/* Complex functions may cancel in one part: they are judged by the distance in the plane. */
static bool complex_near(double re, double im, double complex want, double ulps) {
  double slack = (ulps > 3 ? ulps : 3) * 2.4e-7 * (cabs(want) > 1 ? cabs(want) : 1);
  return cabs(re + _Complex_I * im - want) <= slack;
}

struct column {
  double re[ROOM], im[ROOM];
};
static void compare_elementwise(const struct conform_case *c, const mx_array *out, enum mx_dtype in, const struct column *x, const char *how) {
  struct column *y = malloc(sizeof *y);
  conform_read(out, y->re, y->im);
  for (int64_t i = 0; i < out->t.size; i++) {
    double complex u = x[0].re[i] + _Complex_I * x[0].im[i], v = x[1].re[i] + _Complex_I * x[1].im[i];
    bool is_complex = in == MX_COMPLEX64;
    double complex want = is_complex ? c->g(u, v) : c->f(x[0].re[i], x[1].re[i]);
    bool good = is_complex ? complex_near(y->re[i], y->im[i], want, c->ulps) : conform_near(out->t.dtype, y->re[i], creal(want), c->ulps);
    if (good) continue;
    test_fail(__FILE__, __LINE__, "%s of %s, %s, element %lld: x = %.9g%+.9gj, y = %.9g%+.9gj gives %.9g%+.9gj, not %.9g%+.9gj", c->name,
              mx_dtype_name(in), how, (long long)i, creal(u), cimag(u), creal(v), cimag(v), y->re[i], y->im[i], creal(want), cimag(want));
    break;
  }
  free(y);
}

static void walk_elementwise(const struct conform_case *c, enum mx_dtype d, const int64_t *shape, int ndim, int layout) {
  mx_build build, *b = &build;
  mx_build_begin(b, NULL);
  struct column *x = calloc(2, sizeof *x);
  mx_array *in[2], *wide[2];
  /* The second input lacks the first dimension: it broadcasts. */
  for (int i = 0; i < c->nin; i++)
    in[i] = conform_layout(b, conform_data(b, d, shape + (i && ndim > 1), ndim - (i && ndim > 1), c->lo[i], c->hi[i]), layout);
  mx_array *out = c->build(b, in);
  mx_broadcast_arrays(b, in, c->nin, wide);
  if (b->status || mx_eval(&out, 1) || mx_eval(wide, c->nin)) {
    test_fail(__FILE__, __LINE__, "%s of %s, %s: %s", c->name, mx_dtype_name(d), layout_names[layout], mx_error_text());
  } else {
    for (int i = 0; i < c->nin; i++) conform_read(wide[i], x[i].re, x[i].im);
    CHECK_INT(out->t.ndim, ndim);
    compare_elementwise(c, out, d, x, layout_names[layout]);
  }
  free(x);
  CHECK_OK(mx_build_end_many(b, NULL, 0, NULL));
}

TEST(elementwise_primitives_match_libm_in_every_dtype_and_layout) {
  static const struct {
    int ndim;
    int64_t shape[3];
  } shapes[] = {{0, {0}}, {1, {1}}, {1, {33}}, {1, {1027}}, {2, {0, 3}}, {2, {5, 7}}, {3, {2, 3, 129}}};
  conform_restart();
  for (int i = 0; i < conform_count; i++)
    for (int d = 0; d < MX_DTYPE_COUNT; d++)
      for (int s = 0; s < MX_COUNT(shapes) && conform_cases[i].elementwise && conform_takes(&conform_cases[i], d); s++)
        for (int layout = 0; layout < (shapes[s].ndim ? LAYOUTS : 1); layout++)
          walk_elementwise(&conform_cases[i], d, shapes[s].shape, shapes[s].ndim, layout);
}

static void walk_general(const struct conform_case *c, enum mx_dtype d, int layout) {
  mx_build build, *b = &build;
  mx_build_begin(b, NULL);
  mx_array *in[INPUTS] = {NULL};
  double *re[INPUTS] = {NULL}, *im[INPUTS] = {NULL};
  int n = 0;
  for (; n < INPUTS; n++) {
    if (!(in[n] = conform_input(b, c, n, d))) break;
    re[n] = calloc(ROOM, sizeof(double)), im[n] = calloc(ROOM, sizeof(double));
    in[n] = conform_layout(b, in[n], layout);
    conform_read(in[n], re[n], im[n]);
    if (in[n]->t.dtype != d) memcpy(im[n], re[n], ROOM * sizeof(double)); /* indices serve both parts */
  }
  mx_array *out = c->build(b, in);
  if (b->status || mx_eval(&out, 1)) {
    test_fail(__FILE__, __LINE__, "%s of %s, %s: %s", c->name, mx_dtype_name(d), layout_names[layout], mx_error_text());
  } else {
    double *want = calloc(3 * ROOM, sizeof *want), *got = want + ROOM, *got_im = got + ROOM;
    conform_read(out, got, got_im);
    for (int part = 0; part < (d == MX_COMPLEX64 ? 2 : 1); part++) {
      c->ref((const double *const *)(part ? im : re), want);
      for (int64_t i = 0; i < out->t.size; i++) {
        enum mx_dtype of = out->t.dtype == MX_COMPLEX64 ? MX_FLOAT32 : out->t.dtype;
        double have = part ? got_im[i] : got[i], most = c->ulps * 4; /* sums cancel: ulps count at the size of the terms */
        if (conform_near(of, have, want[i], c->ulps) || (c->ulps > 0 && conform_near(of, have + most, want[i] + most, c->ulps))) continue;
        test_fail(__FILE__, __LINE__, "%s of %s, %s: element %lld is %.9g, not %.9g", c->name, mx_dtype_name(d), layout_names[layout],
                  (long long)i, have, want[i]);
        break;
      }
    }
    free(want);
  }
  for (int i = 0; i < n; i++) free(re[i]), free(im[i]);
  CHECK_OK(mx_build_end_many(b, NULL, 0, NULL));
}

TEST(general_primitives_match_plain_loops_in_every_dtype_and_layout) {
  conform_restart();
  for (int i = 0; i < conform_count; i++)
    for (int d = 0; d < MX_DTYPE_COUNT; d++)
      for (int layout = 0; layout < LAYOUTS && conform_cases[i].ref && conform_takes(&conform_cases[i], d); layout++)
        walk_general(&conform_cases[i], d, layout);
}

/* One kernel of one table on n elements, beside the reference. */
static void check_kernel(const struct conform_case *c, cpu_tile_fn kernel, const char *isa, enum mx_dtype d, int64_t n) {
  mx_build build, *b = &build;
  mx_build_begin(b, NULL);
  mx_array *in[2] = {NULL, NULL}, *out = NULL;
  struct column *x = calloc(2, sizeof *x);
  for (int i = 0; i < c->nin; i++) {
    in[i] = conform_data(b, d, &n, 1, c->lo[i], c->hi[i]);
    if (in[i]) conform_read(in[i], x[i].re, x[i].im);
  }
  struct mx_call call = {.prim = c->prim, .in = in, .nin = c->nin, .nout = 1};
  struct mx_spec spec;
  if (!b->status && !call.prim->infer(&call, &spec)) {
    size_t bytes = (size_t)n * mx_dtype_size(spec.dtype);
    unsigned char *guarded = malloc(bytes + 16);
    memset(guarded, 0xa5, bytes + 16);
    kernel(n, guarded, in[0]->t.data, in[1] ? in[1]->t.data : NULL, NULL);
    for (int i = 0; i < 16; i++) CHECK(guarded[bytes + (size_t)i] == 0xa5); /* nothing is written past the end */
    out = mx_build_own(b, mx_array_from_copy(guarded, &n, 1, spec.dtype));
    free(guarded);
    if (out) compare_elementwise(c, out, d, x, isa);
  }
  free(x);
  mx_error_clear();
  mx_build_end_many(b, NULL, 0, NULL);
}

TEST(tile_kernels_of_every_instruction_set_match_libm) {
  static const int64_t sizes[] = {1, 7, 33, 1027};
  for (int isa = 0; isa < CPU_ISA_COUNT; isa++) {
    const struct cpu_tile_table *table = cpu_tile_table_named(cpu_isa_name((enum cpu_isa)isa));
    conform_restart();
    for (int i = 0; i < conform_count && table; i++) {
      const struct conform_case *c = &conform_cases[i];
      for (int d = 0; d < MX_DTYPE_COUNT; d++) {
        cpu_tile_fn kernel = table->op[c->id][d];
        for (int s = 0; s < MX_COUNT(sizes) && kernel && c->elementwise && c->id != MX_PRIM_astype && conform_takes(c, d); s++)
          check_kernel(c, kernel, table->isa, d, sizes[s]);
      }
    }
  }
}

TEST(every_dtype_casts_to_every_other) {
  BEGIN;
  conform_restart();
  double from[64], im[64], to[64], to_im[64];
  int64_t n = 61;
  for (int d = 0; d < MX_DTYPE_COUNT; d++) {
    mx_array *x = conform_data(b, d, &n, 1, -100, 100);
    conform_read(x, from, im);
    for (int e = 0; e < MX_DTYPE_COUNT; e++) {
      mx_array *y = mx_astype(b, x, e);
      REQUIRE(mx_eval(&y, 1) == MX_OK);
      conform_read(y, to, to_im);
      for (int64_t i = 0; i < n; i++) {
        bool unsigned_of_negative = mx_dtype_is_unsigned(e) && mx_dtype_is_inexact(d) && from[i] <= -1; /* undefined in C */
        double want = e == MX_BOOL ? from[i] != 0 || im[i] != 0 : mx_dtype_is_inexact(e) ? from[i] : trunc(from[i]);
        if (unsigned_of_negative || conform_near(e == MX_COMPLEX64 ? MX_FLOAT32 : e, to[i], want, 0)) continue;
        test_fail(__FILE__, __LINE__, "%s to %s: %.9g becomes %.9g", mx_dtype_name(d), mx_dtype_name(e), from[i], to[i]);
        break;
      }
    }
  }
  END;
}
