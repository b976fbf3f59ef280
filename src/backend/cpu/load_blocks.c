/* load_blocks.c: decoders of GGUF's quantized blocks.
 * Source: the block layouts of ggml's published tensor types. A block holds 32 elements, a K block 256; multi-byte fields are
 * little-endian; d, m and dmin are float16 (float32 in Q8_K). Values are computed in float32 and rounded once to float16.
 * Invariant: exactly bytes * n are read and elements * n written. */
#include "backend/cpu/load_blocks.h"

#include "core/half.h"

#include <string.h>

static uint16_t half_at(const unsigned char *p) { return (uint16_t)(p[0] | p[1] << 8); }
static float float_at(const unsigned char *p) { return mx_f16_to_float(half_at(p)); }
static uint32_t word_at(const unsigned char *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

/* 16 bytes whose low nibbles are elements 0…15 and whose high nibbles are 16…31, as four words in the elements' order. */
static void pack_nibbles(const unsigned char *q, uint32_t *to) {
  for (int w = 0; w < 4; w++) {
    uint32_t v = 0;
    const unsigned char *from = q + 8 * (w % 2);
    for (int i = 0; i < 8; i++) v |= (uint32_t)(w < 2 ? from[i] & 15 : from[i] >> 4) << (4 * i);
    to[w] = v;
  }
}

void cpu_blocks_pack(enum mx_load_form form, const unsigned char *raw, int64_t n, uint32_t *weights, uint16_t *scales,
                     uint16_t *biases) {
  for (int64_t i = 0; i < n; i++, raw += mx_load_blocks[form].bytes) {
    scales[i] = half_at(raw);
    switch (form) {
    case MX_LOAD_Q4_0: /* d * (q - 8) */
      biases[i] = mx_float_to_f16(-8 * float_at(raw));
      pack_nibbles(raw + 2, weights + 4 * i);
      break;
    case MX_LOAD_Q4_1: /* d * q + m */
      biases[i] = half_at(raw + 2);
      pack_nibbles(raw + 4, weights + 4 * i);
      break;
    default: /* Q8_0: d * q, q signed; packed as q + 128 */
      biases[i] = mx_float_to_f16(-128 * float_at(raw));
      for (int w = 0; w < 8; w++) weights[8 * i + w] = word_at(raw + 2 + 4 * w) ^ 0x80808080u;
    }
  }
}

/* Q5_0: d, 32 fifth bits, nibbles as in Q4_0: d * (q - 16). Q5_1 has m after d: d * q + m. */
static void expand_q5(const unsigned char *p, bool with_m, uint16_t *y) {
  float d = float_at(p), m = with_m ? float_at(p + 2) : -16 * d;
  const unsigned char *q = p + (with_m ? 8 : 6);
  uint32_t high = word_at(q - 4);
  for (int i = 0; i < 32; i++) {
    uint32_t v = (i < 16 ? q[i] & 15u : (uint32_t)q[i - 16] >> 4) | (high >> i & 1) << 4;
    y[i] = mx_float_to_f16(d * (float)v + m);
  }
}

/* Q2_K: 16 bytes of scale (low nibble) and minimum (high nibble) for 16 groups of 16, 64 bytes of 2-bit numbers, d, dmin:
 * d * scale * q - dmin * minimum. Each 32 bytes hold 128 elements: bits 0-1 the first 32, bits 2-3 the next, and so on. */
static void expand_q2k(const unsigned char *p, uint16_t *y) {
  float d = float_at(p + 80), dmin = float_at(p + 82);
  for (int i = 0; i < 256; i++) {
    unsigned s = p[i / 16], q = p[16 + 32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4)) & 3u;
    y[i] = mx_float_to_f16(d * (float)(s & 15) * (float)q - dmin * (float)(s >> 4));
  }
}

/* Q3_K: 32 bytes of third bits (bit k for elements 32k…32k+31), 64 bytes of 2-bit numbers as in Q2_K, 12 bytes of 16 6-bit
 * scales, d: d * (scale - 32) * (q - 4), the third bit being worth 4. Scale k: its low 4 bits are a nibble of byte k % 8 (the
 * high nibble from k = 8 on), its high 2 bits are bits 2 * (k / 4) of byte 8 + k % 4. */
static void expand_q3k(const unsigned char *p, uint16_t *y) {
  const unsigned char *low = p + 32, *s = p + 96;
  float d = float_at(p + 108);
  for (int i = 0; i < 256; i++) {
    int k = i / 16, nibble = k < 8 ? s[k] & 15 : s[k - 8] >> 4, scale = nibble | (s[8 + k % 4] >> (2 * (k / 4)) & 3) << 4;
    int q = (low[32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4)) & 3) | (p[i % 32] >> (i / 32) & 1) << 2;
    y[i] = mx_float_to_f16(d * (float)(scale - 32) * (float)(q - 4));
  }
}

/* The 6-bit scale and minimum of group k of 8, out of 12 bytes: groups 0…3 in bits 0-5 of bytes k and k + 4; of groups 4…7
 * the low 4 bits are the nibbles of byte k + 4 and the high 2 bits are bits 6-7 of bytes k - 4 and k. */
static void scale_min(const unsigned char *s, int k, float *scale, float *min) {
  int a = k < 4 ? s[k] & 63 : (s[k + 4] & 15) | s[k - 4] >> 6 << 4;
  int m = k < 4 ? s[k + 4] & 63 : s[k + 4] >> 4 | s[k] >> 6 << 4;
  *scale = (float)a, *min = (float)m;
}

/* Q4_K: d, dmin, 12 bytes of scales and minima of 8 groups of 32, 128 bytes of nibbles: each 32 bytes are one group in the low
 * nibbles and the next in the high ones. d * scale * q - dmin * minimum. Q5_K: 32 bytes of fifth bits (bit k for group k)
 * stand before the nibbles. */
static void expand_q45k(const unsigned char *p, bool five, uint16_t *y) {
  float d = float_at(p), dmin = float_at(p + 2), scale, min;
  const unsigned char *fifth = p + 16, *q = p + (five ? 48 : 16);
  for (int k = 0; k < 8; k++) {
    scale_min(p + 4, k, &scale, &min);
    float a = d * scale, b = dmin * min;
    for (int i = 0; i < 32; i++) {
      int v = q[32 * (k / 2) + i] >> (4 * (k % 2)) & 15;
      if (five) v |= (fifth[i] >> k & 1) << 4;
      y[32 * k + i] = mx_float_to_f16(a * (float)v - b);
    }
  }
}

/* Q6_K: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales of 16 elements, d: d * scale * (q - 32). Each half
 * of 128 elements has 64 low bytes (low nibbles: elements 0…63, high nibbles: 64…127) and 32 high ones (bits 2k for the
 * k-th 32 elements). */
static void expand_q6k(const unsigned char *p, uint16_t *y) {
  float d = float_at(p + 208);
  for (int i = 0; i < 256; i++) {
    int half = i / 128, j = i % 128;
    int q = (p[64 * half + j % 64] >> (j < 64 ? 0 : 4) & 15) | (p[128 + 32 * half + j % 32] >> (2 * (j / 32)) & 3) << 4;
    y[i] = mx_float_to_f16(d * (float)(int8_t)p[192 + i / 16] * (float)(q - 32));
  }
}

/* Q8_K: d as float32, 256 signed bytes, 16 sums that serve products alone. */
static void expand_q8k(const unsigned char *p, uint16_t *y) {
  float d = mx_bits_float(word_at(p));
  for (int i = 0; i < 256; i++) y[i] = mx_float_to_f16(d * (float)(int8_t)p[4 + i]);
}

void cpu_blocks_expand(enum mx_load_form form, const unsigned char *raw, int64_t n, uint16_t *out) {
  const struct mx_load_block *b = &mx_load_blocks[form];
  for (int64_t i = 0; i < n; i++, raw += b->bytes, out += b->elements) {
    switch (form) {
    case MX_LOAD_Q5_0:
    case MX_LOAD_Q5_1: expand_q5(raw, form == MX_LOAD_Q5_1, out); break;
    case MX_LOAD_Q2_K: expand_q2k(raw, out); break;
    case MX_LOAD_Q3_K: expand_q3k(raw, out); break;
    case MX_LOAD_Q4_K:
    case MX_LOAD_Q5_K: expand_q45k(raw, form == MX_LOAD_Q5_K, out); break;
    case MX_LOAD_Q6_K: expand_q6k(raw, out); break;
    default: expand_q8k(raw, out);
    }
  }
}
