/* Evaluation against naive sums over the predictions. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <mlp/mlp.h>

#include "base/memory.h"
#include "model/workspace.h"
#include "support/ranks.h"

enum { COUNT = 101, INPUTS = 6, OUTPUTS = 4 };

static float x[COUNT * INPUTS], weights[COUNT], values[COUNT * OUTPUTS];
static int32_t classes[COUNT];

static mlp_data *make_data(int dense, int weighted)
{
    mlp_data_arrays arrays = MLP_DATA_ARRAYS_INIT;
    mlp_data *data;
    uint64_t state = 3;
    test_fill(&state, -1.0, 1.0, x, COUNT * INPUTS);
    test_fill(&state, 0.0, 2.0, weights, COUNT);
    test_fill(&state, 0.0, 1.0, values, COUNT * OUTPUTS);
    for (int i = 0; i < COUNT; i++) {
        classes[i] = (int32_t)test_uniform(&state, 0.0, OUTPUTS);
    }
    arrays.count = COUNT;
    arrays.inputs = INPUTS;
    arrays.features = x;
    arrays.classes = dense ? NULL : classes;
    arrays.values = dense ? values : NULL;
    arrays.outputs = dense ? OUTPUTS : 0;
    arrays.weights = weighted ? weights : NULL;
    assert_ok(mlp_data_create(&arrays, &data));
    return data;
}

static mlp_network *make_network(mlp_activation output, mlp_reduction reduction)
{
    const mlp_layer layers[] = { { .units = 9, .activation = MLP_ACTIVATION_TANH },
                                 { .units = OUTPUTS, .activation = output } };
    mlp_network_options options = MLP_NETWORK_OPTIONS_INIT;
    mlp_network *network;
    options.reduction = reduction;
    assert_ok(mlp_network_create(INPUTS, layers, 2, &options, &network));
    return network;
}

static void predictions(const mlp_network *network, float *outputs)
{
    mlp_workspace *workspace;
    assert_ok(mlp_workspace_create(network, COUNT, NULL, &workspace));
    assert_ok(mlp_predict(network, workspace, x, COUNT, outputs));
    mlp_workspace_destroy(&workspace);
}

/* Whatever the batch, the figures are those of the whole set. */
static void classification(void **unused)
{
    static const size_t batches[] = { 0, 1, 7, 64, 1000 };
    (void)unused;
    for (int weighted = 0; weighted < 2; weighted++) {
        for (int reduction = 0; reduction <= MLP_REDUCTION_SAMPLE_MEAN; reduction++) {
            mlp_data *data = make_data(0, weighted);
            mlp_network *network = make_network(MLP_ACTIVATION_SOFTMAX, (mlp_reduction)reduction);
            float p[COUNT * OUTPUTS];
            double loss = 0.0, mass = 0.0;
            size_t right = 0, right2 = 0;
            uint64_t expected[OUTPUTS * OUTPUTS] = { 0 }, confusion[OUTPUTS * OUTPUTS];
            predictions(network, p);
            for (int s = 0; s < COUNT; s++) {
                const double weight = weighted ? weights[s] : 1.0;
                int best = 0, above = 0;
                for (int i = 0; i < OUTPUTS; i++) {
                    best = p[s * OUTPUTS + i] > p[s * OUTPUTS + best] ? i : best;
                    above += p[s * OUTPUTS + i] > p[s * OUTPUTS + classes[s]];
                }
                loss -= weight * log(p[s * OUTPUTS + classes[s]]);
                mass += weight;
                right += best == classes[s];
                right2 += above < 2;
                expected[classes[s] * OUTPUTS + best]++;
            }
            for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
                mlp_metrics metrics;
                assert_ok(mlp_evaluate(network, data, batches[b], 1, 2, &metrics, confusion));
                assert_close(metrics.loss, reduction == MLP_REDUCTION_SUM ? loss : loss / mass, 1e-5);
                assert_close(metrics.accuracy, (double)right / COUNT, 1e-12);
                assert_close(metrics.top_k_accuracy, (double)right2 / COUNT, 1e-12);
                assert_int_equal(metrics.count, COUNT);
                assert_memory_equal(confusion, expected, sizeof expected);
            }
            mlp_network_destroy(&network);
            mlp_data_destroy(&data);
        }
    }
}

static void regression(void **unused)
{
    mlp_data *data = make_data(1, 0);
    mlp_network *network = make_network(MLP_ACTIVATION_IDENTITY, MLP_REDUCTION_MEAN);
    float p[COUNT * OUTPUTS];
    double sum = 0.0;
    mlp_metrics metrics;
    uint64_t confusion[OUTPUTS * OUTPUTS];
    (void)unused;
    predictions(network, p);
    for (int i = 0; i < COUNT * OUTPUTS; i++) {
        sum += ((double)p[i] - values[i]) * ((double)p[i] - values[i]);
    }
    assert_ok(mlp_evaluate(network, data, 13, 1, 0, &metrics, NULL));
    assert_close(metrics.loss, sum / (COUNT * OUTPUTS), 1e-6);
    assert_true(isnan(metrics.accuracy) && isnan(metrics.top_k_accuracy));
    assert_refused(mlp_evaluate(network, data, 13, 1, 0, &metrics, confusion), MLP_ERROR_ARGUMENT, "classes",
                   NULL);
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

/* The workspace of an evaluation: one of inference, and the output's Z. */
static void memory(void **unused)
{
    enum { BATCH = 64 };
    const mlp_layer layers[] = { { .units = 200 },
                                 { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_workspace_options options = MLP_WORKSPACE_OPTIONS_INIT;
    mlp_network *network;
    mlp_workspace *inference, *evaluation;
    (void)unused;
    options.purpose = MLP_WORKSPACE_INFERENCE;
    assert_ok(mlp_network_create(200, layers, 2, NULL, &network));
    assert_ok(mlp_workspace_create(network, BATCH, &options, &inference));
    assert_ok(workspace_create_for_evaluation(network, BATCH, 1, &evaluation));
    assert_in_range(mlp_workspace_bytes(evaluation), mlp_workspace_bytes(inference),
                    mlp_workspace_bytes(inference) + (208 * sizeof(float) + 1) * BATCH);
    mlp_workspace_destroy(&evaluation);
    mlp_workspace_destroy(&inference);
    mlp_network_destroy(&network);
}

/* Counted by several threads: 101 samples of 1000 outputs. */
static void many_outputs(void **unused)
{
    enum { MANY = 1000 };
    static float p[COUNT * MANY];
    static uint64_t confusion[MANY * MANY];
    const mlp_layer layers[] = { { .units = MANY, .activation = MLP_ACTIVATION_SOFTMAX } };
    mlp_data *data = make_data(0, 0);
    mlp_network *network;
    mlp_metrics metrics;
    size_t right = 0, right3 = 0;
    (void)unused;
    assert_ok(mlp_network_create(INPUTS, layers, 1, NULL, &network));
    predictions(network, p);
    for (int s = 0; s < COUNT; s++) {
        const float *sample = p + s * MANY;
        size_t above = 0;
        for (int i = 0; i < MANY; i++) {
            above += sample[i] > sample[classes[s]] || (sample[i] == sample[classes[s]] && i < classes[s]);
        }
        right += above == 0;
        right3 += above < 300;
    }
    assert_true(right3 > 0 && right3 < COUNT);
    for (int threads = 1; threads <= 4; threads++) {
        uint64_t counted = 0;
        memset(confusion, 0, sizeof confusion);
        assert_ok(mlp_evaluate(network, data, 0, threads, 300, &metrics, confusion));
        assert_close(metrics.accuracy, (double)right / COUNT, 1e-15);
        assert_close(metrics.top_k_accuracy, (double)right3 / COUNT, 1e-15);
        for (size_t i = 0; i < MANY * MANY; i++) {
            counted += confusion[i];
        }
        assert_int_equal(counted, COUNT);
    }
    mlp_network_destroy(&network);
    mlp_data_destroy(&data);
}

/* ---- ranks --------------------------------------------------------------------------------------------- */

struct job {
    mlp_exchange exchange;
    const mlp_network *network;
    const mlp_data *data;
    size_t batch;
    mlp_status status, numbers_status;
    mlp_metrics metrics;
    mlp_number_metrics numbers[OUTPUTS];
    uint64_t confusion[OUTPUTS * OUTPUTS];
    char text[256];
};

static void *work(void *context)
{
    struct job *job = context;
    const bool classed = mlp_data_class_count(job->data) > 0;
    job->status = mlp_exchange_evaluate(&job->exchange, job->network, job->data, job->batch, 1, 2,
                                        &job->metrics, classed ? job->confusion : NULL);
    job->numbers_status = job->status;
    if (job->status == MLP_OK && !classed) {
        job->numbers_status = mlp_exchange_evaluate_numbers(&job->exchange, job->network, job->data,
                                                            job->batch, 1, job->numbers);
    }
    snprintf(job->text, sizeof job->text, "%s", job->numbers_status != MLP_OK ? mlp_last_error() : "");
    return NULL;
}

/* `cut`: the call at which the line is cut, 0: none. */
static void evaluate_jobs(struct job *jobs, int size, const mlp_network *network, const mlp_data *data,
                          size_t batch, size_t cut)
{
    struct ranks ranks;
    ranks_open(&ranks, size);
    ranks.fail_after = cut;
    for (int r = 0; r < size; r++) {
        jobs[r] = (struct job){
            .exchange = ranks_exchange(&ranks, r), .network = network, .data = data, .batch = batch
        };
    }
    run_jobs(jobs, sizeof *jobs, size, work);
    ranks_close(&ranks);
}

/* More ranks than batches, batches that ranks do not divide, a short last batch: the bits of one rank. */
static void ranks_have_the_bits_of_one(void **unused)
{
    static const size_t batches[] = { 0, 1, 7, 50 };
    (void)unused;
    for (int kind = 0; kind < 4; kind++) {
        const int dense = kind % 2;
        mlp_data *data = make_data(dense, kind / 2);
        mlp_network *network = make_network(dense ? MLP_ACTIVATION_IDENTITY : MLP_ACTIVATION_SOFTMAX,
                                            kind == 2 ? MLP_REDUCTION_SUM : MLP_REDUCTION_MEAN);
        for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
            struct job jobs[RANKS_MOST], alone = { .network = network, .data = data, .batch = batches[b] };
            const mlp_exchange one = MLP_EXCHANGE_INIT;
            alone.exchange = one;
            work(&alone);
            assert_ok(alone.numbers_status);
            for (int size = 2; size <= RANKS_MOST; size++) {
                evaluate_jobs(jobs, size, network, data, batches[b], 0);
                for (int r = 0; r < size; r++) {
                    test_assert_status(jobs[r].numbers_status, MLP_OK, jobs[r].text, __FILE__, __LINE__);
                    assert_memory_equal(&jobs[r].metrics, &alone.metrics, sizeof alone.metrics);
                    assert_memory_equal(jobs[r].numbers, alone.numbers, sizeof alone.numbers);
                    assert_memory_equal(jobs[r].confusion, alone.confusion, sizeof alone.confusion);
                }
            }
        }
        mlp_network_destroy(&network);
        mlp_data_destroy(&data);
    }
}

/* The line cut at each call, each allocation refused on some rank: all fail alike, and name the rank. */
static void ranks_fail_together(void **unused)
{
    enum { THREE = 3 };
    (void)unused;
    for (int dense = 0; dense < 2; dense++) {
        mlp_data *data = make_data(dense, 0);
        mlp_network *network =
            make_network(dense ? MLP_ACTIVATION_IDENTITY : MLP_ACTIVATION_SOFTMAX, MLP_REDUCTION_MEAN);
        struct job jobs[THREE];
        size_t cuts = 0, refusals = 0;
        do {
            evaluate_jobs(jobs, THREE, network, data, 16, ++cuts);
            for (int r = 0; r < THREE; r++) {
                assert_true(jobs[r].numbers_status == jobs[0].numbers_status);
                assert_true(jobs[r].numbers_status == MLP_OK || strcmp(jobs[r].text, "the line is cut") == 0);
            }
        } while (jobs[0].numbers_status != MLP_OK);
        assert_int_equal(cuts, dense ? 7 : 5); /* agree, agree, gather; a matrix of counts, or the numbers */
        do {
            memory_fail_after(refusals++);
            evaluate_jobs(jobs, THREE, network, data, 16, 0);
            memory_fail_after(SIZE_MAX);
            for (int r = 0; r < THREE; r++) {
                assert_true(jobs[r].numbers_status == jobs[0].numbers_status);
                assert_true(jobs[r].numbers_status == MLP_OK || strstr(jobs[r].text, "rank ") != NULL);
            }
        } while (jobs[0].numbers_status != MLP_OK);
        assert_in_range(refusals, 12, 200);
        mlp_network_destroy(&network);
        mlp_data_destroy(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(classification),
                                        cmocka_unit_test(regression),
                                        cmocka_unit_test(memory),
                                        cmocka_unit_test(many_outputs),
                                        cmocka_unit_test(ranks_have_the_bits_of_one),
                                        cmocka_unit_test(ranks_fail_together) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
