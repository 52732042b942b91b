/* Trains a network on handwritten digits, evaluates it on samples it has not seen, and saves it.
 *
 * usage: train_digits DIGITS.csv MODEL.safetensors */
#include <stdio.h>

#include <mlp/mlp.h>

/* Every call that can fail returns a status; the text says what was wrong. */
static int failed(mlp_status status)
{
    if (status != MLP_OK) {
        fprintf(stderr, "train_digits: %s\n", mlp_last_error());
    }
    return status != MLP_OK;
}

/* Called after every step and every epoch; returning 1 would stop the fit. */
static int show(const mlp_progress *progress, void *context)
{
    (void)context;
    if (progress->epoch_ended) {
        printf("epoch %2zu of %zu: loss %.4f, validation accuracy %.3f\n", progress->epoch, progress->epochs,
               progress->loss, progress->validation.accuracy);
    }
    return 0;
}

/* A hidden layer of 64 ReLU units (initialized by He's rule, which is automatic) and ten softmax outputs. */
static mlp_status create(const mlp_data *train, mlp_network **network, mlp_optimizer **optimizer)
{
    const mlp_layer layers[] = {
        { .units = 64, .activation = MLP_ACTIVATION_RELU },
        { .units = 10, .activation = MLP_ACTIVATION_SOFTMAX },
    };
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = MLP_OPTIMIZER_ADAM;
    options.clip = MLP_CLIP_GLOBAL_NORM;
    options.clip_threshold = 1.0;
    mlp_status status = mlp_network_create(mlp_data_inputs(train), layers, 2, NULL, network);
    if (status == MLP_OK) {
        status = mlp_data_standardize(train, *network);
    }
    if (status == MLP_OK) {
        status = mlp_optimizer_create(*network, &options, optimizer);
    }
    return status;
}

int main(int argc, char **argv)
{
    mlp_data *all = NULL, *train = NULL, *test = NULL;
    mlp_network *network = NULL;
    mlp_optimizer *optimizer = NULL;
    mlp_metrics metrics;
    mlp_fit_options options = MLP_FIT_OPTIONS_INIT;
    if (argc != 3) {
        fputs("usage: train_digits DIGITS.csv MODEL.safetensors\n", stderr);
        return 2;
    }
    int code = failed(mlp_data_load_csv(argv[1], NULL, &all)) ||
               failed(mlp_data_split(all, 0.2, 1, &train, &test)) ||
               failed(create(train, &network, &optimizer));
    options.epochs = 15;
    options.batch = 32;
    options.validation = test;
    options.progress = show;
    code = code || failed(mlp_fit(network, optimizer, train, &options, NULL)) ||
           failed(mlp_evaluate(network, test, 0, 0, 0, &metrics, NULL)) ||
           failed(mlp_model_save(network, argv[2]));
    if (!code) {
        printf("test accuracy %.3f on %zu samples; saved as %s\n", metrics.accuracy, metrics.count, argv[2]);
    }
    mlp_optimizer_destroy(&optimizer);
    mlp_network_destroy(&network);
    mlp_data_destroy(&test);
    mlp_data_destroy(&train);
    mlp_data_destroy(&all);
    return code;
}
