/* Early stopping: which figure is watched, and what counts as an improvement of it. */
#include "session/stopping.h"

#include <math.h>

#include "base/names.h"
#include "base/status.h"

static const struct name figures[] = {
    [MLP_STOP_VALIDATION_LOSS] = { "validation-loss", "loss on the validation samples" },
    [MLP_STOP_TRAINING_LOSS] = { "training-loss", "loss of the epoch on the training samples" },
    [MLP_STOP_VALIDATION_ACCURACY] = { "validation-accuracy", "accuracy on the validation samples" },
};

static const struct name_table names = NAME_ROWS("stop figure", figures);

STRATEGY_FUNCTIONS(mlp_stop_figure, mlp_stop_figure, &names);

bool stopping_watches_training(const mlp_fit_options *options)
{
    return options->stop_figure == MLP_STOP_TRAINING_LOSS;
}

mlp_status stopping_check(const mlp_fit_options *o)
{
    TRY(name_check(&names, (int)o->stop_figure));
    FAIL_IF(o->patience > 0 && o->validation == NULL && !stopping_watches_training(o), MLP_ERROR_ARGUMENT,
            "fit options: patience is %zu, but there is no validation set to watch", o->patience);
    FAIL_IF(o->stop_figure == MLP_STOP_VALIDATION_ACCURACY &&
                (o->validation == NULL || mlp_data_class_count(o->validation) == 0),
            MLP_ERROR_ARGUMENT,
            "fit options: stop_figure is validation-accuracy, but there is no validation "
            "set with classes to watch");
    FAIL_IF(!(o->minimum_improvement >= 0.0) || !isfinite(o->minimum_improvement), MLP_ERROR_RANGE,
            "fit options: minimum_improvement is %g, expected a finite number of at least 0",
            o->minimum_improvement);
    return MLP_OK;
}

double stopping_validation_figure(const mlp_fit_options *options, const mlp_metrics *validation)
{
    return options->stop_figure == MLP_STOP_VALIDATION_ACCURACY ? -validation->accuracy : validation->loss;
}

bool stopping_improves(const mlp_fit_options *options, double figure, double *least, bool *is_least)
{
    const double margin = isfinite(*least) ? options->minimum_improvement : 0.0;
    const bool improves = isfinite(figure) && figure < *least - margin;
    *is_least = improves || (options->patience_from_least != 0 && isfinite(figure) && figure < *least);
    *least = *is_least ? figure : *least;
    return improves;
}
