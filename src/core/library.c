/* library.c: dlopen, with the folders of Python packages as places to look. Invariant: the folders are a list that only grows. */
#include "core/library.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/thread.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct folder {
  struct folder *next;
  char path[];
};
static mx_mutex lock = MX_MUTEX_INIT;
static struct folder *folders;

int mx_library_add_folder(const char *path) {
  size_t n = strlen(path) + 1;
  mx_lock(&lock);
  struct folder *f = folders;
  while (f && strcmp(f->path, path)) f = f->next;
  if (!f && (f = mx_malloc(sizeof *f + n))) {
    memcpy(f->path, path, n);
    f->next = folders;
    folders = f;
  }
  mx_unlock(&lock);
  return f ? MX_OK : MX_EMEMORY;
}

static void *open_in(const char *folder, size_t n, const char *package) {
  char path[4096];
  int length = snprintf(path, sizeof path, "%.*s/%s", (int)n, folder, package);
  if (length < 0 || (size_t)length >= sizeof path || access(path, R_OK)) return NULL;
  return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

/* An installed binding lies in <packages>/mlx/: its packages are its neighbours. */
static void *open_beside(const char *package) {
  Dl_info here;
  const char *end;
  if (!dladdr((const void *)&lock, &here) || !here.dli_fname || !(end = strrchr(here.dli_fname, '/'))) return NULL;
  char up[4096];
  int n = snprintf(up, sizeof up, "%.*s/..", (int)(end - here.dli_fname), here.dli_fname);
  return n > 0 && (size_t)n < sizeof up ? open_in(up, (size_t)n, package) : NULL;
}

void *mx_library_open(const char *package, const char *system, char *why, int size) {
  void *library = open_beside(package);
  mx_lock(&lock);
  for (const struct folder *f = folders; f && !library; f = f->next) library = open_in(f->path, strlen(f->path), package);
  mx_unlock(&lock);
  if (!library) library = dlopen(system, RTLD_NOW | RTLD_LOCAL);
  const char *text = library ? "" : dlerror();
  snprintf(why, (size_t)size, "%s", text ? text : "");
  return library;
}

int mx_library_function(void *library, const char *name, void *function) {
  void *at = dlsym(library, name);
  if (!at) return 0;
  memcpy(function, &at, sizeof at); /* ISO C has no cast from an object's address to a function's */
  return 1;
}
