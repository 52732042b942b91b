/* A program of release 0.1.0, which runs on every later library: it uses each options struct and each call
 * that fills a caller's struct, and prints what comes out, all digits. With MADE_UP, a member that its
 * headers have and no library knows is set in one options struct after the other; each must be refused. */
#include <stdio.h>
#include <string.h>

#ifdef TODAY
#include <mlp/mlp.h>
#else
#include HEADER
#endif

enum { SAMPLES = 40, INPUTS = 3, CLASSES = 4, EPOCHS = 3, POINTS = 200 };

static int failures;

#define OK(call) expect((call), MLP_OK, #call)
static void expect(mlp_status status, mlp_status expected, const char *what)
{
    if (status != expected) {
        printf("%s: %s (%s)\n", what, mlp_status_text(status), mlp_last_error());
        failures++;
    }
}

/* A struct that the library fills, and bytes behind it that are not its own. */
#define GUARDED(type)                                                                                        \
    struct {                                                                                                 \
        type value;                                                                                          \
        unsigned char behind[256];                                                                           \
    }
#define ARM(guarded) memset((guarded).behind, 0xA5, sizeof(guarded).behind)
#define CHECK(guarded) check_guard((guarded).behind, sizeof(guarded).behind, #guarded)
static void check_guard(const unsigned char *behind, size_t size, const char *what)
{
    for (size_t i = 0; i < size; i++) {
        if (behind[i] != 0xA5) {
            printf("%s: byte %zu behind it was written\n", what, i);
            failures++;
            return;
        }
    }
}

#ifdef MADE_UP
#define SET(options) (options).made_up = 1.0
#define UNSET(options) (options).made_up = 0.0
#define REFUSED(options, type, call)                                                                         \
    do {                                                                                                     \
        SET(options);                                                                                        \
        expect((call), MLP_ERROR_UNSUPPORTED, #call);                                                        \
        if (strstr(mlp_last_error(), type) == NULL) {                                                        \
            printf("%s is not in: %s\n", type, mlp_last_error());                                            \
            failures++;                                                                                      \
        }                                                                                                    \
        UNSET(options);                                                                                      \
    } while (0)
#else
#define REFUSED(options, type, call)
#endif

static int progress(const mlp_progress *now, void *context)
{
    *(double *)context += now->loss;
    return 0;
}

static float x[SAMPLES * INPUTS];
static int32_t y[SAMPLES];
static mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
static mlp_csv_options csv = MLP_CSV_OPTIONS_INIT;
static mlp_network_options network_options = MLP_NETWORK_OPTIONS_INIT;
static mlp_workspace_options workspace_options = MLP_WORKSPACE_OPTIONS_INIT;
static mlp_regularization regularization = MLP_REGULARIZATION_INIT;
static mlp_optimizer_options optimizer_options = MLP_OPTIMIZER_OPTIONS_INIT;
static mlp_schedule_options schedule = MLP_SCHEDULE_OPTIONS_INIT;
static mlp_average_options average = MLP_AVERAGE_OPTIONS_INIT;
static mlp_checkpoint_options checkpoint = MLP_CHECKPOINT_OPTIONS_INIT;
static mlp_rate_test_options rate_test = MLP_RATE_TEST_OPTIONS_INIT;
static mlp_diagnose_options diagnose = MLP_DIAGNOSE_OPTIONS_INIT;
static mlp_gradient_check_options gradient_check = MLP_GRADIENT_CHECK_OPTIONS_INIT;
static mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
static mlp_layer layers[3];
static mlp_data *data, *loaded;
static mlp_network *network;
static mlp_workspace *workspace;
static mlp_optimizer *optimizer;
static mlp_diagnosis *diagnosis;
static mlp_report *report;
static const mlp_targets targets = { y, NULL, NULL };
static mlp_rate_point points[POINTS];
static mlp_schedule_point point;
static size_t count = 0;
static double losses = 0.0;
static int passed = 0;

static void make_data(const char *csv_file)
{
    for (int i = 0; i < SAMPLES; i++) {
        y[i] = i % CLASSES;
        for (int j = 0; j < INPUTS; j++) {
            x[i * INPUTS + j] = (float)((i * 7 + j * 5 + y[i] * j) % 11) / 11.0f;
        }
    }

    arrays.count = SAMPLES;
    arrays.inputs = INPUTS;
    arrays.features = x;
    arrays.classes = y;
    REFUSED(arrays, "mlp_data_arrays", mlp_data_create(&arrays, &data));
    OK(mlp_data_create(&arrays, &data));
    REFUSED(csv, "mlp_csv_options", mlp_data_load_csv(csv_file, &csv, &loaded));
    OK(mlp_data_load_csv(csv_file, &csv, &loaded));
}

static void make_network(void)
{
    memset(layers, 0, sizeof layers);
    layers[0].units = 16;
    layers[0].activation = MLP_ACTIVATION_LEAKY_RELU;
    layers[0].activation_parameter = 0.125;
    layers[0].init = MLP_INIT_HE_UNIFORM;
    layers[1].units = 8;
    layers[1].activation = MLP_ACTIVATION_TANH;
    layers[1].bias_init = MLP_INIT_CONSTANT;
    layers[1].bias_parameters.a = 0.25;
    layers[2].units = CLASSES;
    layers[2].activation = MLP_ACTIVATION_SOFTMAX;
    network_options.seed = 5;
    network_options.label_smoothing = 0.1;
    REFUSED(network_options, "mlp_network_options",
            mlp_network_create(INPUTS, layers, 3, &network_options, &network));
    REFUSED(layers[1], "layer 1", mlp_network_create(INPUTS, layers, 3, &network_options, &network));
    OK(mlp_network_create(INPUTS, layers, 3, &network_options, &network));

    workspace_options.threads = 1;
    workspace_options.keep_pre_activations = 1;
    REFUSED(workspace_options, "mlp_workspace_options",
            mlp_workspace_create(network, SAMPLES, &workspace_options, &workspace));
    OK(mlp_workspace_create(network, SAMPLES, &workspace_options, &workspace));
    regularization.hidden_dropout = 0.125;
    REFUSED(regularization, "mlp_regularization",
            mlp_workspace_set_regularization(workspace, &regularization));
    OK(mlp_workspace_set_regularization(workspace, &regularization));
}

static void make_optimizer(void)
{
    optimizer_options.rule = MLP_OPTIMIZER_ADAM;
    optimizer_options.clip = MLP_CLIP_GLOBAL_NORM;
    optimizer_options.clip_threshold = 0.5;
    optimizer_options.update_clip = MLP_CLIP_LAYER_NORM;
    optimizer_options.update_clip_threshold = 0.25;
    REFUSED(optimizer_options, "mlp_optimizer_options",
            mlp_optimizer_create(network, &optimizer_options, &optimizer));
    OK(mlp_optimizer_create(network, &optimizer_options, &optimizer));
}

static void train(const char *folder)
{
    schedule.rule = MLP_SCHEDULE_COSINE;
    schedule.warmup = 4;
    REFUSED(schedule, "mlp_schedule_options", mlp_schedule_at(&schedule, 1, 10, &point));
    OK(mlp_schedule_at(&schedule, 1, 10, &point));
    average.rule = MLP_AVERAGE_EMA;
    average.decay = 0.5;
    checkpoint.folder = folder;
    checkpoint.steps = 4;
    fit.epochs = EPOCHS;
    fit.batch = 8;
    fit.threads = 1;
    fit.validation = data;
    fit.patience = 10;
    fit.monitor_interval = 2;
    fit.progress = progress;
    fit.progress_context = &losses;
    fit.schedule = &schedule;
    fit.regularization = &regularization;
    fit.average = &average;
    fit.checkpoint = &checkpoint;
    REFUSED(fit, "mlp_fit_options", mlp_fit(network, optimizer, data, &fit, NULL));
    REFUSED(schedule, "mlp_schedule_options", mlp_fit(network, optimizer, data, &fit, NULL));
    REFUSED(regularization, "mlp_regularization", mlp_fit(network, optimizer, data, &fit, NULL));
    REFUSED(average, "mlp_average_options", mlp_fit(network, optimizer, data, &fit, NULL));
    REFUSED(checkpoint, "mlp_checkpoint_options", mlp_fit(network, optimizer, data, &fit, NULL));
    OK(mlp_fit(network, optimizer, data, &fit, &report));
    printf("losses %.17g, epochs %zu, monitored %zu\n", losses, mlp_report_epochs(report),
           mlp_report_monitor_count(report));
}

static void look_into(void)
{
    rate_test.steps = 20;
    rate_test.regularization = &regularization;
    REFUSED(rate_test, "mlp_rate_test_options",
            mlp_rate_test(network, optimizer, data, &rate_test, points, &count, NULL));
    OK(mlp_rate_test(network, optimizer, data, &rate_test, points, &count, NULL));
    printf("rates %zu, %.17g\n", count, points[count - 1].smoothed);
    REFUSED(diagnose, "mlp_diagnose_options",
            mlp_diagnose(network, x, &targets, SAMPLES, &diagnose, &diagnosis));
    OK(mlp_diagnose(network, x, &targets, SAMPLES, &diagnose, &diagnosis));
    printf("diagnosis %zu, %.17g\n", mlp_diagnosis_layers(diagnosis), mlp_diagnosis_loss(diagnosis));
    REFUSED(gradient_check, "mlp_gradient_check_options",
            mlp_gradient_check(network, x, &targets, SAMPLES, &gradient_check, NULL, &passed));
    OK(mlp_gradient_check(network, x, &targets, SAMPLES, &gradient_check, NULL, &passed));
    printf("gradients %d\n", passed);
}

static void fill_structs(void)
{
    /* what the library fills; 0.1.0 asked for no initialization of it */
    GUARDED(mlp_optimizer_options) in_force;
    GUARDED(mlp_layer) layer;
    GUARDED(mlp_metrics) metrics;
    GUARDED(mlp_epoch) epoch;
    GUARDED(mlp_step_report) step;
    GUARDED(mlp_signal) signal;
    GUARDED(mlp_init_summary) summary;
    GUARDED(mlp_info) info;
    memset(&in_force, 0xA5, sizeof in_force);
    ARM(layer);
    ARM(metrics);
    ARM(epoch);
    ARM(step);
    ARM(signal);
    ARM(summary);
    ARM(info);
    mlp_optimizer_get_options(optimizer, &in_force.value);
    OK(mlp_network_layer(network, 0, &layer.value));
    OK(mlp_evaluate(network, data, 0, 1, 0, &metrics.value, NULL));
    OK(mlp_report_epoch(report, 0, &epoch.value));
    OK(mlp_train_step(network, optimizer, workspace, x, &targets, SAMPLES, &step.value));
    OK(mlp_diagnosis_layer(diagnosis, 1, &signal.value));
    OK(mlp_network_init_summary(network, 0, &summary.value));
    mlp_info_get(&info.value);
    CHECK(in_force);
    CHECK(layer);
    CHECK(metrics);
    CHECK(epoch);
    CHECK(step);
    CHECK(signal);
    CHECK(summary);
    CHECK(info);
    printf("in force %.17g %.17g\n", in_force.value.learning_rate, in_force.value.update_clip_threshold);
    printf("layer %zu %.17g\n", layer.value.units, layer.value.activation_parameter);
    printf("metrics %.17g %zu\n", metrics.value.loss, metrics.value.count);
    printf("epoch %.17g %zu\n", epoch.value.loss, epoch.value.steps);
    printf("step %.17g\n", step.value.loss);
    printf("signal %.17g, deviation %.17g\n", signal.value.chi, summary.value.deviation);
}

static void free_all(void)
{
    mlp_report_destroy(&report);
    mlp_diagnosis_destroy(&diagnosis);
    mlp_optimizer_destroy(&optimizer);
    mlp_workspace_destroy(&workspace);
    mlp_network_destroy(&network);
    mlp_data_destroy(&loaded);
    mlp_data_destroy(&data);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2; /* usage: older FOLDER_OF_CHECKPOINTS CSV_FILE */
    }
    make_data(argv[2]);
    make_network();
    make_optimizer();
    train(argv[1]);
    look_into();
    fill_structs();
    free_all();
    return failures > 0;
}
