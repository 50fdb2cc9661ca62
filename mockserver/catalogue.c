/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scenario.h"
#include "xmalloc.h"

enum { MAX_DEPTH = 8 }; /* of folders: a link to a folder above would never end */

struct loading {
    struct catalogue *catalogue;
    struct buf errors; /* owned; one line each */
};

static void add_error(struct loading *l, const char *path, const char *message)
{
    buf_printf(&l->errors, "%s: %s\n", path, message);
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void load_file(struct loading *l, const char *path, const char *family)
{
    char *error = NULL;
    struct scenario *scenario = scenario_load(path, family, &error);
    if (scenario == NULL) {
        buf_printf(&l->errors, "%s\n", error);
        free(error);
        return;
    }
    struct catalogue *catalogue = l->catalogue;
    catalogue->scenarios =
        xreallocarray(catalogue->scenarios, catalogue->count + 1, sizeof *catalogue->scenarios);
    catalogue->scenarios[catalogue->count++] = scenario;
}

static void load_folder(struct loading *l, const char *path, const char *family, int depth);

static void load_entry(struct loading *l, const char *folder, const char *family, const char *name,
                       int depth)
{
    if (name[0] == '.' || name[0] == '_')
        return;
    struct buf path = {0}, sub_family = {0};
    buf_printf(&path, "%s%s%s", folder, ends_with(folder, "/") ? "" : "/", name);
    buf_append(&path, "", 1);
    buf_printf(&sub_family, "%s%s%s", family, family[0] == '\0' ? "" : "/", name);
    buf_append(&sub_family, "", 1);
    struct stat stat_of;
    if (stat(path.data, &stat_of) != 0)
        add_error(l, path.data, strerror(errno));
    else if (S_ISDIR(stat_of.st_mode))
        load_folder(l, path.data, sub_family.data, depth + 1);
    else if (ends_with(name, ".yml"))
        add_error(l, path.data, "the name of a scenario file ends with .yaml");
    else if (ends_with(name, ".yaml") && !(depth == 0 && strcmp(name, "requirements.yaml") == 0))
        load_file(l, path.data, family);
    buf_fini(&path);
    buf_fini(&sub_family);
}

/* strcmp, not the locale's order: the same files give the same messages everywhere. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_folder(struct loading *l, const char *path, const char *family, int depth)
{
    struct dirent **entries;
    if (depth > MAX_DEPTH) {
        add_error(l, path, "too many folders inside each other");
        return;
    }
    int count = scandir(path, &entries, NULL, by_name);
    if (count < 0) {
        add_error(l, path, strerror(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        load_entry(l, path, family, entries[i]->d_name, depth);
        free(entries[i]);
    }
    free(entries);
}

static int by_id(const void *a, const void *b)
{
    const struct scenario *x = *(struct scenario *const *)a, *y = *(struct scenario *const *)b;
    int order = strcmp(x->id, y->id);
    return order != 0 ? order : strcmp(x->path, y->path);
}

static void check_ids(struct loading *l)
{
    struct catalogue *catalogue = l->catalogue;
    for (size_t i = 1; i < catalogue->count; i++) {
        const struct scenario *first = catalogue->scenarios[i - 1];
        const struct scenario *second = catalogue->scenarios[i];
        if (strcmp(first->id, second->id) == 0)
            buf_printf(&l->errors, "%s:1:1: id \"%s\" is already that of %s\n", second->path,
                       second->id, first->path);
    }
}

bool catalogue_load(struct catalogue *catalogue, const char *path, char **errors)
{
    struct loading l = {.catalogue = catalogue};
    struct stat stat_of;
    *catalogue = (struct catalogue){0};
    *errors = NULL;
    if (stat(path, &stat_of) != 0)
        add_error(&l, path, strerror(errno));
    else if (S_ISDIR(stat_of.st_mode))
        load_folder(&l, path, "", 0);
    else
        load_file(&l, path, "");
    if (catalogue->count > 0)
        qsort(catalogue->scenarios, catalogue->count, sizeof *catalogue->scenarios, by_id);
    check_ids(&l);
    if (catalogue->count == 0 && buf_len(&l.errors) == 0)
        add_error(&l, path, "no scenario (*.yaml) in this folder");
    bool good = buf_len(&l.errors) == 0;
    if (!good) {
        *errors = xmemdup0(l.errors.data, buf_len(&l.errors) - 1);
        catalogue_fini(catalogue);
    }
    buf_fini(&l.errors);
    return good;
}

void catalogue_fini(struct catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->count; i++)
        scenario_free(catalogue->scenarios[i]);
    free(catalogue->scenarios);
    *catalogue = (struct catalogue){0};
}

const struct scenario *catalogue_find(const struct catalogue *catalogue, struct bytes id)
{
    size_t low = 0, high = catalogue->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *here = catalogue->scenarios[middle]->id;
        int order = strncmp(id.data, here, id.len);
        if (order == 0 && here[id.len] == '\0')
            return catalogue->scenarios[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
