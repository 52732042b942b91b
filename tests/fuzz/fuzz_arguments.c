/* Fuzzing the arguments of every command with libFuzzer, and files of settings: any words give settings or a
 * message, nothing runs.
 * tests/fuzz/run builds it and runs it. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "fuzz_file.h"

#define COMMAND(name) &name##_command,
static const struct command *const commands[] = {
#include "commands/command_rows.h"
};
#undef COMMAND

enum { COMMANDS = sizeof commands / sizeof commands[0], MOST_WORDS = 40 };

/* Reads the settings that a command's file of them holds. */
static void read_settings_file(const struct command *command, const uint8_t *bytes, size_t size)
{
    struct given_options given = { 0 };
    void *settings = calloc(1, command->settings_size);
    if (settings == NULL) {
        abort();
    }
    if ((command->prepare == NULL || command->prepare(settings) == EXIT_DONE) &&
        read_config(command, fuzz_file(bytes, size), &given) == EXIT_DONE) {
        free(config_text(command, &given, true));
        apply_options(&given, settings);
    }
    if (command->release != NULL) {
        command->release(settings);
    }
    free(settings);
    given_options_free(&given);
}

/* The first byte chooses the command; the rest are its words, a line each, or where its highest bit is set a
 * file of settings. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct given_options given = { 0 };
    char *words[MOST_WORDS + 2] = { NULL };
    int count = 1, operands = 0;
    if (size == 0) {
        return 0;
    }
    const struct command *command = commands[(bytes[0] & 0x7f) % COMMANDS];
    if ((bytes[0] & 0x80) != 0) {
        read_settings_file(command, bytes + 1, size - 1);
        return 0;
    }
    char *text = calloc(size, 1), *name = strdup(command->name), *rest = text;
    void *settings = calloc(1, command->settings_size);
    if (text == NULL || name == NULL || settings == NULL) {
        abort();
    }
    memcpy(text, bytes + 1, size - 1);
    words[0] = name;
    for (char *word = strsep(&rest, "\n"); word != NULL && count <= MOST_WORDS; word = strsep(&rest, "\n")) {
        words[count++] = word;
    }
    optind = 0; /* getopt begins anew */
    if (command->prepare == NULL || command->prepare(settings) == EXIT_DONE) {
        parse_options(command, count, words, settings, &given, &operands);
    }
    if (command->release != NULL) {
        command->release(settings);
    }
    free(settings);
    given_options_free(&given);
    free(name);
    free(text);
    return 0;
}
