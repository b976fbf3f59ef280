/* test_alloc.c: counters, cache, limits and failures of memory. */
#include "../test.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static mx_buffer *buffer(size_t bytes) {
  mx_buffer *b = NULL;
  CHECK_OK(mx_buffer_new(&b, bytes, MX_MEMORY_HOST));
  return b;
}

TEST(bookkeeping_memory_is_counted) {
  int64_t live = mx_alloc_live();
  void *p = mx_malloc(0), *q = mx_calloc(3, 5);
  char *s = mx_strdup("text");
  REQUIRE(p && q && s && p != q);
  for (int i = 0; i < 15; i++) CHECK_INT(((char *)q)[i], 0);
  CHECK_STR(s, "text");
  q = mx_realloc(q, 4000);
  void *r = mx_realloc(NULL, 10);
  REQUIRE(q && r);
  CHECK_INT(mx_alloc_live() - live, 4);
  mx_free(p);
  mx_free(q);
  mx_free(r);
  mx_free(s);
  mx_free(NULL);
  CHECK_INT(mx_alloc_live(), live);
}

TEST(the_nth_allocation_fails_once_when_told_to) {
  mx_alloc_fail_after(2);
  CHECK_INT(mx_alloc_fail_pending(), 2);
  void *p = mx_malloc(8), *q = mx_malloc(8), *r = mx_malloc(8);
  CHECK(p && !q && r);
  CHECK_INT(mx_error_class(), MX_EMEMORY);
  CHECK_INT(mx_alloc_fail_pending(), 0);
  mx_error_clear();
  mx_free(p);
  mx_free(r);
  mx_buffer *b = NULL;
  mx_alloc_fail_after(1);
  CHECK_ERROR(mx_buffer_new(&b, 100, MX_MEMORY_HOST), MX_EMEMORY, "[malloc]");
  CHECK(b == NULL);
  p = mx_malloc(8);
  mx_alloc_fail_after(1);
  CHECK(mx_realloc(p, 100) == NULL);
  mx_error_clear();
  mx_free(p);
}

TEST(products_and_sizes_that_overflow_are_errors) {
  volatile size_t huge = SIZE_MAX;
  CHECK(mx_calloc(huge / 2, 3) == NULL);
  CHECK_INT(mx_error_class(), MX_EMEMORY);
  CHECK(mx_malloc(huge / 2 - 100) == NULL);
  mx_buffer *b = NULL;
  for (int shift = 0; shift < 8; shift++) {
    CHECK_ERROR(mx_buffer_new(&b, (huge >> shift) - 3, MX_MEMORY_HOST), MX_EMEMORY, "limit");
  }
}

TEST(buffers_are_aligned_sized_and_counted) {
  static const size_t sizes[] = {0, 1, 63, 64, 65, 1000, 1024, 1025, 4097, 70001, 1 << 20, (1 << 20) + 1, 5 << 20, 9000001};
  size_t active = mx_memory_active();
  mx_buffer *kept[MX_COUNT(sizes)];
  size_t sum = 0;
  for (int i = 0; i < MX_COUNT(sizes); i++) {
    mx_buffer *b = kept[i] = buffer(sizes[i]);
    CHECK(b->size >= sizes[i]);
    CHECK_INT((uintptr_t)b->host % 64, 0);
    CHECK_INT(b->refs, 1);
    CHECK(!b->external && !b->read_only);
    memset(b->host, i, b->size);
    sum += b->size;
  }
  CHECK(mx_memory_active() - active >= sum);
  CHECK(mx_memory_peak() >= mx_memory_active());
  for (int i = 0; i < MX_COUNT(sizes); i++) {
    for (size_t j = 0; j < sizes[i]; j++) {
      if (((unsigned char *)kept[i]->host)[j] != i) {
        CHECK_INT(j, -1);
        break;
      }
    }
    mx_buffer_unref(kept[i]);
  }
  CHECK_INT(mx_memory_active(), active);
  mx_memory_reset_peak();
  CHECK_INT(mx_memory_peak(), active);
}

TEST(a_freed_buffer_serves_the_next_of_about_its_size) {
  mx_memory_clear_cache();
  CHECK_INT(mx_memory_cached(), 0);
  static const size_t sizes[] = {32, 700, 5000, 100000, 3 << 20, 64 << 20};
  for (int i = 0; i < MX_COUNT(sizes); i++) {
    mx_buffer *b = buffer(sizes[i]);
    void *place = b->host;
    mx_buffer_unref(mx_buffer_ref(b));
    mx_buffer_unref(b);
    CHECK(mx_memory_cached() >= sizes[i]);
    b = buffer(sizes[i]);
    CHECK(b->host == place);
    mx_buffer_unref(b);
  }
  mx_memory_clear_cache();
  mx_buffer *b = buffer(10 << 20);
  void *place = b->host;
  mx_buffer_unref(b);
  b = buffer(9 << 20);
  CHECK(b->host == place);
  mx_buffer_unref(b);
  size_t cached = mx_memory_cached();
  b = buffer(7 << 20); /* 10 is more than a quarter too much */
  CHECK_INT(mx_memory_cached(), cached);
  mx_buffer_unref(b);
}

TEST(the_cache_keeps_to_its_limit_and_drops_the_longest_unused) {
  mx_memory_clear_cache();
  size_t before = mx_memory_set_cache_limit(8 << 20);
  mx_buffer *b[6];
  for (int i = 0; i < 6; i++) b[i] = buffer(2 << 20);
  for (int i = 0; i < 6; i++) mx_buffer_unref(b[i]);
  CHECK(mx_memory_cached() <= 8 << 20 && mx_memory_cached() >= 6 << 20);
  mx_buffer *large = buffer(20 << 20);
  mx_buffer_unref(large); /* larger than the whole cache may be: given back at once */
  CHECK(mx_memory_cached() <= 8 << 20 && mx_memory_cached() >= 6 << 20);
  CHECK_INT(mx_memory_set_cache_limit(0), 8 << 20);
  CHECK_INT(mx_memory_cached(), 0);
  mx_buffer_unref(buffer(100));
  CHECK_INT(mx_memory_cached(), 0);
  mx_memory_set_cache_limit(before);
}

TEST(over_the_limit_the_cache_goes_first_then_an_error_names_the_numbers) {
  mx_memory_clear_cache();
  size_t active = mx_memory_active(), before = mx_memory_set_limit(active + (32 << 20));
  CHECK_INT(mx_memory_limit(), active + (32 << 20));
  mx_buffer *a = buffer(20 << 20), *b = NULL;
  CHECK_ERROR(mx_buffer_new(&b, 20 << 20, MX_MEMORY_HOST), MX_EMEMORY, "[malloc] Unable to allocate 20971520 bytes: in use");
  CHECK(b == NULL);
  mx_buffer *small = buffer(100); /* the next small one works */
  mx_buffer_unref(small);
  mx_buffer_unref(a); /* now cached, and in the way of a larger one */
  a = buffer(30 << 20);
  CHECK(mx_memory_cached() < 20 << 20);
  mx_buffer_unref(a);
  mx_memory_set_limit(before);
  CHECK_INT(mx_memory_limit(), before);
  size_t wired = mx_memory_set_wired_limit(5);
  CHECK_INT(mx_memory_set_wired_limit(wired), 5);
}

TEST(memory_that_no_backend_offers_is_refused) {
  mx_buffer *b = NULL;
  CHECK_ERROR(mx_buffer_new(&b, 8, MX_MEMORY_DEVICE), MX_ENOTIMPL, "No backend");
}

static void count_release(void *payload) { ++*(int *)payload; }
TEST_TORTURE(wrapped_memory_is_released_once_also_on_failure) {
  int released = 0;
  char data[16];
  mx_buffer *b = NULL;
  size_t active = mx_memory_active();
  int status = mx_buffer_wrap(&b, data, sizeof data, true, count_release, &released);
  if (status == MX_OK) {
    CHECK(b->external && b->read_only && b->host == data && b->size == sizeof data);
    CHECK_INT(mx_memory_active(), active);
    mx_buffer_unref(mx_buffer_ref(b));
    CHECK_INT(released, 0);
    mx_buffer_unref(b);
  }
  CHECK_INT(released, 1);
  CHECK_OK(status);
  mx_buffer_unref(NULL);
}

static void *churn(void *arg) {
  uint32_t x = (uint32_t)(uintptr_t)arg * 2654435761u + 1;
  mx_buffer *held[16] = {0};
  for (int i = 0; i < 20000; i++) {
    x = x * 1664525u + 1013904223u;
    mx_buffer **slot = &held[x >> 28];
    mx_buffer_unref(*slot);
    *slot = NULL;
    size_t bytes = (size_t)1 << ((x >> 16) % 18);
    if (mx_buffer_new(slot, bytes, MX_MEMORY_HOST)) continue;
    memset((*slot)->host, i, 1);
    if (i % 4096 == 0) mx_memory_clear_cache();
  }
  for (int i = 0; i < 16; i++) mx_buffer_unref(held[i]);
  return NULL;
}
TEST(threads_share_the_cache) {
  size_t active = mx_memory_active();
  pthread_t id[4];
  int started = 0;
  for (; started < 4 && mx_thread_start(&id[started], churn, (void *)(uintptr_t)(started + 1), "test-churn"); started++) {}
  for (int i = 0; i < started; i++) pthread_join(id[i], NULL);
  CHECK_INT(started, 4);
  CHECK_INT(mx_memory_active(), active);
}

#ifndef SANITIZED /* which take far more address space than they use, and do not fork well */
/* Earlier tests' threads have left this process some hundred megabytes of reserved addresses: 400 beyond those. */
static int starve(void) {
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (!f || fscanf(f, "%ld", &pages) != 1) return 1;
  fclose(f);
  rlim_t room = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + ((rlim_t)400 << 20);
  struct rlimit small = {room, room};
  if (setrlimit(RLIMIT_AS, &small) || getrlimit(RLIMIT_AS, &small)) return 2;
  if (small.rlim_cur != room) return 0; /* qemu-user accepts a cap and sets none */
  mx_buffer *held[64] = {0}, *b = NULL;
  int n = 0;
  while (n < 64 && mx_buffer_new(&held[n], 48 << 20, MX_MEMORY_HOST) == MX_OK) {
    memset(held[n]->host, 1, 4096);
    n++;
  }
  if (n == 0 || n == 64 || mx_error_class() != MX_EMEMORY) return 3;
  if (mx_buffer_new(&b, 1000, MX_MEMORY_HOST)) return 4;
  for (int i = 0; i < n; i++) mx_buffer_unref(held[i]);
  return mx_buffer_new(&b, 96 << 20, MX_MEMORY_HOST) ? 5 : 0;
}
TEST(a_capped_address_space_gives_an_error_and_the_next_small_one_works) {
  pid_t child = fork();
  if (child == 0) _exit(starve());
  int status = -1;
  waitpid(child, &status, 0);
  CHECK_INT(status, 0);
}
#endif
