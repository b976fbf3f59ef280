/* conv_packed.c: convolutions of real numbers on the register tiles: rows of a tile are places along one axis, read where they
 * lie; columns are output channels (or, one channel a group, the groups), whose weights are packed. Where outputs are few the
 * places themselves fill the vectors: a tile is then a line of neighbours of the input.
 * Invariant: how an element's terms are grouped depends on shapes and layouts, never on threads. */
#include "backend/cpu/conv.h"
#include "backend/cpu/pool.h"
#include "core/half.h"

#include <string.h>

enum {
  RUNS = 128,         /* runs of terms handed to a kernel at a time */
  CHUNK = 2048,       /* terms whose packed weights are used again and again before the next */
  CHUNKS = 4,         /* chunks packed at a time */
  BLOCK_TILES = 8,    /* tiles of a strip: a piece of the row axis, other places fixed */
  GROUP_STRIPS = 4,   /* strips that go through a chunk together */
  PACK_COMBOS = 64,
  PACK_ELEMENTS = 8192, /* least to pack in one piece of work */
  LISTS = 8,
  STRIP_BYTES = BLOCK_TILES * 384 * 4, /* sums of a strip: mr*nr is at most 384 */
  WEIGHT_BYTES = 512 << 10,
  LINE_VECTORS = 8,     /* of a tile of lines … */
  LINE_TAPS = 32,       /* … which is as long as a strip where taps are fewer: there are few at its ends */
};
static const double TASK_FROM = 4e5; /* multiply-adds of a piece of work */

struct job {
  const struct cpu_conv *v;
  const struct cpu_gemm_table *table;
  const struct cpu_gemm_kernels *kn;
  enum mx_dtype stored;
  int64_t size;          /* bytes of an element of w and c */
  enum { MATRIX, LANES, LINES } kind; /* columns are outputs; groups; vectors run along the places */
  int64_t nr;            /* packed values of a term: of lines 1 */
  int row, inner;        /* the axis of a tile's rows; the axis whose taps make up runs */
  int naxes, order[MX_MAX_NDIM]; /* the axes by which taps are ordered: … row, inner */
  int64_t terms, chunk;  /* taps in all; in a chunk */
  int64_t combos;        /* terms / taps of the inner axis */
  int64_t panels, sets;  /* of columns; groups that have panels of their own */
  int64_t q0, q1;        /* terms that are packed */
  char *packed;          /* [set][panel][term][nr]; of lines [set][output][term] */
  int64_t tile, tiles, strip_tiles, blocks, strips; /* rows of a tile … strips in all */
  int64_t panels_each, panel_blocks, panels_together; /* of a piece of work; through a chunk side by side */
};

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t pieces_of(int64_t n, int64_t size) { return n / size + (n % size != 0); }
static const struct cpu_conv_axis *axis_of(const struct job *j, int at) { return &j->v->axis[j->order[at]]; }

/* ---- weights ---- */

static void pack_some(void *ctx, int64_t begin, int64_t end) {
  const struct job *j = ctx;
  const struct cpu_conv *v = j->v;
  const struct cpu_conv_axis *inner = &v->axis[j->inner];
  int64_t nr = j->kn->nr, first = j->q0 / inner->taps, blocks = pieces_of(pieces_of(j->q1, inner->taps) - first, PACK_COMBOS);
  int64_t cols = j->kind == LANES ? v->groups : v->out, lane_stride = j->kind == LANES ? v->w_group : v->w_out;
  for (int64_t item = begin; item < end; item++) {
    int64_t set = item / blocks / j->panels, panel = item / blocks % j->panels, at = first + item % blocks * PACK_COMBOS;
    char *to = j->packed + (set * j->panels + panel) * (j->q1 - j->q0) * nr * j->kn->size;
    int lanes = (int)least(nr, cols - panel * nr);
    for (int64_t c = at; c < at + PACK_COMBOS && c * inner->taps < j->q1; c++) {
      int64_t offset = set * v->w_group + panel * nr * lane_stride, rest = c;
      for (int i = j->naxes - 2; i >= 0; i--) {
        offset += rest % axis_of(j, i)->taps * axis_of(j, i)->w_tap;
        rest /= axis_of(j, i)->taps;
      }
      int64_t from = most(c * inner->taps, j->q0), to_term = least((c + 1) * inner->taps, j->q1);
      offset += (from - c * inner->taps) * inner->w_tap;
      j->table->pack_b[j->stored](lanes, to_term - from, to + (from - j->q0) * nr * j->kn->size, (const char *)v->w + offset * j->size,
                                  lane_stride, inner->w_tap);
    }
  }
}

static void pack_lines(const struct job *j) {
  const struct cpu_conv *v = j->v;
  int64_t digit[MX_MAX_NDIM] = {0}, offset = 0, n = j->sets * v->out;
  for (int64_t q = 0; q < j->terms; q++) {
    for (int64_t o = 0; o < n; o++) {
      const char *from = (const char *)v->w + (offset + o / v->out * v->w_group + o % v->out * v->w_out) * j->size;
      char *to = j->packed + (o * j->terms + q) * j->kn->size;
      if (j->stored == MX_FLOAT16) *(float *)to = mx_f16_to_float(*(const uint16_t *)from);
      else if (j->stored == MX_BFLOAT16) *(float *)to = mx_bf16_to_float(*(const uint16_t *)from);
      else memcpy(to, from, (size_t)j->size);
    }
    for (int i = j->naxes - 1; i >= 0; i--) {
      offset += axis_of(j, i)->w_tap;
      if (++digit[i] < axis_of(j, i)->taps) break;
      offset -= digit[i] * axis_of(j, i)->w_tap;
      digit[i] = 0;
    }
  }
}

/* ---- runs ---- */

/* Places of all axes but the row's, and the taps that meet the input there. */
struct place {
  int64_t a, c; /* offsets */
  int64_t begin[MX_MAX_NDIM], end[MX_MAX_NDIM]; /* by axis in order */
  bool empty;
};
/* The runs of some terms: those of [q0, q1) whose row taps are in [begin, end). */
struct runs {
  struct cpu_conv_run at[RUNS];
  int n;
  int64_t begin, end;
  int64_t combo; /* where the list goes on */
  bool whole;    /* the list is all there is */
  bool apart;    /* runs are not joined */
};
/* Lists of one chunk and of places that meet the same taps, kept for the tiles, panels and places to come. */
struct lists {
  struct place of;
  struct runs kept[LISTS];
  int n, next;
  int64_t q0, q1;
};

static struct place find_place(const struct job *j, int64_t index) {
  struct place p = {0};
  for (int i = j->v->naxes - 1; i >= 0; i--) {
    const struct cpu_conv_axis *x = &j->v->axis[i];
    if (i == j->row) continue;
    int64_t at = index % x->count, begin, end;
    index /= x->count;
    cpu_conv_taps(x, at, at + 1, &begin, &end);
    p.a += at * x->a_step, p.c += at * x->c_step;
    p.empty = p.empty || begin == end;
    for (int k = 0; k < j->naxes; k++)
      if (j->order[k] == i) p.begin[k] = begin, p.end[k] = end;
  }
  return p;
}

static bool same_taps(const struct job *j, const struct place *x, const struct place *y) {
  bool same = x->empty == y->empty;
  for (int i = 0; i < j->naxes; i++) same = same && x->begin[i] == y->begin[i] && x->end[i] == y->end[i];
  return same;
}

/* Appends runs from r->combo on, until the list is full. */
static void list_runs(const struct job *j, const struct place *p, int64_t q0, int64_t q1, struct runs *r) {
  const struct cpu_conv_axis *inner = &j->v->axis[j->inner];
  int64_t step = inner->a_tap, nr = j->nr, last = pieces_of(q1, inner->taps), digit[MX_MAX_NDIM], rest = r->combo;
  int64_t begin[MX_MAX_NDIM], end[MX_MAX_NDIM];
  int n = j->naxes - 1; /* axes but the inner */
  for (int i = 0; i <= n; i++) {
    bool is_row = j->order[i] == j->row;
    begin[i] = is_row ? r->begin : p->begin[i], end[i] = is_row ? r->end : p->end[i];
  }
  for (int i = n - 1; i >= 0; i--) digit[i] = rest % axis_of(j, i)->taps, rest /= axis_of(j, i)->taps;
  for (r->n = 0; r->combo < last && r->n < RUNS; r->combo++) {
    int64_t a = 0, base = r->combo * inner->taps;
    bool meets = true;
    for (int i = 0; i < n; i++) {
      meets = meets && digit[i] >= begin[i] && digit[i] < end[i];
      a += digit[i] * axis_of(j, i)->a_tap;
    }
    int64_t from = most(begin[n], q0 - base), to = least(end[n], q1 - base);
    if (meets && from < to) {
      struct cpu_conv_run *before = r->n ? &r->at[r->n - 1] : NULL, next = {a + from * step, (base + from - j->q0) * nr, to - from};
      if (before && !r->apart && before->a + before->n * step == next.a && before->b + before->n * nr == next.b) before->n += next.n;
      else r->at[r->n++] = next;
    }
    for (int i = n - 1; i >= 0 && ++digit[i] == axis_of(j, i)->taps; i--) digit[i] = 0;
  }
}

/* ---- products ---- */

/* All terms of the chunk whose row taps are in [begin, end), for the places of t. */
static void multiply_part(const struct job *j, const struct place *p, struct lists *l, struct cpu_conv_tile *t, int64_t begin, int64_t end) {
  struct runs *r = NULL;
  for (int i = 0; i < l->n && !r; i++)
    if (l->kept[i].whole && l->kept[i].begin == begin && l->kept[i].end == end) r = &l->kept[i];
  bool known = r;
  if (!known) {
    r = &l->kept[l->next];
    if (l->n < LISTS) l->n++;
    l->next = (l->next + 1) % LISTS;
    r->begin = begin, r->end = end, r->n = 0, r->whole = true, r->apart = false;
    r->combo = l->q0 / j->v->axis[j->inner].taps;
  }
  int64_t last = begin < end && !p->empty ? pieces_of(l->q1, j->v->axis[j->inner].taps) : r->combo;
  for (;;) {
    if (!known && r->combo < last) list_runs(j, p, l->q0, l->q1, r);
    t->runs = r->at;
    t->nruns = r->n;
    if (r->n || !t->accumulate)
      (j->kind == LINES ? j->kn->conv_line : j->kind == LANES ? j->kn->conv_lanes : j->kn->conv_matrix)(t);
    t->accumulate = true;
    if (known || r->combo >= last) return;
    r->whole = false;
  }
}

/* Of lines along their own taps: those in [begin, end), none of which meets the input everywhere. */
static void multiply_edge(const struct job *j, const struct place *p, const struct lists *l, struct cpu_conv_tile *t, int64_t first,
                          int64_t begin, int64_t end) {
  const struct cpu_conv_axis *x = &j->v->axis[j->row];
  struct runs r = {.begin = begin, .end = end, .combo = l->q0 / x->taps, .apart = true};
  while (begin < end && !p->empty && r.combo < pieces_of(l->q1, x->taps)) {
    list_runs(j, p, l->q0, l->q1, &r);
    for (int i = 0; i < r.n; i++) { /* each run begins with a tap of its own */
      int64_t tap = (j->q0 + r.at[i].b) % x->taps;
      t->runs = &r.at[i], t->nruns = 1;
      j->kn->conv_line_edge(t, x->first + first * x->step + tap * x->tap, x->length);
    }
  }
}

/* Places [first, first + rows) of the row axis: the taps that meet the input at all of them, then those that do at some. */
static void multiply_tile(const struct job *j, const struct place *p, struct lists *l, struct cpu_conv_tile t, int64_t first) {
  const struct cpu_conv_axis *x = &j->v->axis[j->row];
  int64_t rows = t.rows, begin, end, some_begin, some_end;
  int64_t size = j->kn->size;
  cpu_conv_taps(x, first, first + rows, &begin, &end);
  cpu_conv_taps_some(x, first, first + rows, &some_begin, &some_end);
  multiply_part(j, p, l, &t, begin, end);
  if (j->kind == LINES && j->inner == j->row) {
    multiply_edge(j, p, l, &t, first, some_begin, begin < end ? begin : some_end);
    if (begin < end) multiply_edge(j, p, l, &t, first, end, some_end);
    return;
  }
  for (int64_t tap = some_begin; tap < some_end; tap++) {
    if (tap >= begin && tap < end) {
      tap = end - 1;
      continue;
    }
    int64_t from, to;
    cpu_conv_places(x, tap, &from, &to);
    from = most(from, first), to = least(to, first + rows);
    if (from >= to) continue;
    struct cpu_conv_tile part = t;
    part.a = (const char *)t.a + (from - first) * t.a_row * size;
    part.c = (char *)t.c + (from - first) * (j->kind == LINES ? 1 : t.c_row) * size;
    part.rows = (int)(to - from);
    multiply_part(j, p, l, &part, tap, tap + 1);
  }
}

/* One strip, one panel, one chunk. acc: for halves, room for the strip's sums. */
static void multiply_strip(const struct job *j, const struct place *p, struct lists *l, int64_t set, int64_t panel, int64_t block, char *acc) {
  const struct cpu_conv *v = j->v;
  const struct cpu_conv_axis *row = &v->axis[j->row];
  int64_t nr = j->kn->nr, size = j->kn->size, column = panel * nr, cols = least(nr, (j->kind == LANES ? v->groups : v->out) - column);
  int64_t begin = block * j->strip_tiles * j->tile, end = least(row->count, begin + j->strip_tiles * j->tile);
  const char *a = (const char *)v->a + (p->a + (j->kind == LANES ? column : set * v->a_group)) * size;
  char *c = (char *)v->c + (p->c + set * v->out + column) * j->size;
  bool apart = j->size != size;
  struct cpu_conv_tile t = {
      .b = j->packed + (set * j->panels + panel) * (j->q1 - j->q0) * nr * size, .a_row = row->a_step, .a_step = v->axis[j->inner].a_tap,
      .c_row = apart ? nr : row->c_step, .cols = (int)cols, .accumulate = l->q0 > 0};
  for (int64_t at = begin; at < end; at += j->tile) {
    t.rows = (int)least(j->tile, end - at);
    t.a = a + at * row->a_step * size;
    t.c = apart ? acc + (at - begin) * nr * size : c + at * row->c_step * size;
    multiply_tile(j, p, l, t, at);
  }
  if (!apart || l->q1 < j->terms) return;
  for (int64_t at = begin; at < end; at++)
    j->table->finish[j->stored](cols, c + at * row->c_step * j->size, acc + (at - begin) * nr * size, NULL, 0, 1, 0);
}

/* n sums to places of the result c_step apart. */
static void scatter_line(const struct job *j, int64_t n, char *c, int64_t c_step, const char *acc) {
  _Alignas(64) char line[STRIP_BYTES];
  j->table->finish[j->stored](n, c_step == 1 ? c : line, acc, NULL, 0, 1, 0);
  for (int64_t i = 0; i < n && c_step != 1; i++) {
    if (j->size == 4) ((float *)c)[i * c_step] = ((const float *)line)[i];
    else if (j->size == 8) ((double *)c)[i * c_step] = ((const double *)line)[i];
    else ((uint16_t *)c)[i * c_step] = ((const uint16_t *)line)[i];
  }
}
static void line_strip(const struct job *j, const struct place *p, struct lists *l, int64_t set, int64_t block, char *acc) {
  const struct cpu_conv *v = j->v;
  const struct cpu_conv_axis *row = &v->axis[j->row];
  int64_t size = j->kn->size, begin = block * j->strip_tiles * j->tile, end = least(row->count, begin + j->strip_tiles * j->tile);
  const char *a = (const char *)v->a + (p->a + set * v->a_group) * size;
  char *c = (char *)v->c + (p->c + set * v->out) * j->size;
  bool direct = row->c_step == 1 && j->size == size; /* one output in all */
  struct cpu_conv_tile t = {.b = j->packed + set * v->out * j->terms * size, .b_out = j->terms, .a_row = 1, .a_step = v->axis[j->inner].a_tap,
                            .c_row = j->tile, .cols = (int)v->out, .accumulate = l->q0 > 0};
  for (int64_t at = begin; at < end; at += j->tile) {
    t.rows = (int)least(j->tile, end - at);
    t.a = a + at * size;
    t.c = direct ? c + at * size : acc + (at - begin) * v->out * size;
    multiply_tile(j, p, l, t, at);
    for (int64_t o = 0; o < v->out && !direct && l->q1 == j->terms; o++)
      scatter_line(j, t.rows, c + (at * row->c_step + o) * j->size, row->c_step, (char *)t.c + o * j->tile * size);
  }
}

static void multiply_strips(const struct job *j, int64_t set, int64_t panel, int64_t panels, int64_t first, int64_t strips) {
  _Alignas(64) char acc[GROUP_STRIPS][STRIP_BYTES];
  struct lists l;
  l.n = 0, l.q0 = -1;
  for (int64_t q = j->q0; q < j->q1; q += j->chunk) {
    for (int64_t s = first; s < first + strips; s++) {
      struct place p = find_place(j, s / j->blocks);
      if (l.q0 != q || !same_taps(j, &l.of, &p)) l.n = l.next = 0, l.of = p, l.q0 = q, l.q1 = least(q + j->chunk, j->q1);
      if (j->kind == LINES) line_strip(j, &p, &l, set, s % j->blocks, acc[s - first]);
      for (int64_t i = panel; i < panel + panels && j->kind != LINES; i++) multiply_strip(j, &p, &l, set, i, s % j->blocks, acc[s - first]);
    }
  }
}

/* Work is numbered (set, block of panels, strip). */
static void multiply_some(void *ctx, int64_t begin, int64_t end) {
  const struct job *j = ctx;
  while (begin < end) {
    int64_t strip = begin % j->strips, block = begin / j->strips % j->panel_blocks, set = begin / j->strips / j->panel_blocks;
    int64_t n = least(least(end - begin, j->strips - strip), GROUP_STRIPS), last = least(j->panels, (block + 1) * j->panels_each);
    int64_t together = j->panels_together;
    for (int64_t panel = block * j->panels_each; panel < last; panel += together)
      multiply_strips(j, set, panel, least(together, last - panel), strip, n);
    begin += n;
  }
}

/* ---- choices ---- */

static int64_t tile_rows(int64_t count, int64_t mr) { return pieces_of(count, pieces_of(count, mr)); }

/* Lines: few outputs, and an axis of enough places that are neighbours. -1: none. */
static int choose_line(const struct job *j) {
  if (j->kind == LANES || j->v->out > 4) return -1;
  for (int i = 0; i < j->v->naxes; i++)
    if (j->v->axis[i].a_step == 1 && j->v->axis[i].count >= j->kn->lanes) return i;
  return -1;
}

/* Rows: the axis that fills tiles best; of equal ones that with the nearest neighbours. */
static int choose_row(const struct job *j) {
  int best = 0;
  int64_t best_fill = -1;
  for (int i = 0; i < j->v->naxes; i++) {
    const struct cpu_conv_axis *x = &j->v->axis[i];
    int64_t fill = tile_rows(x->count, j->kn->mr) * 3 / (j->kn->mr * 2), near = x->a_step < 0 ? -x->a_step : x->a_step; /* 1: well enough */
    int64_t old = j->v->axis[best].a_step;
    fill = fill ? j->kn->mr : tile_rows(x->count, j->kn->mr);
    if (fill > best_fill || (fill == best_fill && near < (old < 0 ? -old : old))) best = i, best_fill = fill;
  }
  return best;
}

/* Runs: neighbours in memory where there are enough of them or where those of the row axis go on; else the longest. */
static int choose_inner(const struct job *j) {
  const struct cpu_conv_axis *row = &j->v->axis[j->row];
  int best = j->row;
  int64_t best_score = row->taps > 1 ? least(row->taps, 32) : 1;
  for (int i = 0; i < j->v->naxes; i++) {
    const struct cpu_conv_axis *x = &j->v->axis[i];
    if (i == j->row || x->taps == 1) continue;
    if (x->a_tap == 1 && (x->taps >= 8 || row->a_tap == x->taps)) return i;
    int64_t score = 2 * least(x->taps, 32), near = x->a_tap < 0 ? -x->a_tap : x->a_tap, old = j->v->axis[best].a_tap;
    if (score > best_score || (score == best_score && near < (old < 0 ? -old : old))) best = i, best_score = score;
  }
  return best;
}

static int choose_longest(const struct job *j) {
  int best = j->row;
  for (int i = 0; i < j->v->naxes; i++)
    if (j->v->axis[i].taps > j->v->axis[best].taps) best = i;
  return best;
}

static void choose(struct job *j) {
  const struct cpu_conv *v = j->v;
  int line = choose_line(j);
  if (line >= 0) j->kind = LINES;
  j->row = line >= 0 ? line : choose_row(j);
  j->inner = line >= 0 ? choose_longest(j) : choose_inner(j);
  j->terms = 1;
  j->strips = 1;
  for (int i = 0; i < v->naxes; i++) {
    j->terms *= v->axis[i].taps;
    if (i != j->row) j->strips *= v->axis[i].count;
    if (i != j->row && i != j->inner && v->axis[i].taps > 1) j->order[j->naxes++] = i;
  }
  if (j->row != j->inner) j->order[j->naxes++] = j->row;
  j->order[j->naxes++] = j->inner;
  int64_t run = v->axis[j->inner].taps;
  j->chunk = run < CHUNK ? CHUNK / run * run : CHUNK;
  j->nr = line >= 0 ? 1 : j->kn->nr;
  j->tile = tile_rows(v->axis[j->row].count, j->kn->mr);
  j->strip_tiles = BLOCK_TILES;
  if (line >= 0) {
    int64_t block = LINE_VECTORS * j->kn->lanes, most_blocks = STRIP_BYTES / (block * v->out * j->kn->size);
    j->strip_tiles = v->axis[line].taps <= LINE_TAPS ? 1 : least(BLOCK_TILES, most_blocks);
    j->tile = v->axis[line].taps <= LINE_TAPS ? block * most_blocks : block;
  }
  j->blocks = pieces_of(v->axis[j->row].count, j->tile * j->strip_tiles);
  j->strips *= j->blocks;
  j->sets = j->kind == LANES ? 1 : v->groups;
  j->panels = pieces_of(j->kind == LANES ? v->groups : v->out, j->kn->nr);
  j->panels_each = j->strips * j->sets >= 4 * (int64_t)cpu_pool_threads() ? j->panels : 1;
  j->panel_blocks = pieces_of(j->panels, j->panels_each);
  /* Several panels share lists of runs while their weights stay in the second cache. Halves of several chunks have one set of sums. */
  int64_t bytes = least(j->chunk, j->terms) * j->kn->nr * j->kn->size;
  j->panels_together = j->size != j->kn->size && j->terms > j->chunk ? 1 : most(1, WEIGHT_BYTES / bytes);
}

int cpu_conv_packed(const struct cpu_gemm_table *table, const struct cpu_conv *v, enum mx_dtype stored) {
  struct job j = {.v = v, .table = table, .kn = v->dtype == MX_FLOAT64 ? &table->real64 : &table->real32, .stored = stored};
  j.size = (int64_t)mx_dtype_size(stored);
  j.kind = v->groups > 1 && v->out == 1 && v->a_group == 1 ? LANES : MATRIX;
  choose(&j);
  bool whole = j.size != j.kn->size || j.kind == LINES;
  int64_t at_once = whole ? j.terms : least(j.terms, j.chunk * CHUNKS), bytes, each = j.kind == LINES ? v->out : j.panels * j.nr;
  if (__builtin_mul_overflow(j.sets * each * j.kn->size, at_once, &bytes)) bytes = INT64_MAX; /* refused with its size */
  struct cpu_scratch scratch;
  int status = cpu_scratch_take(&scratch, bytes);
  if (status) return status;
  j.packed = scratch.data;
  double strip = (double)j.tile * (double)j.strip_tiles * (double)at_once * (double)(j.kind == LINES ? v->out : j.panels_each * j.nr);
  int64_t run = v->axis[j.inner].taps;
  for (j.q0 = 0; j.q0 < j.terms; j.q0 = j.q1) {
    j.q1 = least(j.terms, j.q0 + at_once);
    int64_t blocks = pieces_of(pieces_of(j.q1, run) - j.q0 / run, PACK_COMBOS), packs = j.sets * j.panels * blocks;
    if (j.kind == LINES) pack_lines(&j);
    else cpu_parallel_for(packs, PACK_ELEMENTS / (j.nr * least(PACK_COMBOS * run, j.q1 - j.q0)) + 1, pack_some, &j);
    cpu_parallel_for(j.sets * j.panel_blocks * j.strips, strip < TASK_FROM ? (int64_t)(TASK_FROM / strip) + 1 : 1, multiply_some, &j);
  }
  cpu_scratch_give(&scratch);
  return MX_OK;
}
