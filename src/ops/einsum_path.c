/* einsum_path.c: subscripts read, and the order of the contractions.
 * Invariant: the order depends on labels and sizes alone, so einsum_path tells exactly what einsum does. */
#include "ops/einsum.h"
#include "ops/public.h"
#include "ops/rules.h"

#include <stdio.h>
#include <string.h>

/* A term as it is written. */
struct written {
  int n;
  int before; /* letters before the ellipsis; -1: it has none */
  char letter[MX_MAX_NDIM];
};

static bool ends_term(const char *s) { return !*s || *s == ',' || (s[0] == '-' && s[1] == '>'); }

/* Reads to the end of a term and returns what follows; NULL after an error. */
static const char *read_term(mx_build *b, const char *s, struct written *w) {
  w->n = 0;
  w->before = -1;
  for (; !ends_term(s); s++) {
    bool is_letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');
    if (*s == ' ') continue;
    if (w->before < 0 && strncmp(s, "...", 3) == 0) {
      w->before = w->n;
      s += 2;
    } else if (!is_letter) {
      if (*s > ' ' && *s <= '~') mx_build_fail(b, MX_EVALUE, "[einsum] Subscripts must be letters, but got '%c'.", *s);
      else mx_build_fail(b, MX_EVALUE, "[einsum] Subscripts must be letters, but got the byte %d.", (unsigned char)*s);
      return NULL;
    } else if (w->n == MX_MAX_NDIM) {
      return mx_build_fail(b, MX_EVALUE, "[einsum] More than %d subscripts for one array.", MX_MAX_NDIM), NULL;
    } else {
      w->letter[w->n++] = *s;
    }
  }
  return s;
}

/* Labels as they are found. */
struct labels {
  struct mx_einsum *e;
  int8_t of_letter[128];
  int8_t of_ellipsis[MX_MAX_NDIM]; /* counted from the right: those dimensions broadcast to each other */
  int ellipsis;                    /* the longest */
  int times[MX_EINSUM_LABELS];     /* in how many places of the inputs it stands */
};
static int label_of(mx_build *b, struct labels *l, int8_t *place, char name) {
  if (*place >= 0) return *place;
  if (l->e->nlabels == MX_EINSUM_LABELS) {
    mx_build_fail(b, MX_EVALUE, "[einsum] More than %d different subscripts.", MX_EINSUM_LABELS);
    return -1;
  }
  l->e->name[l->e->nlabels] = name;
  l->e->size[l->e->nlabels] = 1;
  return *place = (int8_t)l->e->nlabels++;
}

/* The size of a dimension beside what its label has been so far. */
static bool fit_size(mx_build *b, struct labels *l, int operand, const struct mx_tensor *t, int axis) {
  struct mx_einsum *e = l->e;
  const struct mx_einsum_term *term = &e->term[operand];
  int label = term->label[axis];
  char text[MX_SHAPE_TEXT];
  for (int i = 0; i < axis; i++)
    if (term->label[i] == label && t->shape[i] != t->shape[axis])
      return mx_build_fail(b, MX_EVALUE,
                           "[einsum] Dimensions of repeated subscripts do not have the same size (%lld != %lld): '%c' of operand %d with "
                           "shape %s.",
                           (long long)t->shape[i], (long long)t->shape[axis], e->name[label], operand, mx_shape_text(text, t->shape, t->ndim));
  if (e->size[label] == 1) e->size[label] = t->shape[axis];
  if (t->shape[axis] != 1 && t->shape[axis] != e->size[label])
    return mx_build_fail(b, MX_EVALUE, "[einsum] Cannot broadcast dimension %d of input %d with shape %s to size %lld, which subscript '%c' has.",
                         axis, operand, mx_shape_text(text, t->shape, t->ndim), (long long)e->size[label], e->name[label]);
  return true;
}

static bool label_operand(mx_build *b, struct labels *l, int operand, const struct written *w, const struct mx_tensor *t) {
  struct mx_einsum_term *term = &l->e->term[operand];
  int wide = t->ndim - w->n;
  if (wide < 0 || (wide > 0 && w->before < 0))
    return mx_build_fail(b, MX_EVALUE, "[einsum] Invalid number of subscripts %d for input %d with %d dimensions.", w->n, operand, t->ndim);
  if (wide > l->ellipsis) l->ellipsis = wide;
  term->n = t->ndim;
  for (int i = 0; i < t->ndim; i++) {
    bool inside = w->before >= 0 && i >= w->before && i < w->before + wide;
    char letter = inside ? '.' : w->letter[w->before >= 0 && i >= w->before ? i - wide : i];
    int label = label_of(b, l, inside ? &l->of_ellipsis[w->before + wide - 1 - i] : &l->of_letter[(int)letter], letter);
    if (label < 0) return false;
    term->label[i] = (int8_t)label;
    l->times[label]++;
    if (!fit_size(b, l, operand, t, i)) return false;
  }
  return true;
}

/* Without "->": the ellipsis first, then in alphabetic order what stands in one place alone. */
static void implicit_output(struct labels *l, struct written *w) {
  w->n = w->before = 0;
  for (int c = 'A'; c <= 'z'; c++)
    if (l->of_letter[c] >= 0 && l->times[l->of_letter[c]] == 1 && w->n < MX_MAX_NDIM) w->letter[w->n++] = (char)c;
}
static bool label_output(mx_build *b, struct labels *l, const struct written *w) {
  struct mx_einsum_term *out = &l->e->out;
  int wide = w->before >= 0 ? l->ellipsis : 0;
  out->n = 0;
  if (w->n + wide > MX_MAX_NDIM)
    return mx_build_fail(b, MX_EVALUE, "[einsum] The result has more than %d dimensions.", MX_MAX_NDIM);
  for (int i = 0; i < w->n + wide; i++) {
    bool inside = w->before >= 0 && i >= w->before && i < w->before + wide;
    char letter = inside ? '.' : w->letter[w->before >= 0 && i >= w->before ? i - wide : i];
    int8_t label = inside ? l->of_ellipsis[w->before + wide - 1 - i] : l->of_letter[(int)letter];
    if (label < 0) return mx_build_fail(b, MX_EVALUE, "[einsum] Output subscript '%c' does not appear in any input.", letter);
    if (mx_einsum_set(out) >> label & 1) return mx_build_fail(b, MX_EVALUE, "[einsum] Repeat indices not allowed in output: '%c'.", letter);
    out->label[out->n++] = label;
  }
  return true;
}

static int count_terms(const char *s) {
  int n = 1;
  for (; *s && !(s[0] == '-' && s[1] == '>'); s++) n += *s == ',';
  return n;
}

bool mx_einsum_parse(mx_build *b, struct mx_einsum *e, const char *s, mx_array *const *operands, int n) {
  struct labels l = {.e = e};
  memset(l.of_letter, -1, sizeof l.of_letter);
  memset(l.of_ellipsis, -1, sizeof l.of_ellipsis);
  e->nterms = n;
  e->nlabels = 0;
  if (b->status) return false;
  if (n < 1) return mx_build_fail(b, MX_EVALUE, "[einsum] At least one operand is required.");
  if (n > MX_EINSUM_OPERANDS) return mx_build_fail(b, MX_EVALUE, "[einsum] At most %d operands, not %d.", MX_EINSUM_OPERANDS, n);
  if (count_terms(s) != n)
    return mx_build_fail(b, MX_EVALUE, "[einsum] Number of operands, %d, does not match number of input subscripts, %d", n, count_terms(s));
  struct written w;
  for (int i = 0; i < n; i++) {
    if (!operands[i]) return mx_build_fail(b, MX_EVALUE, "[einsum] Operand %d is missing.", i);
    if (!(s = read_term(b, s, &w)) || !label_operand(b, &l, i, &w, &operands[i]->t)) return false;
    if (*s == ',') s++;
  }
  if (!*s) {
    implicit_output(&l, &w);
  } else {
    if (!(s = read_term(b, s + 2, &w))) return false;
    if (*s) return mx_build_fail(b, MX_EVALUE, "[einsum] The output must be the last of the subscripts, but '%c' follows it.", *s);
  }
  return label_output(b, &l, &w);
}

/* Sizes multiplied; in double, because a loop nest may have more steps than int64 counts. */
static double size_of(const struct mx_einsum *e, uint64_t set) {
  double size = 1;
  for (int i = 0; i < e->nlabels; i++)
    if (set >> i & 1) size *= (double)e->size[i];
  return size;
}
static int count_of(uint64_t set) { return __builtin_popcountll(set); }
/* One multiplication for each operand after the first, and one addition where something is summed. */
static double flops_of(const struct mx_einsum *e, uint64_t all, bool sums, int operands) {
  return size_of(e, all) * ((operands > 1 ? operands - 1 : 1) + (sums ? 1 : 0));
}

struct pair {
  int i, j;
  double removed, flops; /* elements fewer afterwards; the work */
};
struct search {
  const struct mx_einsum *e;
  struct mx_einsum_path *path;
  uint64_t set[MX_EINSUM_OPERANDS], out;
  int n;
  double largest; /* no intermediate result may be larger than the largest of operands and result */
  struct pair *pair;
  int npairs;
};

static uint64_t kept_after(const struct search *s, int i, int j) {
  uint64_t kept = s->out;
  for (int k = 0; k < s->n; k++)
    if (k != i && k != j) kept |= s->set[k];
  return kept & (s->set[i] | s->set[j]);
}
static void consider(struct search *s, int i, int j) {
  uint64_t all = s->set[i] | s->set[j], kept = kept_after(s, i, j);
  double size = size_of(s->e, kept), flops = flops_of(s->e, all, all != kept, 2);
  if (size > s->largest || s->path->flops + flops > s->path->naive_flops) return;
  s->pair[s->npairs++] = (struct pair){i, j, size_of(s->e, s->set[i]) + size_of(s->e, s->set[j]) - size, flops};
}
static int place_after(int at, int i, int j) { return at - (at > i) - (at > j); }

/* Takes the pair: its operands leave the list, the result is appended; known pairs without them move to their new places. */
static void take(struct search *s, struct pair p) {
  struct mx_einsum_path *path = s->path;
  uint64_t all = s->set[p.i] | s->set[p.j], kept = kept_after(s, p.i, p.j);
  path->step[path->nsteps++] = (struct mx_einsum_step){2, {(int8_t)p.i, (int8_t)p.j}};
  path->flops += p.flops;
  if (count_of(all) > path->scaling) path->scaling = count_of(all);
  int n = 0, known = 0;
  for (int k = 0; k < s->n; k++)
    if (k != p.i && k != p.j) s->set[n++] = s->set[k];
  s->set[n++] = kept;
  s->n = n;
  for (int k = 0; k < s->npairs; k++) {
    struct pair q = s->pair[k];
    if (q.i == p.i || q.i == p.j || q.j == p.i || q.j == p.j) continue;
    q.i = place_after(q.i, p.i, p.j), q.j = place_after(q.j, p.i, p.j);
    s->pair[known++] = q;
  }
  s->npairs = known;
}

/* Greedy, as numpy.einsum_path documents it: always the pair that leaves the fewest elements, then the one with the least
 * work, outer products only when nothing else is left. */
static void search_greedily(struct search *s) {
  for (bool begun = false; s->n > 1; begun = true) {
    /* Pairs without the last result are known from before. */
    for (int i = 0; i < s->n; i++)
      for (int j = begun ? s->n - 1 : i + 1; j < s->n; j++)
        if (i != j && s->set[i] & s->set[j]) consider(s, i, j);
    bool none = !s->npairs;
    for (int i = 0; i < s->n && none; i++)
      for (int j = i + 1; j < s->n; j++) consider(s, i, j);
    if (!s->npairs) return;
    int best = 0;
    for (int k = 1; k < s->npairs; k++) {
      const struct pair *p = &s->pair[k], *q = &s->pair[best];
      if (p->removed > q->removed || (p->removed == q->removed && p->flops < q->flops)) best = k;
    }
    take(s, s->pair[best]);
  }
}

bool mx_einsum_find_path(mx_build *b, const struct mx_einsum *e, struct mx_einsum_path *path) {
  struct search s = {.e = e, .path = path, .n = e->nterms, .out = mx_einsum_set(&e->out)};
  uint64_t all = 0;
  s.largest = size_of(e, s.out);
  for (int i = 0; i < s.n; i++) {
    s.set[i] = mx_einsum_set(&e->term[i]);
    all |= s.set[i];
    if (size_of(e, s.set[i]) > s.largest) s.largest = size_of(e, s.set[i]);
  }
  path->nsteps = path->scaling = 0;
  path->flops = 0;
  path->naive_scaling = count_of(all);
  path->naive_flops = flops_of(e, all, all != s.out, s.n);
  if (s.n > 2) {
    s.pair = mx_malloc((size_t)s.n * (size_t)s.n * sizeof *s.pair);
    if (!s.pair) b->status = MX_EMEMORY;
    else search_greedily(&s);
    mx_free(s.pair);
  }
  if (b->status) return false;
  if (s.n > 1 || e->nterms == 1) { /* what is left goes in one step */
    struct mx_einsum_step *rest = &path->step[path->nsteps++];
    uint64_t left = 0;
    rest->n = s.n;
    for (int i = 0; i < s.n; i++) rest->at[i] = (int8_t)i, left |= s.set[i];
    path->flops += flops_of(e, left, left != s.out, s.n);
    if (count_of(left) > path->scaling) path->scaling = count_of(left);
  }
  return true;
}

/* Public functions */
static int write_report(const struct mx_einsum_path *path, const char *subscripts, mlx_string *report) {
  size_t room = strlen(subscripts) + 512;
  char *text = mx_malloc(room);
  if (!text) return mx_boundary(MX_EMEMORY);
  snprintf(text, room,
           "  Complete contraction:  %s\n         Naive scaling:  %d\n     Optimized scaling:  %d\n      Naive FLOP count:  %.0f\n"
           "  Optimized FLOP count:  %.0f\n",
           subscripts, path->naive_scaling, path->scaling, path->naive_flops, path->flops);
  mlx_string made = mlx_string_new_data(text);
  mx_free(text);
  if (!made.ctx) return MX_EMEMORY;
  mlx_string_free(*report);
  *report = made;
  return MX_OK;
}
int mlx_ravel_einsum_path(int *path, mlx_string *report, const char *subscripts, const mlx_vector_array operands) {
  mx_build build, *b = &build;
  struct mx_einsum e;
  struct mx_einsum_path found = {0};
  mx_build_begin(b, NULL);
  struct mx_public_list list = mx_public_arrays(b, operands);
  bool good = list.at && mx_einsum_parse(b, &e, subscripts, list.at, list.n) && mx_einsum_find_path(b, &e, &found);
  mx_public_done(&list, NULL);
  int status = mx_build_end_many(b, NULL, 0, NULL);
  if (!good || status) return mx_boundary(status ? status : MX_EMEMORY);
  for (int i = 0; i < found.nsteps; i++) {
    *path++ = found.step[i].n;
    for (int k = 0; k < found.step[i].n; k++) *path++ = found.step[i].at[k];
  }
  *path = 0;
  return write_report(&found, subscripts, report);
}
