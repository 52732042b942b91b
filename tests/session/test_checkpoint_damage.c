/* Checkpoints that are damaged, newer, hostile, or from another machine. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <mlp/mlp.h>

#include "checkpoint_fixture.h"
#include "model/network.h"
#include "session/checkpoint/content.h"

static const struct way way_with_all = {
    .rule = MLP_OPTIMIZER_MOMENTUM, .clip = MLP_CLIP_AUTO, .monitor = true, .patience = 3
};

/* A fit that was stopped in its second epoch, ready to go on; its checkpoint's path is the caller's. */
static char *make_stopped(struct fixture *f, const struct way *way)
{
    mlp_report *report;
    make(f, way);
    f->checkpoint.folder = new_folder();
    f->fit.checkpoint = &f->checkpoint;
    f->stop_after = 7 + 3;
    assert_ok(run(f, &report));
    char *path = strdup(mlp_report_checkpoint(report));
    mlp_report_destroy(&report);
    f->checkpoint.resume = 1;
    f->stop_after = 0;
    return path;
}

/* Puts `to` in place of `from`, of the same length, in the header of the only checkpoint. */
static void doctor(const char *path, const char *from, const char *to)
{
    size_t size;
    unsigned char *bytes = test_read_file(path, &size);
    unsigned char *place = memmem(bytes, size, from, strlen(from));
    assert_non_null(place);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(place, to, strlen(to));
    write_file(path, bytes, size);
    free(bytes);
    seal(path);
}

static void damage_and_newer_formats_are_refused(void **unused)
{
    static const struct {
        const char *from, *to;
        mlp_status status;
        const char *words[2];
    } cases[] = {
        { "\"checkpoint_version\":\"2\"",
          "\"checkpoint_version\":\"3\"",
          MLP_ERROR_UNSUPPORTED,
          { "format 3", "reads formats 1 to 2" } },
        { "\"checkpoint_version\"",
          "\"checkpoint_varsion\"",
          MLP_ERROR_FORMAT,
          { "is not a checkpoint", "" } },
        { "\\\"step\\\":",
          "\\\"stop\\\":",
          MLP_ERROR_FORMAT,
          { "state", "'stop', which this library does not know" } },
        { "\"optimizer.1.layers.2.bias\"",
          "\"optimizer.1.layers.3.bias\"",
          MLP_ERROR_FORMAT,
          { "optimizer.1.layers.2.bias", "missing" } },
        { "\"history\"", "\"historu\"", MLP_ERROR_FORMAT, { "history", "missing" } },
        { "\\\"batch\\\":", "\\\"botch\\\":", MLP_ERROR_FORMAT, { "settings", "'batch'" } },
        { "\\\"step\\\":3", "\\\"step\\\":9", MLP_ERROR_FORMAT, { "state", "'state.step'" } },
        { "\\\"l1\\\":", "\\\"l9\\\":", MLP_ERROR_FORMAT, { "settings", "'optimizer.l1'" } },
    };
    const struct way way = { .rule = MLP_OPTIMIZER_ADAM };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        mlp_report *report;
        make(&f, &way);
        f.checkpoint.folder = new_folder();
        f.fit.checkpoint = &f.checkpoint;
        f.stop_after = 7 + 3;
        assert_ok(run(&f, &report));
        doctor(mlp_report_checkpoint(report), cases[i].from, cases[i].to);
        f.checkpoint.resume = 1;
        assert_refused(run(&f, NULL), cases[i].status, mlp_report_checkpoint(report), cases[i].words[0],
                       cases[i].words[1], NULL);
        mlp_report_destroy(&report);
        drop(&f);
    }
}

/* Any bit of the file flipped is noticed, wherever it is; and with the checksum put right again, nothing
 * crashes: the fit refuses, or runs. */
static void flipped_bits_are_refused(void **unused)
{
    const struct way way = { .rule = MLP_OPTIMIZER_MOMENTUM, .monitor = true, .patience = 2 };
    struct fixture f;
    char *path = make_stopped(&f, &way);
    size_t size, refused = 0, sealed = 0;
    unsigned char *bytes = test_read_file(path, &size);
    (void)unused;
    for (size_t i = 0; i < size; i += 1 + i / 30) {
        const size_t header = 8 + ((size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16);
        f.stop_after = 1;
        bytes[i] ^= (unsigned char)(1u << i % 8);
        write_file(path, bytes, size);
        assert_refused(run(&f, NULL), MLP_ERROR_FORMAT, path, NULL);
        if (i > 100 && i < header) { /* after the checksum's place */
            seal(path);
            refused += run(&f, NULL) != MLP_OK;
            sealed++;
            remove_others(f.checkpoint.folder, path);
        }
        bytes[i] ^= (unsigned char)(1u << i % 8);
    }
    assert_true(sealed > 60 && refused > sealed / 3);
    free(bytes);
    free(path);
    drop(&f);
}

/* ---- hostile values ------------------------------------------------------------------------------------ */

/* Puts `value` (taken) for a key of one of the texts of the file's metadata that hold JSON. */
static void set_in_text(const char *path, const char *text, const char *key, json_t *value)
{
    size_t size;
    unsigned char *bytes = test_read_file(path, &size);
    const size_t length = (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16;
    json_t *header = json_loadb((const char *)bytes + 8, length, 0, NULL),
           *metadata = json_object_get(header, "__metadata__");
    json_t *object = json_loads(json_string_value(json_object_get(metadata, text)), 0, NULL);
    assert_int_equal(json_object_set_new(object, key, value), 0);
    char *changed = json_dumps(object, JSON_REAL_PRECISION(17) | JSON_COMPACT);
    assert_int_equal(json_object_set_new(metadata, text, json_string(changed)), 0);
    char *whole = json_dumps(header, JSON_REAL_PRECISION(17) | JSON_COMPACT);
    const size_t new_length = strlen(whole), new_size = 8 + new_length + size - 8 - length;
    unsigned char *file = calloc(new_size, 1);
    for (int i = 0; i < 8; i++) {
        file[i] = (unsigned char)((uint64_t)new_length >> (8 * i));
    }
    memcpy(file + 8, whole, new_length);
    memcpy(file + 8 + new_length, bytes + 8 + length, size - 8 - length);
    write_file(path, file, new_size);
    seal(path);
    free(file);
    free(whole);
    free(changed);
    json_decref(object);
    json_decref(header);
    free(bytes);
}

/* Texts of JSON. */
static const char *const hostile[] = { "-1",         "-0.5",    "1e300",   "9007199254740992",
                                       "4294967296", "\"nan\"", "\"inf\"", "\"-inf\"",
                                       "\"12\"",     "null",    "[]",      "0",
                                       "0.0",        "7.5" };

/* Every member of the state with every hostile value: refused, or harmless. */
static void hostile_states_are_refused_or_harmless(void **unused)
{
    struct fixture f;
    char *path = make_stopped(&f, &way_with_all);
    size_t size, refused = 0;
    unsigned char *sound = test_read_file(path, &size);
    (void)unused;
    for (size_t m = 0; m < counter_fields.count; m++) {
        for (size_t v = 0; v < sizeof hostile / sizeof hostile[0]; v++) {
            const char *member = counter_fields.fields[m].name;
            write_file(path, sound, size);
            set_in_text(path, "state", member, json_loads(hostile[v], JSON_DECODE_ANY, NULL));
            f.stop_after = 1;
            const mlp_status status = run(&f, NULL);
            const bool no_update = status == MLP_ERROR_NONFINITE && strcmp(member, "rate_scale") == 0;
            assert_true(status == MLP_OK || status == MLP_ERROR_FORMAT ||
                        no_update || /* at a rate of 1e300 */
                        (status == MLP_ERROR_ARGUMENT &&
                         strcmp(member, "epoch") == 0)); /* an epoch beyond the last */
            refused += status != MLP_OK;
            assert_ok(mlp_optimizer_set_learning_rate(f.optimizer, 0.01)); /* any rate above 0 is sound */
            for (size_t i = 0; i < f.network->arena_size; i++) {
                assert_true(isfinite(f.network->parameters[i]));
            }
            char newer[512];
            snprintf(newer, sizeof newer, "%s/checkpoint-%012d.safetensors", f.checkpoint.folder, 10);
            unlink(newer);
        }
    }
    assert_true(refused > 10 * counter_fields.count);
    free(sound);
    free(path);
    drop(&f);
}

/* What would turn the training round, or end in places that are not there. */
static void what_must_be_refused_is(void **unused)
{
    static const struct {
        const char *member, *value;
    } cases[] = { { "schedule_scale", "-1.0" },
                  { "rate_scale", "-1.0" },
                  { "learning_rate", "-0.1" },
                  { "learning_rate", "1e39" },
                  { "product", "-1.0" },
                  { "best_loss", "\"nan\"" },
                  { "best", "1" },
                  { "samples", "93" },
                  { "tally_right", "1000" },
                  { "skipped", "0.5" },
                  { "monitor_interval", "3" },
                  { "monitor_count", "1025" },
                  { "monitor_reported", "65536" },
                  { "since_best", "2" },
                  { "tally_loss", "\"inf\"" },
                  { "averaged", "1" },
                  { "step", "9" },
                  { "seconds", "-1.0" },
                  { "tally_samples", "1000" },
                  { "gradient_norm", "\"nan\"" } };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        char *path = make_stopped(&f, &way_with_all);
        set_in_text(path, "state", cases[i].member, json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        assert_refused(run(&f, NULL), MLP_ERROR_FORMAT, path, "state", cases[i].member, NULL);
        free(path);
        drop(&f);
    }
}

/* A float or double of a tensor, in a file. */
static void set_in_tensor(const char *path, const char *name, size_t offset, double value, size_t value_size)
{
    struct byte_source source;
    struct safetensors archive;
    size_t size;
    unsigned char *bytes = test_read_file(path, &size);
    assert_ok(byte_source_open(path, &source));
    assert_ok(safetensors_open(&source, &archive));
    const struct safetensor *tensor = safetensors_find(&archive, name);
    assert_non_null(tensor);
    test_put_number(value, value_size, bytes + archive.data + tensor->begin + offset);
    safetensors_close(&archive);
    byte_source_close(&source);
    write_file(path, bytes, size);
    free(bytes);
    seal(path);
}

static void hostile_tensors_are_refused(void **unused)
{
    enum { F32 = 4, F64 = 8 };
    static const struct {
        const char *name;
        size_t index;
        double value;
        size_t size;
        const char *words;
    } cases[] = { { "layers.1.weight", 2, INFINITY, F32, "inf" },
                  { "best.layers.0.bias", 0, INFINITY, F32, "best" },
                  { "optimizer.0.layers.1.weight", 1, INFINITY, F32, "optimizer.0.layers.1.weight" },
                  { "optimizer.clip", 0, -1.0, F64, "optimizer.clip" },
                  { "optimizer.clip", 4, -1.0, F64, "optimizer.clip" },
                  { "optimizer.clip", 1030, 1e9, F64, "optimizer.clip" },
                  { "history", 12, 1e9, F64, "steps" },
                  { "history", 7, -1.0, F64, "clip_scale" },
                  { "history", 8, 1e9, F64, "clipped" },
                  { "history", 5, 0.5, F64, "count" },
                  { "monitor.records", 4, 1e9, F64, "findings" },
                  { "monitor.records", 0, 1e9, F64, "step" },
                  { "monitor.layers", 8, 1e9, F64, "dead" } };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        char *path = make_stopped(&f, &way_with_all);
        set_in_tensor(path, cases[i].name, cases[i].index * cases[i].size, cases[i].value, cases[i].size);
        const float before = f.network->parameters[0];
        assert_refused(run(&f, NULL), MLP_ERROR_FORMAT, path, cases[i].words, NULL);
        assert_true(f.network->parameters[0] == before);
        free(path);
        drop(&f);
    }
}

/* ---- what goes on all the same ------------------------------------------------------------------------- */

/* The newest is cut short: the one before it leads to the same bits, with a warning; when all are, the newest
 * is named. */
static void a_damaged_checkpoint_gives_way_to_the_one_before(void **unused)
{
    struct fixture whole, f;
    mlp_report *report;
    size_t size;
    (void)unused;
    make(&whole, &way_with_all);
    assert_ok(run(&whole, NULL));
    for (size_t keep = 2; keep <= 3; keep++) {
        make(&f, &way_with_all);
        f.checkpoint.folder = new_folder();
        f.checkpoint.steps = 4;
        f.checkpoint.keep = keep;
        f.fit.checkpoint = &f.checkpoint;
        f.stop_after = 3 * 7 + 2;
        assert_ok(run(&f, &report));
        unsigned char *bytes = test_read_file(mlp_report_checkpoint(report), &size);
        write_file(mlp_report_checkpoint(report), bytes, size / 2);
        free(bytes);
        f.checkpoint.resume = 1;
        f.checkpoint.keep = 1; /* the damaged one must not count as the newest */
        f.stop_after = 3;
        assert_ok(run(&f, NULL));
        assert_true(strstr(f.warning, mlp_report_checkpoint(report)) != NULL &&
                    strstr(f.warning, "before it") != NULL);
        f.stop_after = 0;
        assert_ok(run(&f, NULL));
        assert_memory_equal(f.network->parameters, whole.network->parameters,
                            whole.network->arena_size * sizeof(float));
        mlp_report_destroy(&report);
        drop(&f);
    }
    drop(&whole);
    char *path = make_stopped(&f, &way_with_all);
    char older[512];
    snprintf(older, sizeof older, "%s/checkpoint-000000000001.safetensors", f.checkpoint.folder);
    write_file(older, "old", 3);
    write_file(path, "new", 3);
    assert_refused(run(&f, NULL), MLP_ERROR_FORMAT, path, NULL);
    free(path);
    drop(&f);
}

static void another_machine_is_told(void **unused)
{
    struct fixture f;
    char *path = make_stopped(&f, &way_with_all);
    (void)unused;
    set_in_text(path, "machine", "blas_core", json_string("Nowhere"));
    assert_ok(run(&f, NULL));
    assert_true(strstr(f.warning, "blas_core \"Nowhere\"") != NULL && strstr(f.warning, "last bits") != NULL);
    free(path);
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_and_newer_formats_are_refused),
        cmocka_unit_test(flipped_bits_are_refused),
        cmocka_unit_test(hostile_states_are_refused_or_harmless),
        cmocka_unit_test(what_must_be_refused_is),
        cmocka_unit_test(hostile_tensors_are_refused),
        cmocka_unit_test(a_damaged_checkpoint_gives_way_to_the_one_before),
        cmocka_unit_test(another_machine_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
