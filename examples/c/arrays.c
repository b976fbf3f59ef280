/* arrays.c: arrays from C: made, added, printed, and an error that comes back as a status. */
#include <mlx/c/mlx.h>

#include <stdio.h>

static void remember(const char *text, void *data) { snprintf((char *)data, 256, "%s", text); }

int main(void) {
  mlx_stream s = mlx_default_cpu_stream_new();
  int shape[] = {2, 3};
  float numbers[] = {1, 2, 3, 4, 5, 6};
  mlx_array a = mlx_array_new_data(numbers, shape, 2, MLX_FLOAT32);
  mlx_array half = mlx_array_new_float32(0.5f);
  mlx_array b = mlx_array_new(), total = mlx_array_new();

  /* Nothing is computed until a value is asked for. A call replaces what its result held. */
  int bad = mlx_multiply(&b, a, half, s);
  bad |= mlx_add(&b, a, b, s);
  bad |= mlx_sum(&total, b, false, s);
  bad |= mlx_array_eval(total);
  float sum = 0;
  bad |= mlx_array_item_float32(&sum, total);

  mlx_string text = mlx_string_new();
  bad |= mlx_array_tostring(&text, b);
  printf("a + a / 2 =\n%s\nits sum is %g\n", mlx_string_data(text), (double)sum);

  /* Shapes that do not fit: a status, and the text where the handler wants it. b keeps its value. */
  char message[256] = "";
  mlx_set_error_handler(remember, message, NULL);
  int wide[] = {4};
  mlx_array c = mlx_array_new_data(numbers, wide, 1, MLX_FLOAT32);
  int status = mlx_add(&b, a, c, s);
  printf("adding (2,3) and (4): status %d, \"%s\"\n", status, message);

  mlx_string_free(text);
  mlx_array_free(a);
  mlx_array_free(b);
  mlx_array_free(c);
  mlx_array_free(half);
  mlx_array_free(total);
  mlx_stream_free(s);
  return bad || sum != 31.5f || status == 0 || message[0] == '\0';
}
