/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ftw.h>

#include <cmocka.h>

#include "../buf.h"
#include "../scenario.h"

static char root[64];

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/interimspec-catalogue-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int remove_root(void **state)
{
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void write_scenario(const char *name, const char *id)
{
    char text[512];
    snprintf(text, sizeof text, "id: %s\ntitle: T\nscript:\n  - stall: yes\n", id);
    write_file(name, text);
}

static void load_good(struct catalogue *catalogue, const char *path)
{
    char *errors = NULL;
    if (!catalogue_load(catalogue, path, &errors))
        fail_msg("%s", errors);
    assert_null(errors);
}

/* Loading fails, and *errors is what `wanted` says with % for the folder. */
static void load_bad(const char *path, const char *wanted)
{
    struct catalogue catalogue;
    struct buf text = {0};
    char *errors = NULL;
    for (const char *at = wanted; *at != '\0'; at++) {
        if (*at == '%')
            buf_append_str(&text, root);
        else
            buf_append(&text, at, 1);
    }
    buf_append(&text, "", 1);
    assert_false(catalogue_load(&catalogue, path, &errors));
    assert_string_equal(errors, text.data);
    assert_int_equal(catalogue.count, 0);
    buf_fini(&text);
    free(errors);
}

static void test_folder(void **state)
{
    (void)state;
    struct catalogue catalogue;
    write_scenario("z.yaml", "z");
    write_scenario("b/y.yaml", "y");
    write_scenario("b/c/a.yaml", "a");
    write_file("requirements.yaml", "- not: a scenario\n");
    write_file("_draft.yaml", "not: a scenario\n");
    write_file("_drafts/x.yaml", "not: a scenario\n");
    write_file(".x.yaml", "not: a scenario\n");
    write_file("README.md", "text");
    write_file("schema.json", "{}");
    load_good(&catalogue, root);
    assert_int_equal(catalogue.count, 3);
    assert_string_equal(catalogue.scenarios[0]->id, "a");
    assert_string_equal(catalogue.scenarios[0]->family, "b/c");
    assert_string_equal(catalogue.scenarios[1]->family, "b");
    assert_string_equal(catalogue.scenarios[2]->family, "");
    for (size_t i = 0; i < catalogue.count; i++)
        assert_ptr_equal(catalogue_find(&catalogue, bytes_of_str(catalogue.scenarios[i]->id)),
                         catalogue.scenarios[i]);
    assert_null(catalogue_find(&catalogue, bytes_of_str("")));
    assert_null(catalogue_find(&catalogue, bytes_of_str("aa")));
    assert_null(catalogue_find(&catalogue, bytes_of_str("zz")));
    assert_ptr_equal(catalogue_find(&catalogue, bytes_of("yz", 1)), catalogue.scenarios[1]);
    catalogue_fini(&catalogue);
}

static void test_one_file(void **state)
{
    (void)state;
    struct catalogue catalogue;
    char path[128];
    write_scenario("x.yaml", "x");
    snprintf(path, sizeof path, "%s/x.yaml", root);
    load_good(&catalogue, path);
    assert_int_equal(catalogue.count, 1);
    assert_string_equal(catalogue.scenarios[0]->path, path);
    catalogue_fini(&catalogue);
}

static void test_all_errors_at_once(void **state)
{
    (void)state;
    write_scenario("good.yaml", "good");
    write_scenario("a/other.yaml", "another");
    write_scenario("b/good.yaml", "good");
    write_file("c/requirements.yaml", "- of no catalogue\n");
    write_file("d.yml", "");
    load_bad(root, "%/a/other.yaml:1:5: id \"another\" must be the file's name without .yaml\n"
                   "%/c/requirements.yaml:1:1: a scenario must be a map, not a list\n"
                   "%/d.yml: the name of a scenario file ends with .yaml\n"
                   "%/good.yaml:1:1: id \"good\" is already that of %/b/good.yaml");
}

static void test_nothing_there(void **state)
{
    (void)state;
    char path[128];
    load_bad(root, "%: no scenario (*.yaml) in this folder");
    snprintf(path, sizeof path, "%s/none", root);
    load_bad(path, "%/none: No such file or directory");
}

static void test_links_in_circles_end(void **state)
{
    (void)state;
    char path[128], *errors = NULL;
    struct catalogue catalogue;
    snprintf(path, sizeof path, "%s/up", root);
    assert_int_equal(symlink(".", path), 0);
    assert_false(catalogue_load(&catalogue, root, &errors));
    assert_non_null(strstr(errors, "too many folders inside each other"));
    free(errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folder, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_one_file, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_all_errors_at_once, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_nothing_there, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_links_in_circles_end, make_root, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
