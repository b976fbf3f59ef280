/* alloc.c: counted bookkeeping memory, and buffers of array data with a cache of freed ones.
 * Invariant: in use + cached never exceeds the limit by what we allocate; a freed buffer is either cached or given back. */
#include "core/alloc.h"

#include "core/cgroup.h"
#include "core/error.h"
#include "core/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifdef UNDER_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* ---- bookkeeping memory ---- */

static _Atomic int64_t live_blocks, fail_countdown;

/* Counts one allocation; true when it is the one that has to fail. */
static bool injected_failure(void) {
  if (MX_LIKELY(atomic_load_explicit(&fail_countdown, memory_order_relaxed) <= 0)) return false;
  return atomic_fetch_sub_explicit(&fail_countdown, 1, memory_order_relaxed) == 1;
}

void mx_alloc_fail_after(int64_t n) { atomic_store(&fail_countdown, n); }
int64_t mx_alloc_fail_pending(void) {
  int64_t n = atomic_load(&fail_countdown);
  return n > 0 ? n : 0;
}
int64_t mx_alloc_live(void) { return atomic_load(&live_blocks); }

static void fail_memory(size_t bytes) {
  mx_fail(MX_EMEMORY, "[malloc] Unable to allocate %zu bytes: in use %zu, cached %zu, limit %zu", bytes, mx_memory_active(),
          mx_memory_cached(), mx_memory_limit());
}

/* No bookkeeping takes a terabyte: such a size is a wrong one, and sanitizers would end the process over it. */
static bool refused(size_t n) { return injected_failure() || n >> 40; }

static void *counted(void *p, size_t n) {
  if (MX_LIKELY(p != NULL)) {
    atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
  } else {
    fail_memory(n);
  }
  return p;
}

void *mx_malloc(size_t n) { return counted(refused(n) ? NULL : malloc(n ? n : 1), n); }

void *mx_calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return counted(NULL, SIZE_MAX);
  return counted(refused(total) ? NULL : calloc(1, total ? total : 1), total);
}

void *mx_realloc(void *p, size_t n) {
  if (!p) return mx_malloc(n);
  void *grown = refused(n) ? NULL : realloc(p, n ? n : 1);
  if (!grown) fail_memory(n);
  return grown;
}

void mx_free(void *p) {
  if (!p) return;
  atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
  free(p);
}

char *mx_strdup(const char *s) {
  size_t n = strlen(s) + 1;
  char *copy = mx_malloc(n);
  if (copy) memcpy(copy, s, n);
  return copy;
}

/* ---- blocks: a header of one cache line, then the data ---- */

/* While a block waits in the cache, head.payload and head.device link it to its neighbours. */
struct block {
  mx_buffer head;
  size_t capacity;  /* bytes after the header; 0 for wrapped memory */
  int64_t freed_at; /* seconds; only for cached blocks */
};
enum {
  HEADER = 64,
  SMALL_STEP = 64,           /* capacities up to SMALL_MOST are multiples of this … */
  SMALL_MOST = 1024,
  SUBCLASSES = 8,            /* … then eight classes to each doubling */
  MAP_FROM = 1 << 20,        /* from here on: pages of our own, exact to MAP_STEP */
  MAP_STEP = 1 << 14,
  HUGE_FROM = 4 << 20,
  HUGE_PAGE = 2 << 20,
  CHECK_FREE_FROM = 64 << 20, /* from here on: ask the system what it has before we take it */
  CLASSES = SMALL_MOST / SMALL_STEP + 1 + 53 * SUBCLASSES,
  AGE_MOST = 20,             /* seconds unused in the cache */
  AGE_CHECK_EVERY = 512,     /* small frees between looks at the clock */
};
_Static_assert(sizeof(struct block) <= HEADER, "the header of a block is one cache line");

static void hide(struct block *b) { /* cached data must not be touched: ASan sees who does */
#ifdef UNDER_ASAN
  ASAN_POISON_MEMORY_REGION((char *)b + HEADER, b->capacity);
#endif
}
static void reveal(struct block *b, size_t bytes) {
#ifdef UNDER_ASAN
  ASAN_UNPOISON_MEMORY_REGION((char *)b + HEADER, bytes);
#endif
}

/* The class whose members hold at least as much as any capacity below it; monotonic in bytes. */
static int class_of(size_t bytes) {
  if (bytes <= SMALL_MOST) return (int)((bytes + SMALL_STEP - 1) / SMALL_STEP);
  int top = 63 - __builtin_clzll((unsigned long long)bytes);
  int sub = (int)(bytes >> (top - 3)) & (SUBCLASSES - 1);
  return SMALL_MOST / SMALL_STEP + 1 + (top - 10) * SUBCLASSES + sub;
}

/* bytes rounded up to what we hand out; 0 when no address space could hold it. */
static size_t capacity_for(size_t bytes) {
  if (bytes > (size_t)PTRDIFF_MAX / 2) return 0;
  if (bytes <= SMALL_STEP) return SMALL_STEP;
  if (bytes <= SMALL_MOST) return MX_ALIGN_UP(bytes, (size_t)SMALL_STEP);
  if (bytes >= MAP_FROM) return MX_ALIGN_UP(bytes, (size_t)MAP_STEP);
  size_t step = (size_t)1 << (63 - __builtin_clzll((unsigned long long)(bytes - 1)) - 3);
  return MX_ALIGN_UP(bytes, step);
}

static size_t map_length(size_t capacity) { return MX_ALIGN_UP(capacity + HEADER, (size_t)4096); }

/* Large blocks lie on huge pages where the system has them: an eighth of the cost of first touch, fewer TLB misses. */
static void *map_pages(size_t length) {
  size_t slack = length >= HUGE_FROM ? HUGE_PAGE : 0;
  char *p = mmap(NULL, length + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  if (!slack) return p;
  char *start = (char *)MX_ALIGN_UP((uintptr_t)p, (uintptr_t)HUGE_PAGE);
  if (start > p) munmap(p, (size_t)(start - p));
  size_t after = (size_t)(p + length + slack - (start + length));
  if (after) munmap(start + length, after);
#ifdef MADV_HUGEPAGE
  (void)madvise(start, length, MADV_HUGEPAGE);
#endif
  return start;
}

static struct block *block_from_system(size_t capacity) {
  void *p = NULL;
  if (capacity >= MAP_FROM) {
    p = map_pages(map_length(capacity));
  } else if (posix_memalign(&p, 64, HEADER + capacity)) {
    p = NULL;
  }
  struct block *b = p;
  if (b) b->capacity = capacity;
  return b;
}

static void block_to_system(struct block *b) {
  reveal(b, b->capacity);
  if (b->capacity >= MAP_FROM) {
    munmap(b, map_length(b->capacity));
  } else {
    free(b);
  }
}

/* ---- the cache ---- */

static struct {
  mx_mutex lock;
  bool ready;
  struct block *newest[CLASSES], *oldest[CLASSES];
  int unchecked;         /* small frees since the last look at the clock */
  int64_t second;        /* what it said */
  int64_t oldest_second; /* no cached block was freed before this */
  _Atomic size_t active, peak, cached, limit, cache_limit, wired_limit;
} cache = {.lock = MX_MUTEX_INIT};

static struct block *next_of(struct block *b) { return b->head.payload; }
static struct block *prev_of(struct block *b) { return b->head.device; }
static size_t get(_Atomic size_t *counter) { return atomic_load_explicit(counter, memory_order_relaxed); }
static void put(_Atomic size_t *counter, size_t v) { atomic_store_explicit(counter, v, memory_order_relaxed); }

static int64_t now_seconds(void) {
  struct timespec t;
#ifdef CLOCK_MONOTONIC_COARSE
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
#else
  clock_gettime(CLOCK_MONOTONIC, &t);
#endif
  return (int64_t)t.tv_sec;
}

static size_t resident_bytes(size_t *virtual_bytes) {
  char line[128];
  unsigned long long pages = 0, resident = 0;
  if (mx_read_line("/proc/self/statm", line, sizeof line)) sscanf(line, "%llu %llu", &pages, &resident);
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  *virtual_bytes = (size_t)pages * page;
  return (size_t)resident * page;
}

/* The part of `whole` that is left after what the process holds already and a sixteenth for what others will take. */
static size_t less_reserve(size_t whole, size_t held) {
  size_t reserve = whole / 16;
  if (held > whole / 2) held = whole / 2;
  return whole - reserve - held;
}

static size_t default_limit(void) {
  size_t virtual_bytes, resident = resident_bytes(&virtual_bytes);
  size_t ram = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
  int64_t group = mx_cgroup_memory(&mx_cgroup_system);
  if ((uint64_t)group < ram) ram = (size_t)group;
  size_t limit = less_reserve(ram, resident);
  struct rlimit as;
  if (getrlimit(RLIMIT_AS, &as) == 0 && as.rlim_cur != RLIM_INFINITY) {
    size_t space = less_reserve((size_t)as.rlim_cur, virtual_bytes);
    if (space < limit) limit = space;
  }
  return limit;
}

static void before_fork(void) { mx_lock(&cache.lock); }
static void after_fork(void) { mx_unlock(&cache.lock); }

/* With the lock held. */
static void make_ready(void) {
  if (MX_LIKELY(cache.ready)) return;
  cache.ready = true;
  put(&cache.limit, default_limit());
  put(&cache.cache_limit, get(&cache.limit) / 2);
  cache.oldest_second = cache.second = now_seconds();
  pthread_atfork(before_fork, after_fork, after_fork);
}

static void cache_unlink(struct block *b) {
  int c = class_of(b->capacity);
  struct block *next = next_of(b), *prev = prev_of(b);
  if (prev) prev->head.payload = next;
  else cache.newest[c] = next;
  if (next) next->head.device = prev;
  else cache.oldest[c] = prev;
  put(&cache.cached, get(&cache.cached) - b->capacity);
}

static void cache_link(struct block *b) {
  int c = class_of(b->capacity);
  struct block *next = cache.newest[c];
  b->head.payload = next;
  b->head.device = NULL;
  if (next) next->head.device = b;
  else cache.oldest[c] = b;
  cache.newest[c] = b;
  put(&cache.cached, get(&cache.cached) + b->capacity);
}

/* Small blocks fit exactly by class; large ones may be up to a quarter too large, looked for in a few steps. */
static struct block *cache_take(size_t capacity) {
  int c = class_of(capacity);
  struct block *found = cache.newest[c];
  if (capacity >= MAP_FROM) {
    size_t most = capacity + capacity / 4;
    int last = class_of(most), steps = 64;
    for (found = NULL; c <= last; c++) {
      for (struct block *b = cache.newest[c]; b && steps > 0; b = next_of(b), steps--) {
        if (b->capacity < capacity || b->capacity > most) continue;
        if (!found || b->capacity < found->capacity) found = b;
        if (found->capacity == capacity) break;
      }
      if (found) break;
    }
  }
  if (found) cache_unlink(found);
  return found;
}

/* Unlinks cached blocks, the longest unused first, until at most `most` bytes stay and none is older than `before`.
 * Returns them as a list: they are given back to the system without the lock. */
static struct block *cache_shrink(size_t most, int64_t before) {
  struct block *gone = NULL;
  while (get(&cache.cached)) {
    struct block *oldest = NULL;
    for (int c = 0; c < CLASSES; c++) {
      struct block *b = cache.oldest[c];
      if (b && (!oldest || b->freed_at < oldest->freed_at ||
                (b->freed_at == oldest->freed_at && b->capacity > oldest->capacity))) {
        oldest = b;
      }
    }
    cache.oldest_second = oldest->freed_at;
    if (get(&cache.cached) <= most && oldest->freed_at >= before) break;
    cache_unlink(oldest);
    oldest->head.payload = gone;
    gone = oldest;
  }
  return gone;
}

static void give_back(struct block *list) {
  while (list) {
    struct block *next = next_of(list);
    block_to_system(list);
    list = next;
  }
}

static void count_active(size_t capacity) {
  size_t active = get(&cache.active) + capacity;
  put(&cache.active, active);
  if (active > get(&cache.peak)) put(&cache.peak, active);
}

/* ---- buffers ---- */

/* Pages that the system cannot back end in its killer, not in an error: what it says it has left counts too. */
static bool system_has(size_t bytes) {
  if (bytes < CHECK_FREE_FROM) return true;
  FILE *f = fopen("/proc/meminfo", "re");
  if (!f) return true;
  char line[128];
  unsigned long long kb = 0;
  bool found = false;
  while (!found && fgets(line, sizeof line, f)) found = sscanf(line, "MemAvailable: %llu kB", &kb) == 1;
  fclose(f);
  return !found || bytes / 1024 < kb;
}

/* A block that was not in the cache: counted first, so that several threads together keep to the limit. */
static struct block *block_fresh(size_t capacity) {
  struct block *b = NULL;
  for (int attempt = 0; attempt < 2 && !b; attempt++) {
    mx_lock(&cache.lock);
    size_t limit = get(&cache.limit), active = get(&cache.active);
    bool fits = active <= limit && capacity <= limit - active;
    size_t room = fits ? limit - active - capacity : 0;
    struct block *gone = get(&cache.cached) > room || attempt ? cache_shrink(attempt ? 0 : room, 0) : NULL;
    if (fits) count_active(capacity);
    mx_unlock(&cache.lock);
    give_back(gone);
    if (!fits) return NULL;
    if (system_has(capacity)) b = block_from_system(capacity);
    if (b) break;
    mx_lock(&cache.lock);
    put(&cache.active, get(&cache.active) - capacity);
    mx_unlock(&cache.lock);
  }
  return b;
}

int mx_buffer_new(mx_buffer **out, size_t bytes, enum mx_memory kind) {
  if (kind != MX_MEMORY_HOST) return mx_fail(MX_ENOTIMPL, "[malloc] No backend offers memory of kind %d", (int)kind);
  size_t capacity = capacity_for(bytes);
  struct block *b = NULL;
  if (capacity && !injected_failure()) {
    mx_lock(&cache.lock);
    make_ready();
    b = cache_take(capacity);
    if (b) count_active(b->capacity);
    mx_unlock(&cache.lock);
    if (!b) b = block_fresh(capacity);
  }
  if (!b) {
    fail_memory(bytes);
    return MX_EMEMORY;
  }
#ifdef UNDER_ASAN
  hide(b); /* what was not asked for stays forbidden */
  size_t size = bytes;
#else
  size_t size = b->capacity;
#endif
  reveal(b, size);
  b->head = (mx_buffer){.kind = (uint8_t)kind, .size = size, .host = (char *)b + HEADER};
  atomic_init(&b->head.refs, 1);
  *out = &b->head;
  return MX_OK;
}

int mx_buffer_wrap(mx_buffer **out, void *host, size_t bytes, bool read_only, void (*release)(void *), void *payload) {
  struct block *b = mx_malloc(sizeof *b);
  if (!b) {
    if (release) release(payload);
    return MX_EMEMORY;
  }
  *b = (struct block){.head = {.kind = MX_MEMORY_HOST, .read_only = read_only, .external = true, .size = bytes, .host = host}};
  b->head.release = release;
  b->head.payload = payload;
  atomic_init(&b->head.refs, 1);
  *out = &b->head;
  return MX_OK;
}

static void buffer_drop(struct block *b) {
  size_t capacity = b->capacity;
  struct block *gone = NULL;
  hide(b);
  mx_lock(&cache.lock);
  put(&cache.active, get(&cache.active) - capacity);
  if (capacity > get(&cache.cache_limit)) {
    b->head.payload = NULL;
    gone = b;
  } else {
    bool look = capacity >= MAP_FROM || ++cache.unchecked >= AGE_CHECK_EVERY;
    if (look) {
      cache.unchecked = 0;
      cache.second = now_seconds();
    }
    b->freed_at = cache.second; /* for a small one the last reading is near enough */
    cache_link(b);
    if (get(&cache.cached) > get(&cache.cache_limit) || (look && cache.oldest_second < cache.second - AGE_MOST)) {
      gone = cache_shrink(get(&cache.cache_limit), look ? cache.second - AGE_MOST : 0);
    }
  }
  mx_unlock(&cache.lock);
  give_back(gone);
}

void mx_buffer_unref(mx_buffer *b) {
  if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1) return;
  if (!b->external) {
    buffer_drop((struct block *)b);
    return;
  }
  void (*release)(void *) = b->release;
  void *payload = b->payload;
  mx_free(b);
  if (release) release(payload);
}

/* ---- counters and limits ---- */

size_t mx_memory_active(void) { return get(&cache.active); }
size_t mx_memory_peak(void) { return get(&cache.peak); }
size_t mx_memory_cached(void) { return get(&cache.cached); }

void mx_memory_reset_peak(void) {
  mx_lock(&cache.lock);
  put(&cache.peak, get(&cache.active));
  mx_unlock(&cache.lock);
}

size_t mx_memory_limit(void) {
  mx_lock(&cache.lock);
  make_ready();
  mx_unlock(&cache.lock);
  return get(&cache.limit);
}

/* Swaps a limit for a new one, then lets go of what the cache may no longer hold. */
static size_t change_limit(_Atomic size_t *which, size_t bytes) {
  mx_lock(&cache.lock);
  make_ready();
  size_t before = get(which);
  put(which, bytes);
  size_t limit = get(&cache.limit), active = get(&cache.active), most = get(&cache.cache_limit);
  size_t room = limit > active ? limit - active : 0;
  struct block *gone = cache_shrink(room < most ? room : most, 0);
  mx_unlock(&cache.lock);
  give_back(gone);
  return before;
}
size_t mx_memory_set_limit(size_t bytes) { return change_limit(&cache.limit, bytes); }
size_t mx_memory_set_cache_limit(size_t bytes) { return change_limit(&cache.cache_limit, bytes); }
size_t mx_memory_set_wired_limit(size_t bytes) { return change_limit(&cache.wired_limit, bytes); }

void mx_memory_clear_cache(void) {
  mx_lock(&cache.lock);
  struct block *gone = cache_shrink(0, 0);
  mx_unlock(&cache.lock);
  give_back(gone);
}
