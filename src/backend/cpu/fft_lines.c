/* fft_lines.c: transforms of contiguous lines and across lines, shared among threads.
 * Invariant: a line's arithmetic is that of its plan; threads share out lines or groups of columns, never parts of a sum. */
#include "backend/cpu/fft.h"

#include "backend/cpu/pool.h"
#include "core/alloc.h"

#include <string.h>

enum {
  GRAIN = 8192,         /* complex numbers worth of work below which a second thread does not pay */
  LANES_UP_TO = 1024,   /* the longest lines that are transformed w at a time, one a lane */
  ACROSS_UP_TO = 4096,  /* the longest columns that are transformed in place of lines */
  BLOCK_OF_LINES = 16,  /* longer ones are turned into lines, so many at a time */
};

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t groups_of(int64_t lanes, int w) { return (lanes + w - 1) / w; }

/* ---- one group of columns ---- */

/* Floats that a group needs: a panel of its own and the work of the column. */
static int64_t group_room(const struct cpu_fft_table *t, const struct cpu_fft_column *c) {
  return (c->n + (c->passes ? c->n : 2 * c->inner->n)) * 2 * t->w;
}

/* A column by convolution: io->work holds two panels of c->inner->n rows. Returns where the rows are if io->dst is NULL. */
static float *convolve(const struct cpu_fft_table *t, const struct cpu_fft_column *c, const struct cpu_fft_io *io) {
  int64_t m = c->inner->n, row = 2 * t->w;
  float *p = io->work, *q = p + m * row;
  t->multiply_rows(c->n, p, row, io->src, io->src_row, c->chirp, io->swap_in, false, 1);
  memset(p + c->n * row, 0, (size_t)((m - c->n) * row) * sizeof(float));
  t->column(c->inner, &(struct cpu_fft_io){.src = p, .src_row = row, .work = q, .dst = q, .dst_row = row, .scale = 1});
  t->multiply_rows(m, q, row, q, row, c->spectrum, false, true, 1); /* swapped, so that the next one is an inverse */
  t->column(c->inner, &(struct cpu_fft_io){.src = q, .src_row = row, .work = p, .dst = p, .dst_row = row, .scale = 1, .swap_out = true});
  float *dst = io->dst ? io->dst : p;
  int64_t dst_row = io->dst ? io->dst_row : row;
  t->multiply_rows(c->n, dst, dst_row, p, row, c->chirp, false, io->swap_out, io->scale);
  for (int64_t i = 0; i < c->n && io->coarse; i++) {
    float *at = dst + i * dst_row;
    t->multiply(t->w, at, at, io->coarse + (i >> io->shift) * io->factor_row, false, false, 1);
    if (io->fine) t->multiply(t->w, at, at, io->fine + (i & ((1 << io->shift) - 1)) * io->factor_row, false, false, 1);
  }
  return dst;
}
/* With io->dst NULL the result stays in room, rows of w numbers: their place is returned. */
static float *run_column(const struct cpu_fft_table *t, const struct cpu_fft_column *c, struct cpu_fft_io io, float *room) {
  io.work = room;
  if (!c->passes) return convolve(t, c, &io);
  if (!io.dst) io.dst = room, io.dst_row = 2 * t->w;
  t->column(c, &io);
  return io.dst;
}
/* The same with `lanes` <= w of them in use; room as group_room says. */
static float *run_group(const struct cpu_fft_table *t, const struct cpu_fft_column *c, int64_t lanes, struct cpu_fft_io io, float *room) {
  int64_t row = 2 * t->w;
  size_t used = (size_t)lanes * 2 * sizeof(float);
  if (lanes == t->w) return run_column(t, c, io, room + c->n * row);
  for (int64_t i = 0; i < c->n; i++) {
    memcpy(room + i * row, io.src + i * io.src_row, used);
    memset(room + i * row + 2 * lanes, 0, (size_t)row * sizeof(float) - used);
  }
  float *dst = io.dst;
  io.src = room, io.src_row = row, io.dst = NULL;
  float *out = run_column(t, c, io, room + c->n * row);
  for (int64_t i = 0; i < c->n && dst; i++) memcpy(dst + i * io.dst_row, out + i * row, used);
  return out;
}

/* ---- scratch and failures of shared work ---- */

struct shared_work {
  int64_t room; /* floats that each piece of work takes for itself */
  void (*body)(struct shared_work *s, int64_t begin, int64_t end, float *room);
  _Atomic bool short_of_memory;
};
static void with_room(void *ctx, int64_t begin, int64_t end) {
  struct shared_work *s = ctx;
  mx_buffer *room;
  if (mx_buffer_new(&room, (size_t)s->room * sizeof(float), MX_MEMORY_HOST)) {
    mx_error_clear();
    s->short_of_memory = true;
    return;
  }
  s->body(s, begin, end, room->host);
  mx_buffer_unref(room);
}
static int share(struct shared_work *s, int64_t n, int64_t grain) {
  cpu_parallel_for(n, grain, with_room, s);
  return s->short_of_memory ? mx_fail(MX_EMEMORY, "[fft] Out of memory for %lld bytes of scratch.", (long long)s->room * 4) : MX_OK;
}

/* ---- one line ---- */

struct line {
  struct shared_work s; /* first, so that it is also the other */
  const struct cpu_fft_plan *p;
  const float *src;
  float *dst, *turned;
  bool inverse;
  float scale;
};

static void first_columns(struct shared_work *s, int64_t begin, int64_t end, float *room) {
  const struct line *l = (const struct line *)s;
  const struct cpu_fft_plan *p = l->p;
  const struct cpu_fft_table *t = p->table;
  int64_t across = MX_ALIGN_UP(p->n1, (int64_t)t->w);
  for (int64_t g = begin; g < end; g++) {
    int64_t at = g * t->w, lanes = least(t->w, p->n1 - at);
    struct cpu_fft_io io = {.src = l->src + 2 * at, .src_row = 2 * p->n1, .scale = 1, .swap_in = l->inverse, .coarse = p->coarse + 2 * at,
                            .fine = p->fine ? p->fine + 2 * at : NULL, .factor_row = 2 * across, .shift = p->shift};
    const float *out = run_group(t, p->first, lanes, io, room);
    t->turn(p->n2, lanes, l->turned + 2 * at * p->turned_row, p->turned_row, out, t->w);
  }
}
static void second_columns(struct shared_work *s, int64_t begin, int64_t end, float *room) {
  const struct line *l = (const struct line *)s;
  const struct cpu_fft_plan *p = l->p;
  const struct cpu_fft_table *t = p->table;
  for (int64_t g = begin; g < end; g++) {
    int64_t at = g * t->w, lanes = least(t->w, p->n2 - at);
    struct cpu_fft_io io = {.src = l->turned + 2 * at, .src_row = 2 * p->turned_row, .dst = l->dst + 2 * at, .dst_row = 2 * p->n2,
                            .scale = l->scale, .swap_out = l->inverse};
    run_group(t, p->second, lanes, io, room);
  }
}
static int64_t turned_room(const struct cpu_fft_plan *p) { return p->n1 * p->turned_row * 2; }
static int64_t columns_room(const struct cpu_fft_plan *p) {
  int64_t a = group_room(p->table, p->first), b = group_room(p->table, p->second);
  return a > b ? a : b;
}
static int64_t line_room(const struct cpu_fft_plan *p) {
  switch (p->way) {
  case CPU_FFT_ONE:
    return group_room(p->table, p->first);
  case CPU_FFT_FOUR_STEP:
    return turned_room(p) + columns_room(p);
  default:
    return 4 * p->m + line_room(p->inner);
  }
}
static void run_line(struct line *l, float *room);

static void run_one(const struct line *l, float *room) {
  struct cpu_fft_io io = {.src = l->src, .src_row = 2, .dst = l->dst, .dst_row = 2, .scale = l->scale, .swap_in = l->inverse, .swap_out = l->inverse};
  run_group(l->p->table, l->p->first, 1, io, room);
}
/* Parts of a convolution; `around` runs a transform of size m in place of src. */
static void convolution_begin(const struct line *l, float *a) {
  const struct cpu_fft_plan *p = l->p;
  p->table->multiply(p->n, a, l->src, p->chirp, l->inverse, false, 1);
  memset(a + 2 * p->n, 0, (size_t)(2 * (p->m - p->n)) * sizeof(float));
}
static void convolution_middle(const struct line *l, float *a) {
  l->p->table->multiply(l->p->m, a, a, l->p->spectrum, false, false, 1);
}
static void convolution_end(const struct line *l, float *a) {
  l->p->table->multiply(l->p->n, l->dst, a, l->p->chirp, false, l->inverse, l->scale);
}
static void run_line(struct line *l, float *room) {
  const struct cpu_fft_plan *p = l->p;
  if (p->way == CPU_FFT_ONE) {
    run_one(l, room);
  } else if (p->way == CPU_FFT_FOUR_STEP) {
    l->turned = room;
    float *rest = room + turned_room(p);
    first_columns(&l->s, 0, groups_of(p->n1, p->table->w), rest);
    second_columns(&l->s, 0, groups_of(p->n2, p->table->w), rest);
  } else {
    float *a = room, *b = a + 2 * p->m;
    convolution_begin(l, a);
    run_line(&(struct line){.p = p->inner, .src = a, .dst = b, .scale = 1}, b + 2 * p->m);
    convolution_middle(l, b);
    run_line(&(struct line){.p = p->inner, .src = b, .dst = a, .scale = 1, .inverse = true}, b + 2 * p->m);
    convolution_end(l, a);
  }
}

/* One long line by all threads. */
static int share_line(struct line *l) {
  const struct cpu_fft_plan *p = l->p;
  mx_buffer *room;
  int status = mx_buffer_new(&room, (size_t)(p->way == CPU_FFT_FOUR_STEP ? turned_room(p) : 4 * p->m) * sizeof(float), MX_MEMORY_HOST);
  if (status) return status;
  if (p->way == CPU_FFT_FOUR_STEP) {
    int w = p->table->w;
    l->turned = room->host;
    l->s.room = columns_room(p);
    l->s.body = first_columns;
    status = share(&l->s, groups_of(p->n1, w), GRAIN / (p->n2 * w) + 1);
    l->s.body = second_columns;
    if (!status) status = share(&l->s, groups_of(p->n2, w), GRAIN / (p->n1 * w) + 1);
  } else {
    float *a = room->host, *b = a + 2 * p->m;
    convolution_begin(l, a);
    status = share_line(&(struct line){.p = p->inner, .src = a, .dst = b, .scale = 1});
    convolution_middle(l, b);
    if (!status) status = share_line(&(struct line){.p = p->inner, .src = b, .dst = a, .scale = 1, .inverse = true});
    if (!status) convolution_end(l, a);
  }
  mx_buffer_unref(room);
  return status;
}

/* ---- many lines ---- */

struct lines_work {
  struct shared_work s;
  const struct cpu_fft_lines *l;
  const struct cpu_fft_table *t;
  const struct cpu_fft_plan *p;
};
static void line_by_line(struct shared_work *s, int64_t begin, int64_t end, float *room) {
  const struct lines_work *w = (const struct lines_work *)s;
  const struct cpu_fft_lines *l = w->l;
  for (int64_t i = begin; i < end; i++)
    run_line(&(struct line){.p = w->p, .src = l->src + 2 * i * l->from, .dst = l->dst + 2 * i * l->to, .inverse = l->inverse, .scale = l->scale}, room);
}
/* A line in each lane: turned into a panel and back. */
static void lanes_of_lines(struct shared_work *s, int64_t begin, int64_t end, float *room) {
  const struct lines_work *w = (const struct lines_work *)s;
  const struct cpu_fft_lines *l = w->l;
  const struct cpu_fft_table *t = w->t;
  int64_t row = 2 * t->w;
  for (int64_t g = begin; g < end; g++) {
    int64_t at = g * t->w, lanes = least(t->w, l->count - at);
    if (lanes < t->w) memset(room, 0, (size_t)(l->n * row) * sizeof(float));
    t->turn(lanes, l->n, room, t->w, l->src + 2 * at * l->from, l->from);
    struct cpu_fft_io io = {.src = room, .src_row = row, .scale = l->scale, .swap_in = l->inverse, .swap_out = l->inverse};
    const float *out = run_column(t, w->p->first, io, room + l->n * row);
    t->turn(l->n, lanes, l->dst + 2 * at * l->to, l->to, out, t->w);
  }
}
static void scale_lines(const struct cpu_fft_lines *l) { /* of size 1 */
  for (int64_t i = 0; i < l->count; i++)
    for (int part = 0; part < 2; part++) l->dst[2 * i * l->to + part] = l->src[2 * i * l->from + part] * l->scale;
}

int cpu_fft_lines(const struct cpu_fft_table *t, const struct cpu_fft_lines *l) {
  struct cpu_fft_plan *p;
  if (l->n == 1) {
    scale_lines(l);
    return MX_OK;
  }
  bool lanes = l->count >= t->w && l->n <= LANES_UP_TO && cpu_fft_is_smooth(l->n);
  int status = cpu_fft_plan_take(&p, t, l->n, lanes);
  if (status) return status;
  struct lines_work w = {.l = l, .t = t, .p = p};
  if (lanes) {
    w.s.room = group_room(t, p->first);
    w.s.body = lanes_of_lines;
    status = share(&w.s, groups_of(l->count, t->w), GRAIN / (l->n * t->w) + 1);
  } else if (p->way != CPU_FFT_ONE && l->n >= 2 * GRAIN && l->count < 2 * cpu_pool_threads()) {
    for (int64_t i = 0; i < l->count && !status; i++)
      status = share_line(&(struct line){.p = p, .src = l->src + 2 * i * l->from, .dst = l->dst + 2 * i * l->to, .inverse = l->inverse, .scale = l->scale});
  } else {
    w.s.room = line_room(p);
    w.s.body = line_by_line;
    status = share(&w.s, l->count, GRAIN / l->n + 1);
  }
  cpu_fft_plan_drop(p);
  return status;
}

/* ---- across lines ---- */

struct across_work {
  struct shared_work s;
  const struct cpu_fft_across *a;
  const struct cpu_fft_table *t;
  const struct cpu_fft_plan *p;
  int64_t groups; /* of one outer index; 0: lanes from several */
};
static struct cpu_fft_io across_io(const struct cpu_fft_across *a, int64_t at) {
  return (struct cpu_fft_io){.src = a->src + 2 * at, .src_row = 2 * a->inner, .dst = a->dst + 2 * at, .dst_row = 2 * a->inner,
                             .scale = a->scale, .swap_in = a->inverse, .swap_out = a->inverse};
}
static void groups_across(struct shared_work *s, int64_t begin, int64_t end, float *room) {
  const struct across_work *w = (const struct across_work *)s;
  const struct cpu_fft_across *a = w->a;
  for (int64_t g = begin; g < end; g++) {
    int64_t outer = g / w->groups, i = g % w->groups * w->t->w;
    run_group(w->t, w->p->first, least(w->t->w, a->inner - i), across_io(a, outer * a->n * a->inner + i), room);
  }
}
/* Lanes are taken from several outer indices, one number at a time. */
static void gathered_across(struct shared_work *s, int64_t begin, int64_t end, float *room) {
  const struct across_work *w = (const struct across_work *)s;
  const struct cpu_fft_across *a = w->a;
  int64_t lines = a->outer * a->inner, row = 2 * w->t->w;
  for (int64_t g = begin; g < end; g++) {
    int64_t first = g * w->t->w, lanes = least(w->t->w, lines - first);
    if (lanes < w->t->w) memset(room, 0, (size_t)(a->n * row) * sizeof(float));
    for (int64_t k = 0; k < lanes; k++) {
      const float *from = a->src + 2 * ((first + k) / a->inner * a->n * a->inner + (first + k) % a->inner);
      for (int64_t i = 0; i < a->n; i++) memcpy(room + i * row + 2 * k, from + 2 * i * a->inner, 8);
    }
    struct cpu_fft_io io = {.src = room, .src_row = row, .scale = a->scale, .swap_in = a->inverse, .swap_out = a->inverse};
    const float *out = run_column(w->t, w->p->first, io, room + a->n * row);
    for (int64_t k = 0; k < lanes; k++) {
      float *to = a->dst + 2 * ((first + k) / a->inner * a->n * a->inner + (first + k) % a->inner);
      for (int64_t i = 0; i < a->n; i++) memcpy(to + 2 * i * a->inner, out + i * row + 2 * k, 8);
    }
  }
}

/* Long columns: some at a time become lines. */
struct turn_work {
  const struct cpu_fft_table *t;
  int64_t cols, to, from;
  float *dst;
  const float *src;
};
static void turn_rows(void *ctx, int64_t begin, int64_t end) {
  const struct turn_work *w = ctx;
  w->t->turn(end - begin, w->cols, w->dst + 2 * begin, w->to, w->src + 2 * begin * w->from, w->from);
}
static void turn_cols(void *ctx, int64_t begin, int64_t end) {
  const struct turn_work *w = ctx;
  w->t->turn(w->cols, end - begin, w->dst + 2 * begin * w->to, w->to, w->src + 2 * begin, w->from);
}
static int long_across(const struct cpu_fft_table *t, const struct cpu_fft_across *a) {
  int64_t most = least(BLOCK_OF_LINES, a->inner), line = a->n + 8;
  mx_buffer *room = NULL;
  int status = mx_buffer_new(&room, (size_t)(most * line) * 2 * sizeof(float), MX_MEMORY_HOST);
  for (int64_t o = 0; o < a->outer && !status; o++) {
    for (int64_t i = 0; i < a->inner && !status; i += most) {
      int64_t count = least(most, a->inner - i), at = 2 * (o * a->n * a->inner + i);
      struct turn_work in = {t, count, line, a->inner, room->host, a->src + at}, out = {t, count, a->inner, line, a->dst + at, room->host};
      cpu_parallel_for(a->n, GRAIN / most, turn_rows, &in);
      status = cpu_fft_lines(t, &(struct cpu_fft_lines){.n = a->n, .count = count, .from = line, .to = line, .src = room->host, .dst = room->host,
                                                        .inverse = a->inverse, .scale = a->scale});
      if (!status) cpu_parallel_for(a->n, GRAIN / most, turn_cols, &out);
    }
  }
  mx_buffer_unref(room);
  return status;
}

int cpu_fft_across(const struct cpu_fft_table *t, const struct cpu_fft_across *a) {
  struct cpu_fft_plan *p;
  if (a->inner == 1 || a->n == 1) {
    int64_t count = a->outer * a->inner;
    return cpu_fft_lines(t, &(struct cpu_fft_lines){.n = a->n, .count = count, .from = a->n, .to = a->n, .src = a->src, .dst = a->dst,
                                                    .inverse = a->inverse, .scale = a->scale});
  }
  if (a->n > ACROSS_UP_TO || !cpu_fft_is_smooth(a->n)) return long_across(t, a);
  int status = cpu_fft_plan_take(&p, t, a->n, true);
  if (status) return status;
  bool gathered = a->inner < t->w && a->outer > 1;
  struct across_work w = {.a = a, .t = t, .p = p, .groups = groups_of(a->inner, t->w)};
  w.s.room = group_room(t, p->first);
  w.s.body = gathered ? gathered_across : groups_across;
  status = share(&w.s, gathered ? groups_of(a->outer * a->inner, t->w) : a->outer * w.groups, GRAIN / (a->n * t->w) + 1);
  cpu_fft_plan_drop(p);
  return status;
}
