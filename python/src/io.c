/* io.c: saving and loading. */
#include "core.h"

const struct function io_functions[] = {{0}};
