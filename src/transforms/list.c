/* list.c: the list of references that transforms return through. */
#include "transforms/transforms.h"

int mx_list_add(struct mx_list *l, mx_array *a) {
  if (l->n == l->cap) {
    int64_t cap = l->cap ? 2 * l->cap : 8;
    mx_array **at = mx_realloc(l->at, (size_t)cap * sizeof *at);
    if (!at) return MX_EMEMORY;
    l->at = at, l->cap = cap;
  }
  l->at[l->n++] = mx_ref(a);
  return MX_OK;
}

void mx_list_clear(struct mx_list *l) {
  for (int64_t i = 0; i < l->n; i++) mx_unref(l->at[i]);
  mx_free(l->at);
  *l = (struct mx_list){NULL, 0, 0};
}
