/* random.h: random numbers. key NULL = the next of the implicit sequence. */
#ifndef MX_OPS_RANDOM_H
#define MX_OPS_RANDOM_H

#include "graph/build.h"

/* The implicit sequence is one for the process, guarded by a lock. */
int mx_random_seed(uint64_t seed);
mx_array *mx_random_state(void);           /* a new reference to the current state, a key; NULL when memory is short */
int mx_random_set_state(mx_array *key);    /* a borrowed key becomes the state */
mx_array *mx_random_key(mx_build *b, uint64_t seed);
mx_array *mx_random_bits(mx_build *b, const int64_t *shape, int ndim, int width, mx_array *key);
mx_array *mx_random_split(mx_build *b, mx_array *key, int64_t num);
mx_array *mx_random_uniform(mx_build *b, mx_array *low, mx_array *high, const int64_t *shape, int ndim, enum mx_dtype dtype,
                            mx_array *key);
mx_array *mx_random_normal(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype dtype, mx_array *loc, mx_array *scale,
                           mx_array *key); /* loc, scale may be absent (NULL) */
mx_array *mx_random_truncated_normal(mx_build *b, mx_array *lower, mx_array *upper, const int64_t *shape, int ndim,
                                     enum mx_dtype dtype, mx_array *key);
mx_array *mx_random_randint(mx_build *b, mx_array *low, mx_array *high, const int64_t *shape, int ndim, enum mx_dtype dtype,
                            mx_array *key);
mx_array *mx_random_bernoulli(mx_build *b, mx_array *p, const int64_t *shape, int ndim, mx_array *key); /* shape NULL: p's */
mx_array *mx_random_gumbel(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype dtype, mx_array *key);
mx_array *mx_random_laplace(mx_build *b, const int64_t *shape, int ndim, enum mx_dtype dtype, double loc, double scale,
                            mx_array *key);
mx_array *mx_random_categorical(mx_build *b, mx_array *logits, int axis, const int64_t *shape, int ndim, int64_t samples,
                                mx_array *key); /* shape NULL: of the logits without the axis; samples < 0: none asked for */
mx_array *mx_random_multivariate_normal(mx_build *b, mx_array *mean, mx_array *cov, const int64_t *shape, int ndim,
                                        enum mx_dtype dtype, mx_array *key); /* ndim 0: the shape of mean's and cov's batches */
mx_array *mx_random_permutation_arange(mx_build *b, int64_t n, mx_array *key);
mx_array *mx_random_permutation(mx_build *b, mx_array *x, int axis, mx_array *key);

#endif
