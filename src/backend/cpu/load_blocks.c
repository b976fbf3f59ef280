/* load_blocks.c: decoders of GGUF's quantized blocks.
 * Source: the block layouts of ggml's published tensor types. A block holds 32 elements, a K block 256; multi-byte fields are
 * little-endian; d, m and dmin are float16 (float32 in Q8_K). Values are computed in float32 and rounded once to float16.
 * Invariant: exactly bytes * n are read and elements * n written. */
#include "backend/cpu/load_blocks.h"

#include "backend/cpu/tile_table.h"
#include "core/half.h"

static uint16_t half_at(const unsigned char *p) { return (uint16_t)(p[0] | p[1] << 8); }
static float float_at(const unsigned char *p) { return mx_f16_to_float(half_at(p)); }
static uint32_t word_at(const unsigned char *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

/* The eight low nibbles of eight bytes, side by side. */
static uint32_t low_nibbles(uint64_t x) {
  x &= 0x0f0f0f0f0f0f0f0fu;
  x = (x | x >> 4) & 0x00ff00ff00ff00ffu;
  x = (x | x >> 8) & 0x0000ffff0000ffffu;
  return (uint32_t)(x | x >> 16);
}
/* 16 bytes whose low nibbles are elements 0…15 and whose high nibbles are 16…31, as four words in the elements' order. */
static void pack_nibbles(const unsigned char *q, uint32_t *to) {
  uint64_t first = word_at(q) | (uint64_t)word_at(q + 4) << 32, second = word_at(q + 8) | (uint64_t)word_at(q + 12) << 32;
  to[0] = low_nibbles(first);
  to[1] = low_nibbles(second);
  to[2] = low_nibbles(first >> 4);
  to[3] = low_nibbles(second >> 4);
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
static void expand_q5(const unsigned char *p, bool with_m, float *y) {
  float d = float_at(p), m = with_m ? float_at(p + 2) : -16 * d;
  const unsigned char *q = p + (with_m ? 8 : 6);
  uint32_t high = word_at(q - 4);
  for (int i = 0; i < 16; i++) {
    y[i] = d * (float)((q[i] & 15u) | (high >> i & 1) << 4) + m;
    y[i + 16] = d * (float)(((uint32_t)q[i] >> 4) | (high >> (i + 16) & 1) << 4) + m;
  }
}

/* In the K blocks that follow, h is one of two halves of 128 elements, j one of its four runs of 32, l stands inside a run. */

/* Q2_K: 16 bytes of scale (low nibble) and minimum (high nibble) for 16 groups of 16, 64 bytes of 2-bit numbers, d, dmin:
 * d * scale * q - dmin * minimum. Each half has 32 bytes: bits 0-1 are its first run, bits 2-3 the next, and so on. */
static void expand_q2k(const unsigned char *p, float *y) {
  float d = float_at(p + 80), dmin = float_at(p + 82);
  for (int k = 0; k < 16; k++) {
    int h = k / 8, j = k / 2 % 4;
    float a = d * (float)(p[k] & 15), m = dmin * (float)(p[k] >> 4);
    const unsigned char *q = p + 16 + 32 * h + 16 * (k % 2);
    for (int l = 0; l < 16; l++) y[16 * k + l] = a * (float)(q[l] >> (2 * j) & 3) - m;
  }
}

/* Q3_K: 32 bytes of third bits (bit 4h + j for element l), 64 bytes of 2-bit numbers as in Q2_K, 12 bytes of 16 6-bit scales, d:
 * d * (scale - 32) * (q - 4), the third bit being worth 4. Scale k: its low 4 bits are a nibble of byte k % 8 (the high nibble
 * from k = 8 on), its high 2 bits are bits 2 * (k / 4) of byte 8 + k % 4. */
static void expand_q3k(const unsigned char *p, float *y) {
  const unsigned char *s = p + 96;
  float d = float_at(p + 108);
  for (int k = 0; k < 16; k++) {
    int h = k / 8, j = k / 2 % 4;
    int scale = (k < 8 ? s[k] & 15 : s[k - 8] >> 4) | (s[8 + k % 4] >> (2 * (k / 4)) & 3) << 4;
    float a = d * (float)(scale - 32);
    const unsigned char *low = p + 32 + 32 * h + 16 * (k % 2), *third = p + 16 * (k % 2);
    for (int l = 0; l < 16; l++) y[16 * k + l] = a * (float)(((low[l] >> (2 * j) & 3) | (third[l] >> (4 * h + j) & 1) << 2) - 4);
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
static void expand_q45k(const unsigned char *p, bool five, float *y) {
  float d = float_at(p), dmin = float_at(p + 2), scale, min;
  const unsigned char *fifth = p + 16;
  for (int k = 0; k < 8; k++) {
    const unsigned char *q = p + (five ? 48 : 16) + 32 * (k / 2);
    scale_min(p + 4, k, &scale, &min);
    float a = d * scale, b = dmin * min, *to = y + 32 * k;
    int shift = 4 * (k % 2);
    if (five)
      for (int l = 0; l < 32; l++) to[l] = a * (float)((q[l] >> shift & 15) | (fifth[l] >> k & 1) << 4) - b;
    else
      for (int l = 0; l < 32; l++) to[l] = a * (float)(q[l] >> shift & 15) - b;
  }
}

/* Q6_K: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales of 16 elements, d: d * scale * (q - 32). Each half
 * has 64 low bytes (the low nibbles are its runs 0 and 1, the high ones 2 and 3) and 32 high ones (bits 2j for run j). */
static void expand_q6k(const unsigned char *p, float *y) {
  float d = float_at(p + 208);
  for (int k = 0; k < 16; k++) {
    int h = k / 8, j = k / 2 % 4, from = 16 * (k % 2);
    float a = d * (float)(int8_t)p[192 + k];
    const unsigned char *low = p + 64 * h + 32 * (j % 2) + from, *high = p + 128 + 32 * h + from;
    for (int l = 0; l < 16; l++) y[16 * k + l] = a * (float)(((low[l] >> (4 * (j / 2)) & 15) | (high[l] >> (2 * j) & 3) << 4) - 32);
  }
}

/* Q8_K: d as float32, 256 signed bytes, 16 sums that serve products alone. */
static void expand_q8k(const unsigned char *p, float *y) {
  float d = mx_bits_float(word_at(p));
  for (int i = 0; i < 256; i++) y[i] = d * (float)(int8_t)p[4 + i];
}

static void expand(enum mx_load_form form, const unsigned char *p, float *y) {
  switch (form) {
  case MX_LOAD_Q5_0:
  case MX_LOAD_Q5_1: expand_q5(p, form == MX_LOAD_Q5_1, y); break;
  case MX_LOAD_Q2_K: expand_q2k(p, y); break;
  case MX_LOAD_Q3_K: expand_q3k(p, y); break;
  case MX_LOAD_Q4_K:
  case MX_LOAD_Q5_K: expand_q45k(p, form == MX_LOAD_Q5_K, y); break;
  case MX_LOAD_Q6_K: expand_q6k(p, y); break;
  default: expand_q8k(p, y);
  }
}

void cpu_blocks_expand(enum mx_load_form form, const unsigned char *raw, int64_t n, uint16_t *out) {
  const struct mx_load_block *b = &mx_load_blocks[form];
  cpu_tile_fn to_half = cpu_tile_table()->cast[MX_FLOAT32][MX_FLOAT16];
  float y[256];
  for (int64_t i = 0; i < n; i++, raw += b->bytes, out += b->elements) {
    expand(form, raw, y);
    to_half(b->elements, out, y, NULL, NULL);
  }
}
