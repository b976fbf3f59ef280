/* regression.c: a line fitted by gradient descent, the gradient taken by mlx_value_and_grad of a C function. */
#include <mlx/c/mlx.h>

#include <math.h>
#include <stdio.h>

enum { POINTS = 64, STEPS = 200 };

struct data {
  mlx_array x, y;
  mlx_stream s;
};

/* parameters (w, b) → mean((w x + b - y)²). A closure returns a status, as every function does. */
static int loss(mlx_vector_array *res, const mlx_vector_array parameters, void *payload) {
  struct data *d = payload;
  mlx_array w = mlx_array_new(), b = mlx_array_new(), t = mlx_array_new();
  int bad = mlx_vector_array_get(&w, parameters, 0) || mlx_vector_array_get(&b, parameters, 1) ||
            mlx_multiply(&t, w, d->x, d->s) || mlx_add(&t, t, b, d->s) || mlx_subtract(&t, t, d->y, d->s) ||
            mlx_square(&t, t, d->s) || mlx_mean(&t, t, false, d->s);
  if (!bad) bad = mlx_vector_array_set_value(res, t);
  mlx_array_free(w);
  mlx_array_free(b);
  mlx_array_free(t);
  return bad;
}

/* parameters[i] -= rate * gradients[i], in place of what the vector held. */
static int descend(mlx_vector_array *parameters, const mlx_vector_array gradients, mlx_array rate, mlx_stream s) {
  mlx_vector_array next = mlx_vector_array_new();
  int bad = 0;
  for (size_t i = 0; i < mlx_vector_array_size(gradients) && !bad; i++) {
    mlx_array p = mlx_array_new(), g = mlx_array_new();
    bad = mlx_vector_array_get(&p, *parameters, i) || mlx_vector_array_get(&g, gradients, i) ||
          mlx_multiply(&g, g, rate, s) || mlx_subtract(&p, p, g, s) || mlx_vector_array_append_value(next, p);
    mlx_array_free(p);
    mlx_array_free(g);
  }
  if (!bad) bad = mlx_eval(next) || mlx_vector_array_set(parameters, next);
  mlx_vector_array_free(next);
  return bad;
}

static float item(const mlx_vector_array v, size_t i) {
  float value = NAN;
  mlx_array a = mlx_array_new();
  if (mlx_vector_array_get(&a, v, i) == 0) mlx_array_item_float32(&value, a);
  mlx_array_free(a);
  return value;
}

int main(void) {
  float x[POINTS], y[POINTS];
  for (int i = 0; i < POINTS; i++) {
    x[i] = (float)i / POINTS;
    y[i] = 3 * x[i] - 1;
  }
  int shape[] = {POINTS}, both[] = {0, 1};
  struct data d = {mlx_array_new_data(x, shape, 1, MLX_FLOAT32), mlx_array_new_data(y, shape, 1, MLX_FLOAT32),
                   mlx_default_cpu_stream_new()};
  mlx_array zero = mlx_array_new_float32(0), rate = mlx_array_new_float32(0.5f);
  mlx_array start[] = {zero, zero};
  mlx_vector_array parameters = mlx_vector_array_new_data(start, 2);

  mlx_closure f = mlx_closure_new_func_payload(loss, &d, NULL);
  mlx_closure_value_and_grad vg = mlx_closure_value_and_grad_new();
  int bad = mlx_value_and_grad(&vg, f, both, 2);

  mlx_vector_array value = mlx_vector_array_new(), gradients = mlx_vector_array_new();
  for (int step = 0; step < STEPS && !bad; step++) {
    bad = mlx_closure_value_and_grad_apply(&value, &gradients, vg, parameters);
    if (!bad && step % 50 == 0) printf("step %3d: loss %.6f\n", step, (double)item(value, 0));
    if (!bad) bad = descend(&parameters, gradients, rate, d.s);
  }
  float w = item(parameters, 0), b = item(parameters, 1);
  printf("y = %.4f x %+.4f\n", (double)w, (double)b);

  mlx_vector_array_free(value);
  mlx_vector_array_free(gradients);
  mlx_vector_array_free(parameters);
  mlx_closure_value_and_grad_free(vg);
  mlx_closure_free(f);
  mlx_array_free(zero);
  mlx_array_free(rate);
  mlx_array_free(d.x);
  mlx_array_free(d.y);
  mlx_stream_free(d.s);
  return bad || fabsf(w - 3) > 0.01f || fabsf(b + 1) > 0.01f;
}
