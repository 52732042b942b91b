/* The monitor: its figures against loops in double, its warnings against planted defects, and what it must
 * not change. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"

enum { COUNT = 64, INPUTS = 20, CLASSES = 5, MOST_LAYERS = 16, RECORDS = 1024 };

struct world {
    float x[COUNT * INPUTS];
    int32_t classes[COUNT];
    mlp_data *data;
    mlp_network *network;
    mlp_optimizer *optimizer;
    mlp_fit_options options;
};

static void make(struct world *w, size_t hidden, size_t units, mlp_activation activation, mlp_init init,
                 double number, double bias)
{
    mlp_layer layers[MOST_LAYERS] = { { 0 } };
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    const mlp_fit_options fit = MLP_FIT_OPTIONS_INIT;
    uint64_t state = 3;
    test_fill(&state, -1.7, 1.7, w->x, COUNT * INPUTS);
    for (size_t i = 0; i < COUNT; i++) {
        w->classes[i] = (int32_t)(i * 7 % CLASSES);
    }
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = w->x;
    arrays.classes = w->classes;
    for (size_t l = 0; l < hidden; l++) {
        layers[l] = (mlp_layer){ .units = units,
                                 .activation = activation,
                                 .init = init,
                                 .init_parameters = { .a = number },
                                 .bias_init = MLP_INIT_CONSTANT,
                                 .bias_parameters = { .a = bias } };
    }
    layers[hidden] = (mlp_layer){ .units = CLASSES, .activation = MLP_ACTIVATION_SOFTMAX };
    rule.rule = MLP_OPTIMIZER_MOMENTUM;
    rule.learning_rate = 0.05;
    w->options = fit;
    w->options.epochs = 3;
    w->options.batch = 16;
    w->options.threads = 1;
    assert_ok(mlp_data_create(&arrays, &w->data));
    assert_ok(mlp_network_create(INPUTS, layers, hidden + 1, NULL, &w->network));
    assert_ok(mlp_optimizer_create(w->network, &rule, &w->optimizer));
}

static void drop(struct world *w)
{
    mlp_optimizer_destroy(&w->optimizer);
    mlp_network_destroy(&w->network);
    mlp_data_destroy(&w->data);
}

/* ---- figures ------------------------------------------------------------------------------------------- */

static double square_sum(mlp_const_matrix m)
{
    double sum = 0.0;
    for (size_t j = 0; j < m.columns; j++) {
        for (size_t i = 0; i < m.rows; i++) {
            sum += (double)m.data[i + j * m.leading_dimension] * (double)m.data[i + j * m.leading_dimension];
        }
    }
    return sum;
}

static mlp_const_matrix view(mlp_workspace *workspace, mlp_tensor tensor, size_t l)
{
    mlp_matrix m;
    assert_ok(mlp_workspace_view(workspace, tensor, l, &m));
    return (mlp_const_matrix){ m.data, m.rows, m.columns, m.leading_dimension };
}

static double update_of(const mlp_network *before, const mlp_network *after, size_t l)
{
    mlp_const_matrix old, new;
    double sum = 0.0;
    assert_ok(mlp_network_weights(before, l, &old));
    assert_ok(mlp_network_weights(after, l, &new));
    for (size_t j = 0; j < old.columns; j++) {
        for (size_t i = 0; i < old.rows; i++) {
            const size_t at = i + j * old.leading_dimension;
            sum += pow((double)new.data[at] - (double)old.data[at], 2.0);
        }
    }
    return sqrt(sum / square_sum(new));
}

/* One layer's figures from the matrices that a separate pass over the start leaves. */
static void compare_layer(const mlp_network *before, const mlp_network *after, mlp_workspace *workspace,
                          size_t l, double bound, const mlp_monitor_layer *figures)
{
    const mlp_const_matrix a = view(workspace, MLP_TENSOR_ACTIVATION, l);
    const mlp_const_matrix d = view(workspace, MLP_TENSOR_PRE_ACTIVATION_GRADIENT, l);
    const double values = (double)a.rows * (double)a.columns;
    mlp_const_matrix new;
    size_t zeros = 0, saturated = 0, dead = 0;
    for (size_t i = 0; i < a.rows; i++) {
        size_t still = 0;
        for (size_t j = 0; j < a.columns; j++) {
            const double value = (double)a.data[i + j * a.leading_dimension];
            zeros += value == 0.0;
            saturated += fabs(value) > bound;
            still += d.data[i + j * d.leading_dimension] == 0.0f;
        }
        dead += still == a.columns;
    }
    assert_ok(mlp_network_weights(after, l, &new));
    assert_close(figures->activation_rms, sqrt(square_sum(a) / values), 1e-6);
    assert_close(figures->pre_gradient_rms / sqrt(square_sum(d) / values), 1.0, 1e-5);
    assert_close(figures->weight_norm, sqrt(square_sum(new)), 1e-6);
    assert_close(figures->weight_gradient_norm /
                     sqrt(square_sum(view(workspace, MLP_TENSOR_WEIGHT_GRADIENT, l))),
                 1.0, 1e-5);
    assert_close(figures->gradient_ratio, figures->weight_gradient_norm / figures->weight_norm, 1e-12);
    assert_close(figures->update_ratio / update_of(before, after, l), 1.0, 1e-5);
    assert_close(figures->zeros, (double)zeros / values, 1e-12);
    assert_close(figures->saturated, (double)saturated / values, 1e-12);
    assert_int_equal(figures->dead, l + 1 < mlp_network_layer_count(before) ? dead : 0);
}

static void compare_step(mlp_activation activation, double number, double bias, double bound)
{
    struct world w;
    mlp_network *before;
    mlp_workspace *workspace;
    mlp_report *report;
    mlp_monitor_record record;
    mlp_monitor_layer layers[3];
    double loss;
    make(&w, 2, 11, activation, MLP_INIT_NORMAL, number, bias);
    w.options.epochs = 1;
    w.options.batch = COUNT;
    w.options.keep_order = 1;
    w.options.monitor_interval = 1;
    const mlp_targets targets = { .classes = w.classes };
    assert_ok(mlp_network_copy(w.network, &before));
    assert_ok(mlp_fit(w.network, w.optimizer, w.data, &w.options, &report));
    assert_int_equal(mlp_report_monitor_count(report), 1);
    assert_ok(mlp_report_monitor(report, 0, &record, layers));
    assert_ok(mlp_workspace_create(before, COUNT, NULL, &workspace));
    assert_ok(mlp_forward(before, workspace, w.x, COUNT));
    assert_ok(mlp_loss_backward(before, workspace, &targets, &loss));
    assert_int_equal(record.step, 1);
    assert_int_equal(record.epoch, 1);
    assert_close(record.loss, loss, 1e-6);
    for (size_t l = 0; l < 3; l++) {
        compare_layer(before, w.network, workspace, l, l < 2 ? bound : INFINITY, &layers[l]);
    }
    mlp_workspace_destroy(&workspace);
    mlp_report_destroy(&report);
    mlp_network_destroy(&before);
    drop(&w);
}

static void figures_are_those_of_loops(void **unused)
{
    (void)unused;
    compare_step(MLP_ACTIVATION_TANH, 1.0, 0.0, sqrt(0.98)); /* φ′ = 1 − a² */
    compare_step(MLP_ACTIVATION_RELU, 0.3, -1.0, INFINITY);
    compare_step(MLP_ACTIVATION_HARD_TANH, 0.3, 0.5, 0.9999999);
    compare_step(MLP_ACTIVATION_GELU, 0.3, 0.0, INFINITY);
}

/* ---- warnings ------------------------------------------------------------------------------------------ */

struct heard {
    size_t warnings, records;
    char text[1024];
};

static int listen(const mlp_progress *progress, void *context)
{
    struct heard *heard = context;
    heard->records += progress->monitor != NULL;
    if (progress->warning != NULL) {
        heard->warnings++;
        strncat(heard->text, progress->warning, sizeof heard->text - strlen(heard->text) - 1);
    }
    return 0;
}

static struct heard fit_and_listen(struct world *w, unsigned *findings)
{
    struct heard heard = { 0 };
    mlp_report *report;
    w->options.monitor_interval = 2;
    w->options.progress = listen;
    w->options.progress_context = &heard;
    assert_ok(mlp_fit(w->network, w->optimizer, w->data, &w->options, &report));
    *findings = 0;
    for (size_t i = 0; i < mlp_report_monitor_count(report); i++) {
        mlp_monitor_record record;
        assert_ok(mlp_report_monitor(report, i, &record, NULL));
        *findings |= record.findings;
    }
    assert_int_equal(heard.records, mlp_report_monitor_count(report));
    mlp_report_destroy(&report);
    return heard;
}

static void defects_are_warned_of_once(void **unused)
{
    static const struct {
        size_t hidden, units;
        mlp_activation activation;
        mlp_init init;
        double number, bias;
        mlp_finding finding;
        const char *words;
    } planted[] = {
        { 8, 30, MLP_ACTIVATION_SIGMOID, MLP_INIT_LECUN_NORMAL, 0.0, 0.0, MLP_FINDING_VANISHING,
          "vanishing: layer 0, ||dZ||" },
        { 6, 60, MLP_ACTIVATION_RELU, MLP_INIT_NORMAL, 0.7, 0.0, MLP_FINDING_EXPLODING, "exploding: layer " },
        { 2, 30, MLP_ACTIVATION_RELU, MLP_INIT_HE_NORMAL, 0.0, -50.0, MLP_FINDING_DEAD,
          "dead: layer 0, 30 of 30 units" },
        { 2, 60, MLP_ACTIVATION_TANH, MLP_INIT_NORMAL, 3.0, 0.0, MLP_FINDING_SATURATED,
          "saturated: layer 0, " },
    };
    (void)unused;
    for (size_t i = 0; i < sizeof planted / sizeof planted[0]; i++) {
        struct world w;
        unsigned findings;
        make(&w, planted[i].hidden, planted[i].units, planted[i].activation, planted[i].init,
             planted[i].number, planted[i].bias);
        if (planted[i].finding == MLP_FINDING_EXPLODING) {
            assert_ok(mlp_optimizer_set_learning_rate(w.optimizer, 1e-12));
        }
        const struct heard heard = fit_and_listen(&w, &findings);
        if (strstr(heard.text, planted[i].words) == NULL || (findings & 1u << planted[i].finding) == 0) {
            fail_msg("expected '%s', heard '%s' (findings %x)", planted[i].words, heard.text, findings);
        }
        const char *first = strstr(heard.text, mlp_finding_name(planted[i].finding));
        assert_null(strstr(first + 1, mlp_finding_name(planted[i].finding))); /* six records, one warning */
        drop(&w);
    }
}

static void a_healthy_network_is_left_in_peace(void **unused)
{
    (void)unused;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct world w;
        unsigned findings;
        make(&w, 4, 30, seed % 2 == 0 ? MLP_ACTIVATION_RELU : MLP_ACTIVATION_TANH, MLP_INIT_AUTOMATIC, 0.0,
             0.0);
        assert_ok(mlp_network_initialize(w.network, seed));
        const struct heard heard = fit_and_listen(&w, &findings);
        if (heard.warnings > 0 || findings != 0) {
            fail_msg("seed %zu: %s", (size_t)seed, heard.text);
        }
        drop(&w);
    }
}

/* ---- records, and what must not change ----------------------------------------------------------------- */

static void records_span_the_fit(void **unused)
{
    struct world w;
    mlp_report *report;
    mlp_monitor_record record;
    (void)unused;
    make(&w, 1, 4, MLP_ACTIVATION_TANH, MLP_INIT_AUTOMATIC, 0.0, 0.0);
    w.options.monitor_interval = 3;
    assert_ok(mlp_fit(w.network, w.optimizer, w.data, &w.options, &report)); /* 3 epochs of 4 steps */
    assert_int_equal(mlp_report_monitor_count(report), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_ok(mlp_report_monitor(report, i, &record, NULL));
        assert_int_equal(record.step, 1 + 3 * i);
        assert_int_equal(record.epoch, 1 + 3 * i / 4);
    }
    assert_refused(mlp_report_monitor(report, 4, &record, NULL), MLP_ERROR_RANGE, "index is 4", "less than 4",
                   NULL);
    assert_refused(mlp_report_monitor(NULL, 0, &record, NULL), MLP_ERROR_ARGUMENT, "report", NULL);
    mlp_report_destroy(&report);
    w.options.monitor_interval = 1;
    w.options.epochs = (2 * RECORDS + 300) / 4; /* twice full */
    assert_ok(mlp_fit(w.network, w.optimizer, w.data, &w.options, &report));
    const size_t count = mlp_report_monitor_count(report);
    assert_int_equal(count, (w.options.epochs * 4 + 3) / 4);
    for (size_t i = 0; i < count; i++) {
        assert_ok(mlp_report_monitor(report, i, &record, NULL));
        assert_int_equal(record.step, 1 + 4 * i);
    }
    mlp_report_destroy(&report);
    assert_int_equal(mlp_report_monitor_count(NULL), 0);
    drop(&w);
}

static void bits_stay_the_same(void **unused)
{
    struct world plain, watched;
    (void)unused;
    make(&plain, 3, 19, MLP_ACTIVATION_GELU, MLP_INIT_AUTOMATIC, 0.0, 0.0);
    make(&watched, 3, 19, MLP_ACTIVATION_GELU, MLP_INIT_AUTOMATIC, 0.0, 0.0);
    watched.options.monitor_interval = 1;
    assert_ok(mlp_fit(plain.network, plain.optimizer, plain.data, &plain.options, NULL));
    assert_ok(mlp_fit(watched.network, watched.optimizer, watched.data, &watched.options, NULL));
    assert_memory_equal(plain.network->parameters, watched.network->parameters,
                        plain.network->arena_size * sizeof(float));
    drop(&plain);
    drop(&watched);
}

/* A step that was left out has no gradients worth a record. */
static void skipped_steps_are_not_recorded(void **unused)
{
    struct world w;
    mlp_report *report;
    mlp_optimizer_options rule = MLP_OPTIMIZER_OPTIONS_INIT;
    (void)unused;
    make(&w, 2, 8, MLP_ACTIVATION_RELU, MLP_INIT_NORMAL, 1e30, 0.0);
    mlp_optimizer_destroy(&w.optimizer);
    rule.nonfinite = MLP_NONFINITE_SKIP;
    rule.max_skips = 1000;
    assert_ok(mlp_optimizer_create(w.network, &rule, &w.optimizer));
    w.options.monitor_interval = 1;
    assert_ok(mlp_fit(w.network, w.optimizer, w.data, &w.options, &report));
    assert_int_equal(mlp_report_monitor_count(report), 0);
    mlp_report_destroy(&report);
    drop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_loops),
        cmocka_unit_test(defects_are_warned_of_once),
        cmocka_unit_test(a_healthy_network_is_left_in_peace),
        cmocka_unit_test(records_span_the_fit),
        cmocka_unit_test(bits_stay_the_same),
        cmocka_unit_test(skipped_steps_are_not_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
