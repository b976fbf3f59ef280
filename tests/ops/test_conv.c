/* Convolutions: what they give, what they refuse, their derivatives' shapes. */
#include "eval/eval.h"
#include "graph/prim.h"
#include "ops/text.h"

static const struct mx_conv plain = {.groups = 1};

TEST(convolutions_by_hand) {
  BEGIN;
  mx_array *x = A("float32 (1,4,1): 1 2 3 4"), *w = A("float32 (1,2,1): 1 10");
  static const int64_t two = 2, one = 1, cut = -1;
  struct mx_conv p = plain;
  EXPECT(mx_conv_general(b, x, w, &p), "float32 (1,3,1): 21 32 43");
  p.flip = true;
  EXPECT(mx_conv_general(b, x, w, &p), "float32 (1,3,1): 12 23 34");
  p.lo = &one, p.nlo = 1;
  EXPECT(mx_conv_general(b, x, w, &p), "float32 (1,4,1): 1 12 23 34");
  p.stride = &two, p.nstride = 1;
  EXPECT(mx_conv_general(b, x, w, &p), "float32 (1,2,1): 1 23");
  p = plain, p.lo = p.hi = &cut, p.nlo = p.nhi = 1;
  EXPECT(mx_conv_general(b, x, w, &p), "float32 (1,1,1): 32");
  p = plain, p.input_dilation = &two, p.ninput_dilation = 1;
  EXPECT(mx_conv_general(b, x, w, &p), "float32 (1,6,1): 1 20 2 30 3 40");
  p.kernel_dilation = &two, p.nkernel_dilation = 1;
  EXPECT(mx_conv_general(b, x, w, &p), "float32 (1,5,1): 21 0 32 0 43");
  EXPECT(mx_conv_transpose(b, x, w, 1, &two, (int64_t[]){0}, &one, &one, 1), "float32 (1,9,1): 1 10 2 20 3 30 4 40 0");
  EXPECT(mx_conv_general(b, A("int8 (1,3,1): 100 100 1"), A("int8 (1,2,1): 2 -1"), &plain), "int8 (1,2,1): 100 -57");
  EXPECT(mx_conv_general(b, A("complex64 (1,2,1): 1j 2"), A("float32 (1,2,1): 1 3"), &plain), "complex64 (1,1,1): 6+1j");
  p = plain, p.groups = 2;
  EXPECT(mx_conv_general(b, A("float32 (1,2,2): 1 2 3 4"), A("float32 (4,1,1): 1 10 100 1000"), &p),
         "float32 (1,2,4): 1 10 200 2000 3 30 400 4000");
  END;
}

TEST(convolutions_refuse_what_does_not_fit) {
  BEGIN;
  mx_array *x = A("float32 (1,4,1): 1 2 3 4"), *w = A("float32 (1,2,1): 1 10");
  static const int64_t huge = (int64_t)1 << 50, zero = 0, many[2] = {1, 1};
  struct mx_conv p = plain;
  EXPECT_ERROR(mx_conv_general(b, x, A("float32 (1,5,1): 1 1 1 1 1"), &p), MX_EVALUE,
               "[conv] Spatial dimensions of input after padding cannot be smaller than weight spatial dimensions. Got error at axis 1 for "
               "input with shape (1,4,1), padding low (0,), padding high (0,), and weight of shape (1,5,1).");
  p.groups = 3;
  EXPECT_ERROR(mx_conv_general(b, x, w, &p), MX_EVALUE, "[conv] The input channels must be divisible");
  p = plain, p.hi = &huge, p.nhi = 1;
  EXPECT_ERROR(mx_conv_general(b, x, w, &p), MX_EVALUE, "[conv] padding high is out of range");
  p = plain, p.input_dilation = &huge, p.ninput_dilation = 1;
  EXPECT_ERROR(mx_conv_general(b, x, w, &p), MX_EVALUE, "[conv] Input dilation sizes is out of range");
  p = plain, p.stride = &zero, p.nstride = 1;
  EXPECT_ERROR(mx_conv_general(b, x, w, &p), MX_EVALUE, "[conv] Stride sizes must be positive. Got (0,).");
  p = plain, p.stride = many, p.nstride = 2;
  EXPECT_ERROR(mx_conv_general(b, x, w, &p), MX_EVALUE, "[conv] Invalid strides (1,1) for 1D convolution.");
  END;
}

TEST_TORTURE(a_convolution_and_its_derivatives_under_failing_allocations) {
  BEGIN;
  static const int64_t two = 2;
  mx_array *x = A("float16 (1,4,2): 1 2 3 4 5 6 7 8"), *w = A("float16 (2,2,1): 1 1 2 2");
  struct mx_conv p = {.groups = 2, .input_dilation = &two, .ninput_dilation = 1};
  mx_array *y = mx_conv_general(b, x, w, &p), *grads[2] = {NULL}, *cot[1] = {y};
  if (y)
    mx_prim_conv.vjp(b, &(struct mx_call){.prim = &mx_prim_conv, .in = (mx_array *[]){x, w}, .out = &y, .nin = 2, .nout = 1, .p = y->node->p},
                     cot, (bool[]){true, true}, grads);
  if (!b->status) b->status = mx_eval(&y, 1);
  if (!b->status) {
    CHECK_INT(grads[0]->t.ndim + grads[1]->t.ndim, 6);
    CHECK_NEAR(text_value(y, 5, false), 8, 0);
  }
  END;
}
