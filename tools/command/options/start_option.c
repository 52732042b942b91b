/* `mlp train --from`: the saved model that a training starts from. */
#include <string.h>

#include "message.h"
#include "options/model_argument.h"
#include "training/train.h"

int load_start(struct train_settings *settings)
{
    if (settings->from == NULL) {
        return EXIT_DONE;
    }
    FAIL_IF(settings->option_of_model != NULL,
            usage_error("--%s: cannot be given with --from, whose model has layers, loss and "
                        "standardization of its own",
                        settings->option_of_model));
    TRY(load_model(settings->from, &settings->start));
    const bool classifies = network_classifies(settings->start);
    FAIL_IF(settings->request.regression && classifies,
            usage_error("--regression: the model of --from, '%s', tells classes apart", settings->from));
    settings->request.regression = !classifies;
    return EXIT_DONE;
}

/* Sets that are known by a name, and CSV files, name their classes; IDX files do not. */
static int check_names(const struct train_settings *settings, const struct train_data *data)
{
    const mlp_network *start = settings->start;
    for (size_t i = 0; i < data->classes && i < mlp_network_class_name_count(start); i++) {
        const char *theirs = data_set_class_name(&data->set, i), *ours = mlp_network_class_name(start, i);
        FAIL_IF(theirs != NULL && strcmp(theirs, ours) != 0,
                work_error("--from: class %zu of '%s' is '%s', that of the data '%s'", i, settings->from,
                           ours, theirs));
    }
    return EXIT_DONE;
}

int check_start(const struct train_settings *settings, const struct train_data *data)
{
    const mlp_network *start = settings->start;
    if (start == NULL) {
        return EXIT_DONE;
    }
    const size_t features = mlp_data_inputs(data->set.data), inputs = mlp_network_inputs(start);
    FAIL_IF(features != inputs, work_error("--from: '%s' takes %zu features, the data has %zu",
                                           settings->from, inputs, features));
    FAIL_IF(data->classes > network_classes(start),
            work_error("--from: '%s' tells %zu classes apart, the data has %zu", settings->from,
                       network_classes(start), data->classes));
    return check_names(settings, data);
}
