/* Properties of evaluations, fits, checkpoints and files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/network.h"
#include "properties/problem.h"
#include "support/support.h"

static bool close_to(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance * fmax(1.0, fabs(b));
}

const char *evaluation_does_not_depend_on_the_batch(const struct subject *s)
{
    mlp_metrics whole, some;
    const mlp_status expected = mlp_evaluate(s->network, s->data, s->count, 1, 0, &whole, NULL);
    if (!problem_is_ordinary(s->problem)) {
        return NULL; /* a sum may overflow, depending on its order */
    }
    for (size_t batch = 1; batch <= s->count; batch += batch < 4 ? 1 : 7) {
        const mlp_status status = mlp_evaluate(s->network, s->data, batch, 2, 0, &some, NULL);
        if (status != expected || !close_to(some.loss, whole.loss, 1e-6) || some.count != whole.count) {
            return complain("batch %zu: status %d, loss %.9g; whole: status %d, loss %.9g", batch,
                            (int)status, some.loss, (int)expected, whole.loss);
        }
    }
    return NULL;
}

/* A fit whose rate is too small to move anything. */
const char *the_loss_of_an_epoch_at_rest_is_the_evaluation(const struct subject *s)
{
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    mlp_optimizer *optimizer;
    mlp_report *report = NULL;
    mlp_metrics metrics;
    mlp_epoch epoch;
    const char *wrong = NULL;
    if (!problem_is_ordinary(s->problem) || s->network->loss.reduction == MLP_REDUCTION_SUM) {
        return NULL;
    }
    mlp_network *network = subject_network(s);
    rule.learning_rate = 1e-30;
    fit.epochs = 1;
    fit.batch = s->batch;
    fit.threads = 1;
    if (mlp_optimizer_create(network, &rule, &optimizer) != MLP_OK) {
        abort();
    }
    const mlp_status evaluated = mlp_evaluate(network, s->data, 0, 1, 0, &metrics, NULL);
    const mlp_status fitted = mlp_fit(network, optimizer, s->data, &fit, &report);
    if (fitted != MLP_OK || evaluated != MLP_OK) {
        wrong = complain("evaluation %d, fit %d: %s", (int)evaluated, (int)fitted, mlp_last_error());
    } else if (mlp_report_epoch(report, 0, &epoch) != MLP_OK || !close_to(epoch.loss, metrics.loss, 1e-5)) {
        wrong = complain("the epoch's loss is %.9g, the evaluation's %.9g", epoch.loss, metrics.loss);
    }
    mlp_report_destroy(&report);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    return wrong;
}

const char *saved_models_come_back(const struct subject *s)
{
    const char *path = test_path("model.safetensors");
    mlp_network *loaded;
    const char *wrong = NULL;
    if (mlp_model_save(s->network, path) != MLP_OK) {
        return complain("cannot save: %s", mlp_last_error());
    }
    if (mlp_model_load(path, &loaded) != MLP_OK) {
        return complain("what was saved cannot be loaded: %s", mlp_last_error());
    }
    if (memcmp(loaded->parameters, s->network->parameters, s->network->arena_size * sizeof(float)) != 0) {
        wrong = "the parameters that come back have other bits";
    }
    size_t first_size, second_size;
    unsigned char *first = test_read_file(path, &first_size);
    if (mlp_model_save(loaded, path) != MLP_OK) {
        wrong = complain("cannot save what was loaded: %s", mlp_last_error());
    }
    unsigned char *second = test_read_file(path, &second_size);
    if (wrong == NULL && (first_size != second_size || memcmp(first, second, first_size) != 0)) {
        wrong = "a model that was loaded is saved as another file";
    }
    free(first);
    free(second);
    mlp_network_destroy(&loaded);
    return wrong;
}

/* ---- fits --------------------------------------------------------------------------------------- */

static int stop_at(const mlp_progress *progress, void *context)
{
    size_t *calls = context;
    (void)progress;
    return *calls > 0 && --*calls == 0;
}

/* Trains a network with the problem's settings; `folder` NULL: no checkpoints. False: settings refused. */
static bool fit(const struct subject *s, mlp_network *network, const char *folder, size_t stop,
                mlp_status *status)
{
    mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    mlp_fit_options options = s->fit;
    mlp_optimizer *optimizer;
    if (mlp_optimizer_create(network, &s->rule, &optimizer) != MLP_OK) {
        return false;
    }
    checkpoint.folder = folder;
    checkpoint.steps = 3;
    checkpoint.keep = 2;
    checkpoint.resume = 1;
    options.schedule = &s->schedule;
    options.average = s->average.rule != MLP_AVERAGE_NONE ? &s->average : NULL;
    options.regularization = &s->noise;
    options.checkpoint = folder != NULL ? &checkpoint : NULL;
    options.progress = stop_at;
    options.progress_context = &stop;
    *status = mlp_fit(network, optimizer, s->train != NULL ? s->train : s->data, &options, NULL);
    mlp_optimizer_destroy(&optimizer);
    return true;
}

static bool is_finite(const mlp_network *network)
{
    for (size_t i = 0; i < network->arena_size; i++) {
        if (!isfinite(network->parameters[i])) {
            return false;
        }
    }
    return true;
}

const char *a_fit_that_is_ok_leaves_finite_parameters(const struct subject *s)
{
    mlp_network *network = subject_network(s);
    mlp_status status = MLP_OK;
    const char *wrong = NULL;
    if (fit(s, network, NULL, 0, &status) && !is_finite(network)) {
        wrong = complain("a parameter is not finite after a fit that came back with %d", (int)status);
    }
    mlp_network_destroy(&network);
    return wrong;
}

static void remove_folder(const char *folder)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) {
        abort();
    }
}

const char *a_stopped_fit_goes_on_to_the_same_bits(const struct subject *s)
{
    const char *folder = test_path("checkpoints");
    mlp_network *whole = subject_network(s), *parts = subject_network(s);
    mlp_status first = MLP_OK, second = MLP_OK, third = MLP_OK;
    const char *wrong = NULL;
    if (fit(s, whole, NULL, 0, &first) && first == MLP_OK) {
        fit(s, parts, folder, s->problem->choice[STOP] + 1, &second);
        fit(s, parts, folder, 0, &third);
        if (second != MLP_OK || third != MLP_OK) {
            wrong =
                complain("stopped with %d, gone on with %d: %s", (int)second, (int)third, mlp_last_error());
        } else if (memcmp(whole->parameters, parts->parameters, whole->arena_size * sizeof(float)) != 0) {
            wrong = "a fit that was stopped and went on has other bits";
        }
        remove_folder(folder);
    }
    mlp_network_destroy(&whole);
    mlp_network_destroy(&parts);
    return wrong;
}
