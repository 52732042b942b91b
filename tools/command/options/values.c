/* Several values of an option, of which a grid has each. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "options/options.h"

static bool is_real(const struct option_row *row)
{
    return row->kind == OPTION_REAL || (row->kind == OPTION_PARSED && row->flag == A_REAL);
}

static bool is_number(const struct option_row *row)
{
    return row->kind == OPTION_SIZE || row->kind == OPTION_COUNT || is_real(row) ||
           (row->kind == OPTION_PARSED && row->flag == A_WHOLE);
}

/* A seed alone is no setting to be compared. */
static bool may_vary(const struct command *command, const struct option_row *row)
{
    bool varied = false;
    for (const struct option_row *other = command->rows; other < row; other++) {
        varied = other->kind == OPTION_GROUP ? (other->flag & GROUP_VARIES) != 0 : varied;
    }
    return varied && (is_number(row) || row->kind == OPTION_PARSED);
}

static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (char *end = text + strlen(text); end > text && (end[-1] == ' ' || end[-1] == '\t');) {
        *--end = '\0';
    }
    return text;
}

static int split(struct given_option *option, const char *separator)
{
    size_t count = 1;
    for (const char *c = option->text; *c != '\0'; c++) {
        count += *c == *separator;
    }
    option->copy = strdup(option->text);
    option->values = calloc(count, sizeof *option->values);
    FAIL_IF(option->copy == NULL || option->values == NULL, out_of_memory());
    char *rest = option->copy;
    for (size_t i = 0; i < count; i++) {
        option->values[i] = trim(strsep(&rest, separator));
        FAIL_IF(option->values[i][0] == '\0', usage_error("--%s: expected values separated by '%s', got '%s'",
                                                          option->row->name, separator, option->text));
        for (size_t before = 0; before < i; before++) {
            FAIL_IF(strcmp(option->values[before], option->values[i]) == 0,
                    usage_error("--%s: '%s' is given twice", option->row->name, option->values[i]));
        }
    }
    option->value_count = count;
    return EXIT_DONE;
}

/* Two whole numbers with a comma between them may be meant as one with a fraction. */
static bool may_be_decimal(const struct given_option *option)
{
    const char *comma = strchr(option->text, ',');
    return is_real(option->row) && strspn(option->text, "0123456789") == (size_t)(comma - option->text) &&
           comma[1 + strspn(comma + 1, "0123456789")] == '\0';
}

int split_values(const struct command *command, struct given_options *given)
{
    if (command->given == 0) { /* it runs once */
        return EXIT_DONE;
    }
    for (size_t i = 0; i < given->count; i++) {
        struct given_option *option = &given->items[i];
        if (option->text == NULL || !may_vary(command, option->row)) {
            continue;
        }
        const bool semicolons = strchr(option->text, ';') != NULL;
        const bool commas = is_number(option->row) && strchr(option->text, ',') != NULL;
        FAIL_IF(semicolons && commas,
                usage_error("--%s: expected values separated by commas or by semicolons, got '%s'",
                            option->row->name, option->text));
        FAIL_IF(commas && may_be_decimal(option),
                usage_error("--%s: '%s' may be one number or two; a fraction begins with a point, and values "
                            "are also separated by ';'",
                            option->row->name, option->text));
        if (semicolons || commas) {
            TRY(split(option, semicolons ? ";" : ","));
        }
    }
    return EXIT_DONE;
}

size_t count_choices(const struct given_options *given)
{
    size_t count = 1;
    for (size_t i = 0; i < given->count; i++) {
        const size_t values = given->items[i].value_count;
        count = count > SIZE_MAX / values ? SIZE_MAX : count * values;
    }
    return count;
}

/* Combinations of the options after item i. The last option given changes the fastest. */
static size_t count_after(const struct given_options *given, size_t i)
{
    size_t count = 1;
    for (i++; i < given->count; i++) {
        count *= given->items[i].value_count;
    }
    return count;
}

const char *value_of_choice(const struct given_options *given, size_t i, size_t choice)
{
    const struct given_option *option = &given->items[i];
    return option->values != NULL ? option->values[choice / count_after(given, i) % option->value_count]
                                  : option->text;
}

void choose_values(struct given_options *given, size_t choice)
{
    for (size_t i = 0; i < given->count; i++) {
        given->items[i].chosen = choice / count_after(given, i) % given->items[i].value_count;
    }
}
