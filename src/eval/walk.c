/* walk.c: a depth-first walk with its own stack on the heap; epochs tell what this walk has seen. */
#include "eval/walk.h"

#include "core/error.h"

#include <string.h>

mx_mutex mx_walk_lock = MX_MUTEX_INIT;
static uint64_t last_epoch;

uint64_t mx_walk_epoch(void) { return ++last_epoch; }

void mx_walk_init(struct mx_walk *w) {
  w->nodes = w->few;
  w->stack = w->few_frames;
  w->n = w->depth = 0;
  w->cap = w->room = MX_COUNT(w->few);
}

void mx_walk_free(struct mx_walk *w) {
  if (w->nodes != w->few) mx_free(w->nodes);
  if (w->stack != w->few_frames) mx_free(w->stack);
}

/* Doubles a list that began inside the walk. */
static void *grow(void *list, const void *few, int64_t *cap, size_t item) {
  void *more = mx_malloc(2 * (size_t)*cap * item);
  if (!more) return NULL;
  memcpy(more, list, (size_t)*cap * item);
  if (list != few) mx_free(list);
  *cap *= 2;
  return more;
}

static int push(struct mx_walk *w, mx_node *n) {
  if (w->depth == w->room) {
    void *more = grow(w->stack, w->few_frames, &w->room, sizeof *w->stack);
    if (!more) return MX_EMEMORY;
    w->stack = more;
  }
  w->stack[w->depth++] = (struct mx_walk_frame){n, 0};
  return MX_OK;
}

static int emit(struct mx_walk *w, mx_node *n) {
  if (w->n == w->cap) {
    void *more = grow(w->nodes, w->few, &w->cap, sizeof *w->nodes);
    if (!more) return MX_EMEMORY;
    w->nodes = more;
  }
  w->nodes[w->n++] = n;
  return MX_OK;
}

int mx_walk_run(struct mx_walk *w, mx_array *const *roots, int64_t nroots,
                int (*visit)(void *ctx, mx_node *n, bool *enter), void *ctx) {
  int status = MX_OK;
  for (int64_t r = 0; r < nroots && !status; r++) {
    bool enter;
    status = visit(ctx, roots[r]->node, &enter);
    if (!status && enter) status = push(w, roots[r]->node);
    while (!status && w->depth) {
      struct mx_walk_frame *top = &w->stack[w->depth - 1];
      if (top->next == top->node->nin) {
        w->depth--;
        status = emit(w, top->node);
        continue;
      }
      mx_node *child = top->node->in[top->next++]->node;
      status = visit(ctx, child, &enter);
      if (!status && enter) status = push(w, child);
    }
  }
  return status;
}
