/* Strategies written as NAME[:NUMBERS], one or a list of them. */
#include "options/choice.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "options/number.h"

/* Where the item that begins at `text` ends: at a comma before another name, or at the end. */
static char *end_of_item(char *text)
{
    for (char *comma = strchr(text, ','); comma != NULL; comma = strchr(comma + 1, ',')) {
        const size_t word = strcspn(comma + 1, ",:=");
        if (isalpha((unsigned char)comma[1]) && comma[1 + word] != '=') {
            return comma;
        }
    }
    return text + strlen(text);
}

/* Calls `parse` for each item of the list; `numbers` is what follows the colon, or NULL. */
static int parse_items(const char *option, const char *text, struct choices *choices,
                       int (*parse)(const char *option, const char *name, char *numbers,
                                    struct choice *choice))
{
    char *copy = strdup(text), *next = copy;
    int code = copy != NULL ? EXIT_DONE : out_of_memory();
    choices_free(choices);
    while (code == EXIT_DONE && next != NULL) {
        char *end = end_of_item(next), *item = next;
        next = *end != '\0' ? end + 1 : NULL;
        *end = '\0';
        struct choice *items = realloc(choices->items, (choices->count + 1) * sizeof *items);
        if (items == NULL) {
            code = out_of_memory();
            break;
        }
        choices->items = items;
        items[choices->count] = (struct choice){ 0 };
        char *numbers = strchr(item, ':');
        if (numbers != NULL) {
            *numbers++ = '\0';
        }
        code = parse(option, item, numbers, &items[choices->count++]);
    }
    free(copy);
    return code;
}

static int parse_activation_item(const char *option, const char *name, char *numbers, struct choice *choice)
{
    mlp_activation activation;
    TRY(usage_code(option, mlp_activation_from_name(name, &activation)));
    FAIL_IF(activation == MLP_ACTIVATION_CUSTOM,
            usage_error("%s: custom takes a function of a program's own; the command has none", option));
    choice->value = (int)activation;
    FAIL_IF(numbers != NULL && (!parse_real(numbers, &choice->numbers.a) || choice->numbers.a == 0.0),
            usage_error("%s: expected %s:NUMBER with a number other than 0, got '%s:%s'", option, name, name,
                        numbers));
    return EXIT_DONE;
}

int parse_activation_choices(const char *option, const char *text, struct choices *choices)
{
    return parse_items(option, text, choices, parse_activation_item);
}

/* One of `gain=`, `fan=`, `distribution=`. */
static int parse_key(const char *option, const char *key, const char *value, mlp_init_parameters *numbers)
{
    if (strcmp(key, "fan") == 0) {
        return usage_code(option, mlp_fan_from_name(value, &numbers->fan));
    }
    if (strcmp(key, "distribution") == 0) {
        return usage_code(option, mlp_distribution_from_name(value, &numbers->distribution));
    }
    FAIL_IF(strcmp(key, "gain") != 0,
            usage_error("%s: expected gain=, fan= or distribution=, got '%s='", option, key));
    const bool valid = mlp_gain_from_name(value, &numbers->gain_rule) == MLP_OK ||
                       (parse_real(value, &numbers->gain) && numbers->gain > 0.0);
    return valid ? EXIT_DONE
                 : usage_error("%s: gain: expected a number above 0, own, exact or pytorch, got '%s'", option,
                               value);
}

/* What follows the colon: up to two numbers and any keys. */
static int parse_init_numbers(const char *option, char *text, mlp_init_parameters *numbers, size_t *count)
{
    double *const slots[] = { &numbers->a, &numbers->b };
    *count = 0;
    for (char *item; (item = strsep(&text, ",")) != NULL;) {
        char *value = strchr(item, '=');
        if (value != NULL) {
            *value++ = '\0';
            TRY(parse_key(option, item, value, numbers));
        } else if (*count == 2 || !parse_real(item, slots[(*count)++])) {
            return usage_error("%s: expected at most two numbers after ':', got '%s'", option, item);
        }
    }
    return EXIT_DONE;
}

/* A zero would mean the default, which is not what was asked for. */
static int check_zeros(const char *option, const char *name, const struct choice *choice, size_t count)
{
    const bool spread = choice->value == MLP_INIT_NORMAL || choice->value == MLP_INIT_TRUNCATED_NORMAL;
    FAIL_IF(spread && count > 0 && choice->numbers.a <= 0.0,
            usage_error("%s: %s: expected a standard deviation above 0, got %g (for none, use zeros)", option,
                        name, choice->numbers.a));
    FAIL_IF(choice->value == MLP_INIT_UNIFORM && count > 0 &&
                (count < 2 || choice->numbers.a >= choice->numbers.b),
            usage_error("%s: uniform: expected uniform:LOW,HIGH with LOW below HIGH, got %g,%g", option,
                        choice->numbers.a, choice->numbers.b));
    return EXIT_DONE;
}

static int parse_init_item(const char *option, const char *name, char *numbers, struct choice *choice)
{
    mlp_init init;
    size_t count = 0;
    TRY(usage_code(option, mlp_init_from_name(name, &init)));
    FAIL_IF(init == MLP_INIT_CUSTOM,
            usage_error("%s: custom takes a function of a program's own; the command has none", option));
    choice->value = (int)init;
    const int code =
        numbers != NULL ? parse_init_numbers(option, numbers, &choice->numbers, &count) : EXIT_DONE;
    return code != EXIT_DONE ? code : check_zeros(option, name, choice, count);
}

int parse_init_choices(const char *option, const char *text, struct choices *choices)
{
    return parse_items(option, text, choices, parse_init_item);
}

void choices_free(struct choices *choices)
{
    free(choices->items);
    *choices = (struct choices){ 0 };
}
