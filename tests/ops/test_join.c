/* Arrays put together and taken apart. */
#include "graph/params.h"
#include "ops/text.h"

static mx_array *matrix(mx_build *b) { return A("int32 (2,3): 0 1 2 3 4 5"); }

TEST(concatenation_and_stacking) {
  BEGIN;
  mx_array *m = matrix(b), *two[2] = {m, A("float16 (2,1): 8 9")};
  EXPECT(mx_concatenate(b, two, 2, -1), "float16 (2,4): 0 1 2 8 3 4 5 9");
  two[1] = m;
  EXPECT(mx_concatenate(b, two, 2, 0), "int32 (4,3): 0 1 2 3 4 5 0 1 2 3 4 5");
  EXPECT(mx_stack(b, two, 2, 1), "int32 (2,2,3): 0 1 2 0 1 2 3 4 5 3 4 5");
  EXPECT(mx_stack(b, two, 2, -1), "int32 (2,3,2): 0 0 1 1 2 2 3 3 4 4 5 5");
  two[0] = A("int32 (0,3)");
  EXPECT(mx_concatenate(b, two, 2, 0), "int32 (2,3): 0 1 2 3 4 5");
  two[0] = A("int32 (2,4): 0 0 0 0 0 0 0 0");
  EXPECT_ERROR(mx_concatenate(b, two, 2, 0), MX_EVALUE, "All the input array dimensions must match exactly except for the concatenation axis.");
  EXPECT_ERROR(mx_concatenate(b, two, 2, 5), MX_EINDEX, "[concatenate] Axis 5 is out of bounds for array with 2 dimensions.");
  EXPECT_ERROR(mx_concatenate(b, NULL, 0, 0), MX_EVALUE, "[concatenate] No arrays provided for concatenation");
  EXPECT_ERROR(mx_stack(b, two, 2, 0), MX_EVALUE, "[stack] All arrays must have the same shape");
  END;
}
TEST(splits_are_slices) {
  BEGIN;
  mx_array *ten = A("int32 (10,): 0 1 2 3 4 5 6 7 8 9"), *part[5];
  mx_split_at(b, ten, (int64_t[]){3, 7, 20, 5}, 4, 0, part);
  EXPECT(part[1], "int32 (4,): 3 4 5 6");
  EXPECT(part[2], "int32 (3,): 7 8 9");
  EXPECT(part[3], "int32 (0,):");
  EXPECT(part[4], "int32 (5,): 5 6 7 8 9");
  mx_split_at(b, ten, (int64_t[]){-3}, 1, 0, part);
  EXPECT(part[0], "int32 (7,): 0 1 2 3 4 5 6");
  mx_split(b, matrix(b), 3, 1, part);
  EXPECT(part[2], "int32 (2,1): 2 5");
  EXPECT_ERROR((mx_split(b, matrix(b), 4, 1, part), part[0]), MX_EVALUE, "attempting 4 splits along axis 1 for shape (2,3).");
  END;
}
TEST(padding_in_every_mode) {
  BEGIN;
  int axis = 0;
  int64_t two = 2, four = 4, none = 0, minus = -1;
  mx_array *x = A("int32 (3,): 0 1 2"), *v = A("float32 (): 7.5");
  EXPECT(mx_pad(b, x, &axis, 1, &two, &none, v, MX_PAD_CONSTANT), "int32 (5,): 7 7 0 1 2");
  EXPECT(mx_pad(b, x, &axis, 1, &two, &two, v, MX_PAD_EDGE), "int32 (7,): 0 0 0 1 2 2 2");
  EXPECT(mx_pad(b, x, &axis, 1, &four, &four, v, MX_PAD_REFLECT), "int32 (11,): 0 1 2 1 0 1 2 1 0 1 2");
  EXPECT(mx_pad(b, x, &axis, 1, &two, &two, v, MX_PAD_SYMMETRIC), "int32 (7,): 1 0 0 1 2 2 1");
  EXPECT(mx_pad(b, A("int32 (1,2): 1 2"), (int[]){0, 1}, 2, (int64_t[]){1, 0}, (int64_t[]){0, 1}, A("int32 (): 9"), MX_PAD_CONSTANT),
         "int32 (2,3): 9 9 9 1 2 9");
  EXPECT(mx_pad(b, A("int32 (1,2): 1 2"), (int[]){0}, 1, &two, &none, A("int32 (2,): 8 9"), MX_PAD_CONSTANT), "int32 (3,2): 8 9 8 9 1 2");
  EXPECT_ERROR(mx_pad(b, x, &axis, 1, &minus, &none, v, MX_PAD_CONSTANT), MX_EVALUE, "Invalid low padding size (-1) passed to pad for axis 0.");
  EXPECT_ERROR(mx_pad(b, A("int32 (0,)"), &axis, 1, &two, &none, v, MX_PAD_EDGE), MX_EVALUE, "[pad] Cannot pad the empty axis 0");
  END;
}
TEST(repetition) {
  BEGIN;
  mx_array *m = matrix(b);
  EXPECT(mx_tile(b, m, (int64_t[]){2}, 1), "int32 (2,6): 0 1 2 0 1 2 3 4 5 3 4 5");
  EXPECT(mx_tile(b, A("int32 (2,): 1 2"), (int64_t[]){2, 1}, 2), "int32 (2,2): 1 2 1 2");
  EXPECT(mx_repeat(b, m, 2, NULL), "int32 (12,): 0 0 1 1 2 2 3 3 4 4 5 5");
  EXPECT(mx_repeat(b, m, 0, (int[]){0}), "int32 (0,3):");
  EXPECT(mx_repeat(b, A("int32 (2,1): 1 2"), 2, (int[]){1}), "int32 (2,2): 1 1 2 2");
  EXPECT_ERROR(mx_repeat(b, m, -1, NULL), MX_EVALUE, "[repeat] Number of repeats cannot be negative");
  EXPECT_ERROR(mx_tile(b, m, (int64_t[]){-1}, 1), MX_EVALUE, "[tile] Negative");
  END;
}
TEST(rolls_and_flips) {
  BEGIN;
  mx_array *m = matrix(b);
  EXPECT(mx_roll(b, m, (int64_t[]){1}, 1, NULL, 0), "int32 (2,3): 5 0 1 2 3 4");
  EXPECT(mx_roll(b, m, (int64_t[]){1, 2}, 2, (int[]){0, 1}, 2), "int32 (2,3): 4 5 3 1 2 0");
  EXPECT(mx_roll(b, m, (int64_t[]){1, 2}, 2, (int[]){0}, 1), "int32 (2,3): 3 4 5 0 1 2");
  EXPECT(mx_roll(b, m, (int64_t[]){-4}, 1, (int[]){1}, 1), "int32 (2,3): 1 2 0 4 5 3");
  EXPECT(mx_roll(b, A("int32 (0,)"), (int64_t[]){1}, 1, (int[]){0}, 1), "int32 (0,):");
  EXPECT(mx_flip(b, m, (int[]){1}, 1), "int32 (2,3): 2 1 0 5 4 3");
  EXPECT(mx_flip(b, m, NULL, 0), "int32 (2,3): 5 4 3 2 1 0");
  EXPECT_ERROR(mx_roll(b, m, (int64_t[]){1}, 1, (int[]){4}, 1), MX_EINDEX, "[roll]");
  END;
}
TEST(depends_hands_its_inputs_on) {
  BEGIN;
  mx_array *in[2] = {matrix(b), A("float32 (): 2")}, *dep = mx_exp(b, in[1]), *out[2];
  mx_depends(b, in, 2, &dep, 1, out);
  EXPECT(out[0], "int32 (2,3): 0 1 2 3 4 5");
  EXPECT(out[1], "float32 (): 2");
  CHECK(mx_is_done(dep));
  END;
}
