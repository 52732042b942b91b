/* CSV files of any content: one outcome whichever way a line is read, cost in proportion, safe messages. */
#include "support/support.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <mlp/data.h>

#include "base/memory.h"
#include "io/load_and_open.h"

static mlp_status load(const char *text, const mlp_csv_options *options, mlp_data **data)
{
    return read_csv(test_write_file("table.csv", text, strlen(text)), options, data);
}

/* Lines of plain fields take a way of their own; whatever stands in them, the same comes of it as where a
 * blank in front of the first field keeps them from it. */
static void both_ways_of_reading_a_line_agree(void **state)
{
    static const char *const words[] = { "1",
                                         "-2.5e3",
                                         ".5",
                                         "7.",
                                         "-0",
                                         "0x10",
                                         "1e39",
                                         "-inf",
                                         "nan",
                                         "",
                                         "x",
                                         " 1",
                                         "1 ",
                                         "\t2",
                                         "1e",
                                         "1e-46",
                                         "123456789012345678901234567890",
                                         "0.1234567890123456789",
                                         "a b",
                                         "\"1\"",
                                         "a\"",
                                         "1\r",
                                         "+4",
                                         "--1",
                                         "\xC3\xA9" };
    static const char delimiters[] = ",;\t |e.-5";
    uint64_t seed = 5;
    (void)state;
    for (int round = 0; round < 1000; round++) {
        char texts[2][512] = { "", "" };
        char outcome[1024];
        mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
        options.header = 0;
        options.delimiter = delimiters[(size_t)test_uniform(&seed, 0.0, sizeof delimiters - 1)];
        options.label_index = (long)test_uniform(&seed, 0.0, 5.0) - 2;
        options.regression = round / 2 % 2;
        const bool tame = round % 4 != 0; /* most fields are numbers, so that lines get through */
        for (int line = 0; line < 3; line++) {
            for (int column = 0; column < 3; column++) {
                const bool any = !tame || test_uniform(&seed, 0.0, 1.0) < 0.05;
                const char *word =
                    words[(size_t)test_uniform(&seed, 0.0, any ? sizeof words / sizeof words[0] : 5)];
                const char end[] = { column < 2 ? options.delimiter : '\n', '\0' };
                for (int way = 0; way < 2; way++) {
                    strcat(texts[way], way == 1 && line > 0 && column == 0 ? " " : "");
                    strcat(strcat(texts[way], word), end);
                }
            }
        }
        mlp_data *data[2];
        const mlp_status status = load(texts[0], &options, &data[0]);
        strcpy(outcome, mlp_last_error());
        if (options.delimiter == ' ') { /* there the blank is a field */
            mlp_data_destroy(&data[0]);
            continue;
        }
        assert_int_equal(load(texts[1], &options, &data[1]), status);
        if (status == MLP_OK) {
            assert_same_data(data[0], data[1]);
        } else {
            assert_string_equal(mlp_last_error(), outcome);
        }
        mlp_data_destroy(&data[0]);
        mlp_data_destroy(&data[1]);
    }
}

/* A text of `count` times `piece`, the last byte of which becomes `last`. */
static char *repeated(const char *piece, size_t count, char last)
{
    const size_t length = strlen(piece);
    char *text = malloc(count * length + 1);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * length, piece, length);
    }
    text[count * length - 1] = last;
    text[count * length] = '\0';
    return text;
}

/* A name of two bytes does not take an allocation of its own. */
static void cost_is_in_proportion_to_the_file(void **state)
{
    enum { COLUMNS = 200000 };
    (void)state;
    mlp_data *data;
    mlp_csv_options options = MLP_CSV_OPTIONS_INIT;
    char *header = repeated("n,", COLUMNS, '\n'), *line = repeated("1,", COLUMNS, '\n');
    char *text = malloc(strlen(header) + strlen(line) + 1);
    strcat(strcpy(text, header), line);
    const size_t before = memory_allocation_count();
    assert_ok(mlp_data_load_csv(test_write_file("wide.csv", text, strlen(text)), NULL, &data));
    assert_true(memory_allocation_count() - before < 200);
    assert_int_equal(mlp_data_inputs(data), COLUMNS - 1);
    assert_string_equal(mlp_data_feature_name(data, COLUMNS - 2), "n");
    mlp_data_destroy(&data);
    free(header);
    free(line);
    free(text);
    /* compared in pairs, these would take minutes: the test's time runs out */
    const char **names = malloc(COLUMNS * sizeof *names);
    char(*room)[40] = malloc(COLUMNS * sizeof *room);
    for (int i = 0; i < COLUMNS; i++) {
        snprintf(room[i], sizeof room[i], "a-common-beginning-of-a-class-%d", i);
        names[i] = room[i];
    }
    options.class_names = names;
    options.class_name_count = COLUMNS;
    int32_t class_index;
    assert_ok(load("1,a-common-beginning-of-a-class-777\n", &options, &data));
    assert_ok(mlp_data_read(data, 0, 1, NULL, &class_index, NULL));
    assert_int_equal(class_index, 777);
    assert_string_equal(mlp_data_class_name(data, 199999), names[199999]);
    mlp_data_destroy(&data);
    free(names);
    free(room);
}

/* A label that would steer the terminal is shown as what it is. */
static void messages_are_safe_to_print(void **state)
{
    (void)state;
    mlp_data *data;
    assert_refused(load("x,y,k\n1,\x1B[31m\xC2\x9B\xFF,a\n", NULL, &data), MLP_ERROR_FORMAT,
                   "'\\u001B[31m\\u009B\\xFF'", NULL);
}

struct slow_writer {
    pthread_t reader;
    int descriptor;
};

static void do_nothing(int signal)
{
    (void)signal;
}

/* Signals come in before the text does. */
static void *write_slowly(void *context)
{
    const struct slow_writer *writer = context;
    for (int i = 0; i < 20; i++) {
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        pthread_kill(writer->reader, SIGUSR1);
    }
    assert_int_equal(write(writer->descriptor, "1,2,a\n3,4,b\n", 12), 12);
    close(writer->descriptor);
    return NULL;
}

/* A read that a signal interrupts is made again. */
static void signals_do_not_end_reading(void **state)
{
    const struct sigaction action = { .sa_handler = do_nothing }; /* no SA_RESTART */
    struct sigaction before;
    struct slow_writer writer = { .reader = pthread_self() };
    int ends[2];
    char path[64];
    pthread_t thread;
    mlp_data *data;
    (void)state;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    writer.descriptor = ends[1];
    assert_int_equal(pthread_create(&thread, NULL, write_slowly, &writer), 0);
    const mlp_status status = mlp_data_load_csv(path, NULL, &data);
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &before, NULL);
    close(ends[0]);
    assert_ok(status);
    assert_int_equal(mlp_data_count(data), 2);
    mlp_data_destroy(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(both_ways_of_reading_a_line_agree),
                                        cmocka_unit_test(cost_is_in_proportion_to_the_file),
                                        cmocka_unit_test(messages_are_safe_to_print),
                                        cmocka_unit_test(signals_do_not_end_reading) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
