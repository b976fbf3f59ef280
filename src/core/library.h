/* library.h: shared libraries that are opened when they are first needed, never when the process starts.
 * Invariant: an opened library stays open; where it may lie is asked anew until it is found. */
#ifndef MX_CORE_LIBRARY_H
#define MX_CORE_LIBRARY_H

#include "core/compiler.h"

/* Names a folder that holds Python packages, where libraries of packages may lie. The latest is looked into first. */
int mx_library_add_folder(const char *path) MX_MUST_CHECK;
/* Opens "<folder>/<package>" for the parent of the folder this code was loaded from and those added; else `system` by the
 * loader's own rules. NULL: neither is there (no error is set; why says what the loader said). */
void *mx_library_open(const char *package, const char *system, char *why, int size);
/* The address of a function into *function (a pointer to a function pointer); 0 when there is none. */
int mx_library_function(void *library, const char *name, void *function);

#endif
