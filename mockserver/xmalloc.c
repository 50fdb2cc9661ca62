/* SPDX-License-Identifier: MIT */
#include "xmalloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory, size_t size)
{
    if (memory == NULL && size != 0) {
        fprintf(stderr, "mockserver: out of memory (%zu octets asked for)\n", size);
        abort();
    }
    return memory;
}

void *xmalloc(size_t size)
{
    return must(malloc(size), size);
}

void *xcalloc(size_t count, size_t size)
{
    return must(calloc(count, size), count);
}

void *xreallocarray(void *old, size_t count, size_t size)
{
    return must(reallocarray(old, count, size), count);
}

char *xstrdup(const char *text)
{
    return xmemdup0(text, strlen(text));
}

char *xmemdup0(const void *data, size_t len)
{
    char *copy = xmalloc(len + 1);
    if (len != 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}
