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
    const char *alone = o->resume != 0                       ? "--resume"
                        : o->steps > 0                       ? "--checkpoint-steps"
                        : settings->checkpoint_minutes > 0.0 ? "--checkpoint-minutes"
                        : o->keep > 0                        ? "--checkpoint-keep"
                        : settings->checkpoint_failure_given ? "--checkpoint-failure"
                                                             : NULL;
    if (o->folder == NULL && alone != NULL) {
        return usage_error("%s: needs --checkpoint FOLDER", alone);
    }
    o->seconds = 60.0 * settings->checkpoint_minutes;
    settings->fit.checkpoint = o->folder != NULL ? o : NULL;
    return EXIT_DONE;
}
