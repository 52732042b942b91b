/* A long training that is safe to stop: a cosine schedule with warm-up, dropout, averaged weights, and
 * checkpoints. Ctrl-C ends it after the current step; the same command again goes on from there, and ends
 * with the same model, bit for bit.
 *
 * usage: train_long DIGITS.csv MODEL.safetensors FOLDER */
#include <signal.h>
#include <stdio.h>

#include <mlp/mlp.h>

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
    interrupted = 1;
    signal(number, SIG_DFL); /* a second one ends the program at once; the newest checkpoint stays whole */
}

static int failed(mlp_status status)
{
    if (status != MLP_OK) {
        fprintf(stderr, "train_long: %s\n", mlp_last_error());
    }
    return status != MLP_OK;
}

/* Called after every step and every epoch; anything but 0 stops the fit, which then writes a checkpoint. */
static int watch(const mlp_progress *progress, void *context)
{
    (void)context;
    if (progress->warning != NULL) { /* a checkpoint could not be written, say */
        fprintf(stderr, "train_long: %s\n", progress->warning);
    }
    if (progress->epoch_ended && progress->epoch % 10 == 0) {
        printf("epoch %3zu of %zu: rate %.2g, loss %.4f, validation accuracy %.4f\n", progress->epoch,
               progress->epochs, progress->learning_rate, progress->loss, progress->validation.accuracy);
        fflush(stdout);
    }
    return interrupted;
}

static mlp_status create(const mlp_data *train, mlp_network **network, mlp_optimizer **optimizer)
{
    const mlp_layer layers[] = {
        { .units = 128, .activation = MLP_ACTIVATION_RELU },
        { .units = 64, .activation = MLP_ACTIVATION_RELU },
        { .units = 10, .activation = MLP_ACTIVATION_SOFTMAX },
    };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = MLP_OPTIMIZER_ADAMW;
    options.learning_rate = 3e-3; /* the schedule's height */
    mlp_status status = mlp_network_create(mlp_data_inputs(train), layers, 3, NULL, network);
    if (status == MLP_OK) {
        status = mlp_data_standardize(train, *network);
    }
    if (status == MLP_OK) {
        status = mlp_optimizer_create(*network, &options, optimizer);
    }
    return status;
}

/* Everything that the bits depend on stands here and in create(); a checkpoint made with other settings is
 * refused. */
static mlp_status fit(mlp_network *network, mlp_optimizer *optimizer, const mlp_data *train,
                      const mlp_data *validation, const char *folder, mlp_report **report)
{
    mlp_schedule_options schedule = MLP_SCHEDULE_OPTIONS_INIT;
    mlp_regularization noise = MLP_REGULARIZATION_INIT;
    mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
    mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
    mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    schedule.rule = MLP_SCHEDULE_COSINE;
    schedule.warmup = 200; /* steps */
    noise.hidden_dropout = 0.2;
    average.rule = MLP_AVERAGE_EMA;
    checkpoint.folder = folder;
    checkpoint.seconds = 30.0;
    checkpoint.resume = 1; /* from the start where the folder holds none */
    options.epochs = 200;
    options.batch = 32;
    options.validation = validation;
    options.schedule = &schedule;
    options.regularization = &noise;
    options.average = &average;
    options.checkpoint = &checkpoint;
    options.progress = watch;
    return mlp_fit(network, optimizer, train, &options, report);
}

/* Says how it went; a training that was stopped has no model yet. */
static int finish(const mlp_network *network, const mlp_data *test, const mlp_report *report,
                  const char *model)
{
    mlp_metrics metrics;
    if (mlp_report_stopped(report)) {
        printf("stopped; the same command goes on from %s\n", mlp_report_checkpoint(report));
        return 1;
    }
    if (failed(mlp_evaluate(network, test, 0, 0, 0, &metrics, NULL)) ||
        failed(mlp_model_save(network, model))) {
        return 1;
    }
    printf("accuracy %.4f on %zu samples; saved as %s\n", metrics.accuracy, metrics.count, model);
    return 0;
}

int main(int argc, char **argv)
{
    mlp_data *all = NULL, *train = NULL, *test = NULL;
    mlp_network *network = NULL;
    mlp_optimizer *optimizer = NULL;
    mlp_report *report = NULL;
    if (argc != 4) {
        fputs("usage: train_long DIGITS.csv MODEL.safetensors FOLDER\n", stderr);
        return 2;
    }
    signal(SIGINT, note_interrupt);
    const int code = failed(mlp_data_load_csv(argv[1], NULL, &all)) ||
                     failed(mlp_data_split_stratified(all, 0.2, 1, &train, &test)) ||
                     failed(create(train, &network, &optimizer)) ||
                     failed(fit(network, optimizer, train, test, argv[3], &report)) ||
                     finish(network, test, report, argv[2]);
    mlp_report_destroy(&report);
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    mlp_data_destroy(&test);
    mlp_data_destroy(&train);
    mlp_data_destroy(&all);
    return code;
}
