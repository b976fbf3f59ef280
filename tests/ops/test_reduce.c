/* Reductions, softmax and the statistics made of them. */
#include "ops/text.h"

#define ALL NULL, 0
#define AXES(...) (int[]){__VA_ARGS__}, MX_COUNT(((int[]){__VA_ARGS__}))
static mx_array *matrix(mx_build *b) { return A("float32 (2,3): 1 2 3 4 5 6"); }

TEST(sums_are_at_least_32_bits_wide) {
  BEGIN;
  mx_array *m = matrix(b);
  EXPECT(mx_sum(b, m, ALL, false), "float32 (): 21");
  EXPECT(mx_sum(b, m, AXES(0), false), "float32 (3,): 5 7 9");
  EXPECT(mx_sum(b, m, AXES(-1), true), "float32 (2,1): 6 15");
  EXPECT(mx_sum(b, mx_transpose(b, m, NULL, 0), AXES(1), false), "float32 (3,): 5 7 9");
  EXPECT(mx_sum(b, A("bool (3,): true true false"), ALL, false), "int32 (): 2");
  EXPECT(mx_sum(b, A("uint8 (2,): 200 200"), ALL, false), "uint32 (): 400");
  EXPECT(mx_prod(b, A("int16 (3,): 200 200 2"), ALL, false), "int32 (): 80000");
  EXPECT(mx_sum(b, A("int64 (2,): 9007199254740993 1"), ALL, false), "int64 (): 9007199254740994");
  EXPECT(mx_sum(b, A("int8 (2,): 1 2"), AXES(0), true), "int32 (1,): 3");
  EXPECT(mx_sum(b, m, (int[1]){0}, 0, false), "float32 (2,3): 1 2 3 4 5 6");
  EXPECT(mx_sum(b, A("int8 (): 5"), ALL, false), "int32 (): 5");
  EXPECT(mx_count_nonzero(b, A("float32 (4,): 0 1 nan 0"), ALL, false), "int32 (): 2");
  END;
}
TEST(empty_reductions_give_the_neutral_element_or_an_error) {
  BEGIN;
  EXPECT(mx_sum(b, A("float32 (0,)"), ALL, false), "float32 (): 0");
  EXPECT(mx_prod(b, A("float32 (0,2)"), AXES(0), false), "float32 (2,): 1 1");
  EXPECT(mx_all(b, A("bool (0,)"), ALL, false), "bool (): true");
  EXPECT(mx_any(b, A("bool (0,)"), ALL, false), "bool (): false");
  EXPECT(mx_mean(b, A("float32 (0,)"), ALL, false), "float32 (): nan");
  EXPECT(mx_max(b, A("float32 (0,3)"), AXES(1), false), "float32 (0,):");
  EXPECT_ERROR(mx_min(b, A("float32 (0,3)"), AXES(0), false), MX_EVALUE, "[min] Cannot min reduce over axis 0 with size 0.");
  EXPECT_ERROR(mx_argmax(b, A("float32 (0,3)"), (int[]){0}, false), MX_EVALUE, "[argmax] Cannot argmax reduce zero size array.");
  EXPECT_ERROR(mx_logsumexp(b, A("float32 (0,)"), ALL, false), MX_EVALUE, "[logsumexp] Received empty array.");
  EXPECT_ERROR(mx_median(b, A("float32 (0,)"), ALL, false), MX_EVALUE, "[median] Cannot take median along empty axis.");
  END;
}
TEST(axes_are_checked) {
  BEGIN;
  mx_array *m = matrix(b);
  EXPECT_ERROR(mx_sum(b, m, AXES(5), false), MX_EINDEX, "[sum] Axis 5 is out of bounds for array with 2 dimensions.");
  EXPECT_ERROR(mx_sum(b, m, AXES(0, -2), false), MX_EVALUE, "[sum] Duplicate axes detected");
  EXPECT_ERROR(mx_sum(b, A("float32 (): 1"), AXES(-1), false), MX_EINDEX, "[sum] Axis -1 is out of bounds for array with 0 dimensions.");
  END;
}
TEST(extremes_pass_nan_on) {
  BEGIN;
  mx_array *x = A("float32 (2,2): nan 1 -2 5");
  EXPECT(mx_max(b, x, AXES(1), false), "float32 (2,): nan 5");
  EXPECT(mx_min(b, x, AXES(0), false), "float32 (2,): nan 1");
  EXPECT(mx_max(b, A("bool (2,): false true"), ALL, false), "bool (): true");
  EXPECT(mx_min(b, A("int64 (2,): -9223372036854775808 3"), ALL, false), "int64 (): -9223372036854775808");
  EXPECT(mx_all(b, A("float32 (2,): 1 nan"), ALL, false), "bool (): true");
  EXPECT(mx_any(b, A("complex64 (2,): 0j 2j"), ALL, false), "bool (): true");
  EXPECT(mx_argmax(b, A("float32 (2,3): 1 3 3 9 2 9"), (int[]){1}, false), "uint32 (2,): 1 0");
  EXPECT(mx_argmin(b, A("int32 (2,3): 4 3 3 9 2 9"), NULL, true), "uint32 (1,1): 4");
  EXPECT(mx_argmin(b, A("int32 (2,3): 4 3 3 9 2 9"), (int[]){0}, true), "uint32 (1,3): 0 1 0");
  EXPECT(mx_argmax(b, A("float32 (): 3"), NULL, false), "uint32 (): 0");
  END;
}
TEST(means_and_variances) {
  BEGIN;
  EXPECT(mx_mean(b, A("int32 (2,): 1 2"), ALL, false), "float32 (): 1.5");
  EXPECT(mx_mean(b, matrix(b), AXES(0), true), "float32 (1,3): 2.5 3.5 4.5");
  EXPECT(mx_mean(b, A("float16 (3,): 60000 60000 60000"), ALL, false), "float16 (): 6e+04");
  EXPECT(mx_var(b, A("float32 (3,): 1 2 3"), ALL, false, 0), "float32 (): 0.666667");
  EXPECT(mx_var(b, A("float32 (3,): 1 2 3"), ALL, false, 1), "float32 (): 1");
  EXPECT(mx_var(b, A("float32 (3,): 1 2 3"), ALL, false, 5), "float32 (): inf");
  EXPECT(mx_var(b, A("complex64 (3,): 1+1j 2 3j"), ALL, false, 0), "float32 (): 2.22222");
  EXPECT(mx_std(b, matrix(b), AXES(1), false, 0), "float32 (2,): 0.816497 0.816497");
  EXPECT(mx_median(b, A("int32 (4,): 5 1 4 2"), ALL, false), "float32 (): 3");
  EXPECT(mx_median(b, A("float32 (3,): 1 nan 3"), ALL, false), "float32 (): nan");
  EXPECT(mx_median(b, matrix(b), AXES(0, 1), true), "float32 (1,1): 3.5");
  EXPECT(mx_median(b, matrix(b), AXES(0), false), "float32 (3,): 2.5 3.5 4.5");
  EXPECT(mx_number_of_elements(b, matrix(b), AXES(1), true, MX_FLOAT32), "float32 (): 0.333333");
  END;
}
TEST(softmax_and_logsumexp_along_any_axes) {
  BEGIN;
  EXPECT(mx_softmax(b, A("int32 (3,): 1 2 3"), ALL, false), "float32 (3,): 0.0900306 0.244728 0.665241");
  EXPECT(mx_softmax(b, A("float32 (2,2): 1 2 1 4"), AXES(0), false), "float32 (2,2): 0.5 0.119203 0.5 0.880797");
  EXPECT(mx_softmax(b, A("float32 (2,2): 0 0 0 0"), AXES(0, 1), true), "float32 (2,2): 0.25 0.25 0.25 0.25");
  EXPECT(mx_softmax(b, A("float32 (2,): -inf -inf"), ALL, false), "float32 (2,): nan nan");
  EXPECT(mx_softmax(b, A("float32 (2,0)"), AXES(-1), false), "float32 (2,0):");
  EXPECT(mx_softmax(b, A("float16 (2,): 10 10"), AXES(-1), true), "float16 (2,): 0.5 0.5");
  EXPECT(mx_logsumexp(b, A("float32 (2,): -inf -inf"), ALL, false), "float32 (): -inf");
  EXPECT(mx_logsumexp(b, A("float32 (2,): inf 1"), ALL, false), "float32 (): inf");
  EXPECT(mx_logsumexp(b, A("float32 (2,2): 1 1000 1 1000"), AXES(0), true), "float32 (1,2): 1.69315 1000.69");
  EXPECT(mx_logsumexp(b, A("float32 (2,2): 0 0 0 0"), AXES(0, 1), false), "float32 (): 1.38629");
  EXPECT(mx_softmax(b, A("float32 (): 3"), ALL, false), "float32 (): 1");
  END;
}
