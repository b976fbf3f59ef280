/* fft_plan.c: how a transform of each size is done, its tables, and the cache of both.
 * Invariant: a plan never changes once it is made; the cache holds at most CACHE_PLANS plans and, but for the newest one,
 * CACHE_BYTES of tables; who uses a plan holds a reference. Twiddles are rounded once, from double. */
#include "backend/cpu/fft.h"

#include "core/alloc.h"
#include "core/thread.h"

#include <math.h>
#include <string.h>

enum { CACHE_PLANS = 48, CACHE_BYTES = 32 << 20, ONE_TABLE = 16384 };

const struct cpu_fft_table *cpu_fft_table(enum cpu_isa isa) {
  if (!cpu_isa_runs(isa)) return NULL;
  switch (isa) {
  case CPU_ISA_BASE:
    return &cpu_fft_base;
#if defined(__x86_64__)
  case CPU_ISA_AVX2:
    return &cpu_fft_avx2;
  case CPU_ISA_AVX512:
    return &cpu_fft_avx512;
#elif defined(__aarch64__)
  case CPU_ISA_NEON:
    return &cpu_fft_neon;
#endif
  default:
    return NULL;
  }
}

/* ---- memory of one plan ---- */

struct cpu_fft_block {
  struct cpu_fft_block *next;
  _Alignas(16) char data[];
};
static void *take(struct cpu_fft_plan *p, int64_t count, size_t size) {
  if (count > (int64_t)(SIZE_MAX / 64 / size)) {
    mx_fail(MX_EMEMORY, "[fft] Tables of %lld entries are too large.", (long long)count);
    return NULL;
  }
  struct cpu_fft_block *b = mx_malloc(sizeof *b + (size_t)count * size);
  if (!b) return NULL;
  b->next = p->blocks;
  p->blocks = b;
  p->bytes += (size_t)count * size;
  return b->data;
}
static float *take_complex(struct cpu_fft_plan *p, int64_t count) { return take(p, count, 2 * sizeof(float)); }

static void destroy(struct cpu_fft_plan *p) {
  cpu_fft_plan_drop(p->inner);
  while (p->blocks) {
    struct cpu_fft_block *b = p->blocks;
    p->blocks = b->next;
    mx_free(b);
  }
  mx_free(p);
}
void cpu_fft_plan_drop(struct cpu_fft_plan *p) {
  if (p && atomic_fetch_sub(&p->refs, 1) == 1) destroy(p);
}

/* exp(-2 pi i k / n), 0 <= k < n < 2^60: in integers the angle is first brought below pi/4. */
static void root(float *to, int64_t k, int64_t n) {
  int64_t quarter = 4 * k / n, rest = 4 * k % n;
  bool upper = rest > n - rest;
  double angle = M_PI_2 * ((double)(upper ? n - rest : rest) / (double)n);
  double c = upper ? sin(angle) : cos(angle), s = upper ? cos(angle) : sin(angle);
  double x = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
  double y = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
  to[0] = (float)x;
  to[1] = (float)-y;
}

/* ---- sizes ---- */

/* Radices of n in the order of the passes; 0 when a prime factor is too large. */
static int factor(int64_t n, int radix[CPU_FFT_MAX_PASSES]) {
  static const int odd[] = {13, 11, 7, 5, 3};
  int count = 0, twos = 0;
  for (int i = 0; i < MX_COUNT(odd); i++)
    for (; n % odd[i] == 0; n /= odd[i]) radix[count++] = odd[i];
  for (; n % 2 == 0; n /= 2) twos++;
  if (n != 1) return 0;
  if (twos == 1) radix[count++] = 2;
  for (; twos > 1 && twos % 3; twos -= 2) radix[count++] = 4;
  for (; twos > 1; twos -= 3) radix[count++] = 8;
  return count;
}
bool cpu_fft_is_smooth(int64_t n) {
  int radix[CPU_FFT_MAX_PASSES];
  return n == 1 || factor(n, radix) > 0;
}

/* Measured, in rough nanoseconds for one row of one pass. */
static double column_cost(int64_t n) {
  static const double pass[CPU_FFT_LARGEST_RADIX + 1] = {[2] = 2, [3] = 3, [4] = 2.6, [5] = 4.4, [7] = 6.4, [8] = 3.6, [11] = 10, [13] = 12};
  int radix[CPU_FFT_MAX_PASSES], count = factor(n, radix);
  double sum = 3, far = n > 32768 ? 4 : n > 8192 ? 2 : n > 4096 ? 1.4 : 1; /* leaves the second cache */
  if (n == 1) return 3;
  if (!count) return 32 * (double)n * far;
  for (int i = 0; i < count; i++) sum += pass[radix[i]];
  return sum * (double)n * far;
}

/* The size of a cyclic convolution that holds a linear one of n: at least 2n - 1, cheap to transform. */
static int64_t convolution_size(int64_t n) {
  int64_t least = 2 * n - 1, best = 0;
  double cost = INFINITY;
  for (int64_t seven = 1; seven < 2 * least; seven *= 7)
    for (int64_t five = seven; five < 2 * least; five *= 5)
      for (int64_t three = five; three < 2 * least; three *= 3) {
        int64_t m = three;
        while (m < least) m *= 2;
        double c = column_cost(m) / (m > 4096 ? (m > 32768 ? 4 : m > 8192 ? 2 : 1.4) : 1);
        if (c < cost) cost = c, best = m;
      }
  return best;
}

static double ways(int64_t lanes, int w, int64_t n) { return (double)((lanes + w - 1) / w) * column_cost(n); }

/* The cheapest way for a line of n in vectors of w lanes. */
static double choose(struct cpu_fft_plan *p, int w, int64_t n) {
  double best = 2 * column_cost(n) + 2 * (double)n;
  p->way = CPU_FFT_ONE;
  if (!cpu_fft_is_smooth(n)) {
    int64_t m = convolution_size(n);
    struct cpu_fft_plan inner;
    double cost = 2 * choose(&inner, w, m) + 6 * (double)m / w + 50;
    if (cost < best) best = cost, p->way = CPU_FFT_CONVOLUTION, p->m = m;
  }
  for (int64_t d = 2; d <= n / d; d++) {
    if (n % d) continue;
    for (int turned = 0; turned < 2; turned++) {
      int64_t n1 = turned ? n / d : d, n2 = n / n1;
      double cost = ways(n1, w, n2) + ways(n2, w, n1) + 4 * (double)n / w + 40;
      if (cost < best) best = cost, p->way = CPU_FFT_FOUR_STEP, p->n1 = n1, p->n2 = n2;
    }
  }
  return best;
}

/* ---- tables ---- */

static int fill_passes(struct cpu_fft_plan *p, struct cpu_fft_column *c, const int *radix) {
  int64_t l = 1;
  for (int t = 0; t < c->passes; t++) {
    int r = radix[t];
    float *tw = take_complex(p, l * (r - 1));
    if (!tw) return MX_EMEMORY;
    c->pass[t] = (struct cpu_fft_pass){r, l, tw};
    for (int64_t j = 0; j < l; j++)
      for (int k = 1; k < r; k++, tw += 2) root(tw, j * k, l * r);
    l *= r;
  }
  /* Block b of the first pass: its number in mixed radix, digits reversed. */
  int64_t *order = take(p, c->n / radix[0], sizeof *order);
  if (!order) return MX_EMEMORY;
  for (int64_t b = 0; b < c->n / radix[0]; b++) {
    int64_t rest = b, at = 0, weight = c->n / radix[0];
    for (int t = 1; t < c->passes; t++) {
      weight /= radix[t];
      at += rest % radix[t] * weight;
      rest /= radix[t];
    }
    order[b] = at;
  }
  c->order = order;
  return MX_OK;
}

/* c_j = exp(-pi i j^2 / n); j^2 is counted modulo 2n. around: also conj(c_|j|) for -n < j < n, modulo m. */
static void fill_chirp(int64_t n, float *chirp, float *around, int64_t m, int64_t row) {
  int64_t square = 0;
  for (int64_t j = 0; j < n; j++) {
    root(chirp + 2 * j, square, 2 * n);
    float *here = around + j * row, *there = around + (j ? m - j : 0) * row;
    here[0] = there[0] = chirp[2 * j];
    here[1] = there[1] = -chirp[2 * j + 1];
    square = (square + 2 * j + 1) % (2 * n);
  }
}

static int make_column(struct cpu_fft_plan *p, const struct cpu_fft_table *t, int64_t n, struct cpu_fft_column **out);

static int fill_convolution(struct cpu_fft_plan *p, const struct cpu_fft_table *t, struct cpu_fft_column *c) {
  int64_t m = convolution_size(c->n), row = 2 * t->w;
  int status = make_column(p, t, m, &c->inner);
  float *chirp = take_complex(p, c->n), *spectrum = take_complex(p, m);
  mx_buffer *room = NULL;
  if (!status && (!chirp || !spectrum)) status = MX_EMEMORY;
  if (!status) status = mx_buffer_new(&room, (size_t)(2 * m * row) * sizeof(float), MX_MEMORY_HOST);
  if (status) return status;
  float *panel = room->host, *work = panel + m * row;
  memset(panel, 0, (size_t)(m * row) * sizeof(float));
  fill_chirp(c->n, chirp, panel, m, row);
  t->column(c->inner, &(struct cpu_fft_io){.src = panel, .src_row = row, .work = work, .dst = work, .dst_row = row, .scale = 1.0f / (float)m});
  for (int64_t k = 0; k < m; k++) memcpy(spectrum + 2 * k, work + k * row, 2 * sizeof(float));
  mx_buffer_unref(room);
  c->chirp = chirp;
  c->spectrum = spectrum;
  return MX_OK;
}

static int make_column(struct cpu_fft_plan *p, const struct cpu_fft_table *t, int64_t n, struct cpu_fft_column **out) {
  int radix[CPU_FFT_MAX_PASSES];
  struct cpu_fft_column *c = take(p, 1, sizeof *c);
  if (!c) return MX_EMEMORY;
  memset(c, 0, sizeof *c);
  c->n = n;
  c->passes = factor(n, radix);
  *out = c;
  return c->passes ? fill_passes(p, c, radix) : fill_convolution(p, t, c);
}

/* w^(j1 k2), w = exp(-2 pi i / n), with k2 = high * 2^shift + low: coarse[high][j1] fine[low][j1]. */
static int fill_factors(struct cpu_fft_plan *p) {
  int64_t across = MX_ALIGN_UP(p->n1, (int64_t)p->table->w);
  for (p->shift = 0; p->n > ONE_TABLE && (int64_t)1 << (2 * p->shift) < p->n2; p->shift++) {}
  int64_t low = (int64_t)1 << p->shift, high = (p->n2 + low - 1) / low;
  float *coarse = take_complex(p, high * across), *fine = p->shift ? take_complex(p, low * across) : NULL;
  if (!coarse || (p->shift && !fine)) return MX_EMEMORY;
  for (int64_t j = 0; j < across; j++) {
    int64_t j1 = j < p->n1 ? j : 0;
    for (int64_t h = 0; h < high; h++) root(coarse + 2 * (h * across + j), j1 * (h << p->shift), p->n);
    for (int64_t l = 0; l < low && fine; l++) root(fine + 2 * (l * across + j), j1 * l, p->n);
  }
  p->coarse = coarse;
  p->fine = fine;
  /* Rows that are a multiple of a large power of two apart share few places of a cache. */
  p->turned_row = MX_ALIGN_UP(p->n2, (int64_t)p->table->w) + (p->n2 % 128 == 0 ? 16 : 0);
  return MX_OK;
}

static int fill_line_convolution(struct cpu_fft_plan *p, const struct cpu_fft_table *t) {
  float *chirp = take_complex(p, p->n), *spectrum = take_complex(p, p->m);
  if (!chirp || !spectrum) return MX_EMEMORY;
  memset(spectrum, 0, (size_t)p->m * 2 * sizeof(float));
  fill_chirp(p->n, chirp, spectrum, p->m, 2);
  p->chirp = chirp;
  p->spectrum = spectrum;
  int status = cpu_fft_lines(t, &(struct cpu_fft_lines){.n = p->m, .count = 1, .src = spectrum, .dst = spectrum, .scale = 1.0f / (float)p->m});
  return status ? status : cpu_fft_plan_take(&p->inner, t, p->m, false);
}

static int fill_line(struct cpu_fft_plan *p, const struct cpu_fft_table *t) {
  /* A narrower table does as well where wide vectors would be half empty. */
  const struct cpu_fft_table *narrow = t->isa == CPU_ISA_AVX512 ? cpu_fft_table(CPU_ISA_AVX2) : NULL;
  double cost = choose(p, t->w, p->n);
  p->table = t;
  if (narrow && p->way != CPU_FFT_CONVOLUTION) {
    struct cpu_fft_plan other = *p;
    if (choose(&other, narrow->w, p->n) <= cost) p->table = narrow, p->way = other.way, p->n1 = other.n1, p->n2 = other.n2;
  }
  if (p->way == CPU_FFT_CONVOLUTION) return fill_line_convolution(p, t);
  int status = make_column(p, p->table, p->way == CPU_FFT_ONE ? p->n : p->n2, &p->first);
  if (status || p->way == CPU_FFT_ONE) return status;
  status = make_column(p, p->table, p->n1, &p->second);
  return status ? status : fill_factors(p);
}

static int fill_pairs(struct cpu_fft_plan *p) {
  float *tw = take_complex(p, p->n / 4 + 1);
  if (!tw) return MX_EMEMORY;
  p->fine = tw;
  for (int64_t k = 0; k <= p->n / 4; k++, tw += 2) {
    float w[2];
    root(w, k, p->n);
    tw[0] = w[1], tw[1] = -w[0];
  }
  return MX_OK;
}

/* ---- the cache ---- */

enum what { LINE, COLUMNS, PAIRS };
static struct {
  mx_mutex lock;
  int n;
  size_t bytes;
  struct entry {
    const struct cpu_fft_table *table;
    int64_t n;
    enum what what;
    uint64_t used;
    struct cpu_fft_plan *plan;
  } at[CACHE_PLANS];
  uint64_t clock;
} cache = {.lock = MX_MUTEX_INIT};

static struct cpu_fft_plan *find(const struct cpu_fft_table *t, int64_t n, enum what what) {
  for (int i = 0; i < cache.n; i++) {
    struct entry *e = &cache.at[i];
    if (e->table != t || e->n != n || e->what != what) continue;
    e->used = ++cache.clock;
    atomic_fetch_add(&e->plan->refs, 1);
    return e->plan;
  }
  return NULL;
}

/* Takes the least recently used plan out; the caller drops it after the lock. */
static struct cpu_fft_plan *evict(void) {
  int oldest = 0;
  for (int i = 1; i < cache.n; i++)
    if (cache.at[i].used < cache.at[oldest].used) oldest = i;
  struct cpu_fft_plan *p = cache.at[oldest].plan;
  cache.bytes -= p->bytes;
  cache.at[oldest] = cache.at[--cache.n];
  return p;
}

/* Keeps p, and hands out what another thread has kept meanwhile instead. */
static struct cpu_fft_plan *keep(const struct cpu_fft_table *t, struct cpu_fft_plan *p, enum what what) {
  struct cpu_fft_plan *gone[CACHE_PLANS], *there;
  int dropped = 0;
  mx_lock(&cache.lock);
  if ((there = find(t, p->n, what))) {
    gone[dropped++] = p;
    p = there;
  } else {
    while (cache.n && (cache.n == CACHE_PLANS || cache.bytes + p->bytes > CACHE_BYTES)) gone[dropped++] = evict();
    cache.at[cache.n++] = (struct entry){t, p->n, what, ++cache.clock, p};
    cache.bytes += p->bytes;
    atomic_fetch_add(&p->refs, 1);
  }
  mx_unlock(&cache.lock);
  while (dropped) cpu_fft_plan_drop(gone[--dropped]);
  return p;
}

static int plan_take(struct cpu_fft_plan **out, const struct cpu_fft_table *t, int64_t n, enum what what) {
  mx_lock(&cache.lock);
  struct cpu_fft_plan *p = find(t, n, what);
  mx_unlock(&cache.lock);
  if (!p) {
    if (!(p = mx_calloc(1, sizeof *p))) return MX_EMEMORY;
    p->refs = 1;
    p->n = n;
    p->table = t;
    int status = what == LINE ? fill_line(p, t) : what == COLUMNS ? make_column(p, t, n, &p->first) : fill_pairs(p);
    if (status) {
      cpu_fft_plan_drop(p);
      return status;
    }
    p = keep(t, p, what);
  }
  *out = p;
  return MX_OK;
}
int cpu_fft_plan_take(struct cpu_fft_plan **out, const struct cpu_fft_table *t, int64_t n, bool columns) {
  return plan_take(out, t, n, columns ? COLUMNS : LINE);
}
int cpu_fft_pairs_take(struct cpu_fft_plan **out, int64_t n) { return plan_take(out, NULL, n, PAIRS); }
