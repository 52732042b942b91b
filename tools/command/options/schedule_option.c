/* The learning rate's schedule from the command line. */
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "options/number.h"
#include "training/train.h"

static int set_size(const char *key, const char *text, size_t *value)
{
    uint64_t whole;
    FAIL_IF(!parse_whole(text, &whole) || whole < 1 || whole > SIZE_MAX,
            usage_error("--schedule: %s: expected a whole number of at least 1, got '%s'", key, text));
    *value = (size_t)whole;
    return EXIT_DONE;
}

/* Their ranges are the schedules'; but 0 would mean a default, except as a minimum. */
static int set_real(const char *key, const char *text, double *value)
{
    const bool may_be_zero = strcmp(key, "minimum") == 0;
    return parse_real(text, value) && (may_be_zero || *value != 0.0)
               ? EXIT_DONE
               : usage_error("--schedule: %s: expected a number%s, got '%s'", key,
                             may_be_zero ? "" : " other than 0", text);
}

static int set_milestones(const char *text, struct train_settings *settings)
{
    mlp_schedule_options *o = &settings->schedule;
    TRY(parse_sizes("--schedule: milestones", text, "+", "whole numbers of at least 1 joined by +", 1,
                    SIZE_MAX, &settings->milestones, &o->milestone_count));
    o->milestones = settings->milestones;
    return EXIT_DONE;
}

static int set_per(const char *text, int *per_epoch)
{
    *per_epoch = strcmp(text, "epoch") == 0;
    return *per_epoch || strcmp(text, "step") == 0
               ? EXIT_DONE
               : usage_error("--schedule: per: expected step or epoch, got '%s'", text);
}

static int set_key(const char *key, char *text, struct train_settings *settings)
{
    mlp_schedule_options *o = &settings->schedule;
    const struct {
        const char *key;
        size_t *size;
        double *real;
    } keys[] = {
        { "period", &o->period, NULL },     { "factor", NULL, &o->factor }, { "minimum", NULL, &o->minimum },
        { "power", NULL, &o->power },       { "growth", NULL, &o->growth }, { "share", NULL, &o->share },
        { "patience", &o->patience, NULL },
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(key, keys[i].key) == 0) {
            return keys[i].size != NULL ? set_size(key, text, keys[i].size)
                                        : set_real(key, text, keys[i].real);
        }
    }
    if (strcmp(key, "milestones") == 0) {
        return set_milestones(text, settings);
    }
    if (strcmp(key, "per") == 0) {
        return set_per(text, &o->per_epoch);
    }
    return usage_error("--schedule: expected period=, factor=, minimum=, power=, growth=, share=, patience=, "
                       "milestones= or per=, got '%s='",
                       key);
}

static int parse_keys(char *text, struct train_settings *settings)
{
    char *name = strsep(&text, ":");
    TRY(usage_code("--schedule", mlp_schedule_from_name(name, &settings->schedule.rule)));
    FAIL_IF(settings->schedule.rule == MLP_SCHEDULE_CUSTOM,
            usage_error("--schedule: custom takes a function of a program's own; the command has none"));
    for (char *item; (item = strsep(&text, ",")) != NULL;) {
        char *value = strchr(item, '=');
        FAIL_IF(value == NULL,
                usage_error("--schedule: expected NAME:KEY=VALUE,..., got '%s' after the name", item));
        *value++ = '\0';
        TRY(set_key(item, value, settings));
    }
    return EXIT_DONE;
}

int parse_schedule(const char *text, void *settings)
{
    char *copy = strdup(text);
    FAIL_IF(copy == NULL, out_of_memory());
    const int code = parse_keys(copy, settings);
    free(copy);
    return code;
}
