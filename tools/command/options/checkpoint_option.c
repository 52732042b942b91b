/* The options of checkpoints. */
#include "message.h"
#include "training/train.h"

int parse_checkpoint_failure(const char *text, void *settings)
{
    struct train_settings *s = settings;
    s->checkpoint_failure_given = 1;
    return usage_code("--checkpoint-failure", mlp_checkpoint_failure_from_name(text, &s->checkpoint.failure));
}

int choose_checkpoints(struct train_settings *settings)
{
    mlp_checkpoint_options *o = &settings->checkpoint;
    const struct {
        const char *option;
        bool given;
    } options[] = { { "--resume", o->resume != 0 },
                    { "--checkpoint-steps", o->steps > 0 },
                    { "--checkpoint-minutes", settings->checkpoint_minutes > 0.0 },
                    { "--checkpoint-keep", o->keep > 0 },
                    { "--checkpoint-failure", settings->checkpoint_failure_given != 0 } };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        FAIL_IF(o->folder == NULL && options[i].given,
                usage_error("%s: needs --checkpoint FOLDER", options[i].option));
    }
    o->seconds = 60.0 * settings->checkpoint_minutes;
    settings->fit.checkpoint = o->folder != NULL ? o : NULL;
    return EXIT_DONE;
}
