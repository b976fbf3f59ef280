/* export.h: what the library shows. */
#ifndef MLX_EXPORT_H
#define MLX_EXPORT_H

#if defined(_WIN32)
#define MLX_API
#else
#define MLX_API __attribute__((visibility("default")))
#endif

#endif
