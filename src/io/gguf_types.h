/* gguf_types.h: GGUF's numbers for types of metadata and of tensors. Source: the GGUF specification. */
#ifndef MX_IO_GGUF_TYPES_H
#define MX_IO_GGUF_TYPES_H

#include "graph/load.h"

enum {
  GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STRING, GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64,
  GGUF_VALUE_TYPES,
  GGUF_VERSION = 3,
  GGUF_ALIGNMENT = 32, /* of tensors, unless general.alignment says another */
};
#define GGUF_ALIGNMENT_KEY "general.alignment"

/* The dtype of a type of number; MX_DTYPE_COUNT for strings and arrays. */
static inline enum mx_dtype gguf_value_dtype(uint32_t type) {
  static const uint8_t dtype[GGUF_VALUE_TYPES] = {
      MX_UINT8, MX_INT8, MX_UINT16, MX_INT16, MX_UINT32, MX_INT32, MX_FLOAT32, MX_BOOL, MX_DTYPE_COUNT, MX_DTYPE_COUNT, MX_UINT64, MX_INT64, MX_FLOAT64,
  };
  return (enum mx_dtype)dtype[type];
}

/* Tensor types: those that are told apart here, and their names for messages. */
struct gguf_tensor_type {
  const char *name;
  uint8_t dtype, form;
  bool known;
};
static const struct gguf_tensor_type gguf_tensor_types[] = {
    [0] = {"F32", MX_FLOAT32, MX_LOAD_PLAIN, true},  [1] = {"F16", MX_FLOAT16, MX_LOAD_PLAIN, true},
    [2] = {"Q4_0", MX_FLOAT16, MX_LOAD_Q4_0, true},  [3] = {"Q4_1", MX_FLOAT16, MX_LOAD_Q4_1, true},
    [6] = {"Q5_0", MX_FLOAT16, MX_LOAD_Q5_0, true},  [7] = {"Q5_1", MX_FLOAT16, MX_LOAD_Q5_1, true},
    [8] = {"Q8_0", MX_FLOAT16, MX_LOAD_Q8_0, true},  [9] = {"Q8_1", 0, 0, false},
    [10] = {"Q2_K", MX_FLOAT16, MX_LOAD_Q2_K, true}, [11] = {"Q3_K", MX_FLOAT16, MX_LOAD_Q3_K, true},
    [12] = {"Q4_K", MX_FLOAT16, MX_LOAD_Q4_K, true}, [13] = {"Q5_K", MX_FLOAT16, MX_LOAD_Q5_K, true},
    [14] = {"Q6_K", MX_FLOAT16, MX_LOAD_Q6_K, true}, [15] = {"Q8_K", MX_FLOAT16, MX_LOAD_Q8_K, true},
    [16] = {"IQ2_XXS", 0, 0, false},                 [17] = {"IQ2_XS", 0, 0, false},
    [18] = {"IQ3_XXS", 0, 0, false},                 [19] = {"IQ1_S", 0, 0, false},
    [20] = {"IQ4_NL", 0, 0, false},                  [21] = {"IQ3_S", 0, 0, false},
    [22] = {"IQ2_S", 0, 0, false},                   [23] = {"IQ4_XS", 0, 0, false},
    [24] = {"I8", MX_INT8, MX_LOAD_PLAIN, true},     [25] = {"I16", MX_INT16, MX_LOAD_PLAIN, true},
    [26] = {"I32", MX_INT32, MX_LOAD_PLAIN, true},   [27] = {"I64", MX_INT64, MX_LOAD_PLAIN, true},
    [28] = {"F64", MX_FLOAT64, MX_LOAD_PLAIN, true}, [29] = {"IQ1_M", 0, 0, false},
    [30] = {"BF16", MX_BFLOAT16, MX_LOAD_PLAIN, true}, [34] = {"TQ1_0", 0, 0, false},
    [35] = {"TQ2_0", 0, 0, false},                   [39] = {"MXFP4", 0, 0, false},
};

#endif
