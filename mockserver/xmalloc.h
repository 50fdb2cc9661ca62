/* SPDX-License-Identifier: MIT */
/* Allocation that dies: running out of memory ends the server with one line on standard error.
 * Nothing in this project can do anything useful after a failed allocation, so nobody checks. */
#ifndef INTERIMSPEC_XMALLOC_H
#define INTERIMSPEC_XMALLOC_H

#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
/* realloc of `count` elements of `size` octets; dies on overflow too. */
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
/* A NUL-terminated copy of `len` octets (which may themselves hold NULs). */
char *xmemdup0(const void *data, size_t len);

#endif
