/* Rules that look at whole tensors, LAMB and Muon, against naive loops in double and PyTorch's numbers. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/mlp.h>

#include "model/network.h"
#include "model/workspace.h"
#include "optim/optimizer.h"
#include "pytorch_rules.h"

enum { INPUTS = 13, FIRST = 37, SECOND = 21, OUTPUTS = 5, BATCH = 16, LAYERS = 3, STEPS = 12 };
enum { LARGEST = FIRST * (SECOND + INPUTS) };

/* A tensor of the reference. */
struct tensor {
    size_t rows, columns;
    double w[LARGEST], m[LARGEST], v[LARGEST], g[LARGEST];
};

struct fixture {
    mlp_network *network;
    mlp_workspace *workspace;
    mlp_optimizer *optimizer;
    float x[BATCH * INPUTS];
    int32_t y[BATCH];
    struct tensor tensors[2 * LAYERS];
};

static void copy_out(const struct fixture *f, size_t t, const float *arena, double *out)
{
    const struct layer *layer = &f->network->layers[t / 2];
    const size_t columns = t % 2 == 1 ? 1 : layer->inputs, first = t % 2 == 1 ? layer->bias : layer->weights;
    for (size_t j = 0; j < columns; j++) {
        for (size_t i = 0; i < layer->units; i++) {
            out[i + j * layer->units] = arena[first + i + j * layer->stride];
        }
    }
}

static void make(struct fixture *f, const mlp_optimizer_options *options, int threads)
{
    const mlp_layer layers[] = {
        { .units = FIRST, .activation = MLP_ACTIVATION_TANH, .bias_init = MLP_INIT_NORMAL },
        { .units = SECOND, .activation = MLP_ACTIVATION_TANH },
        { .units = OUTPUTS, .activation = MLP_ACTIVATION_SOFTMAX }
    };
    mlp_workspace_options workspace = MLP_WORKSPACE_OPTIONS_INIT;
    uint64_t state = 4;
    workspace.threads = threads;
    assert_ok(mlp_network_create(INPUTS, layers, LAYERS, NULL, &f->network));
    assert_ok(mlp_workspace_create(f->network, BATCH, &workspace, &f->workspace));
    assert_ok(mlp_optimizer_create(f->network, options, &f->optimizer));
    test_fill(&state, -1.0, 1.0, f->x, BATCH * INPUTS);
    for (int i = 0; i < BATCH; i++) {
        f->y[i] = i % OUTPUTS;
    }
    memset(f->tensors, 0, sizeof f->tensors);
    for (size_t t = 0; t < 2 * LAYERS; t++) {
        f->tensors[t].rows = f->network->layers[t / 2].units;
        f->tensors[t].columns = t % 2 == 1 ? 1 : f->network->layers[t / 2].inputs;
        copy_out(f, t, f->network->parameters, f->tensors[t].w);
    }
}

static void drop(struct fixture *f)
{
    mlp_optimizer_destroy(&f->optimizer);
    mlp_workspace_destroy(&f->workspace);
    mlp_network_destroy(&f->network);
}

static double norm(const double *values, size_t count)
{
    double squares = 0.0;
    for (size_t i = 0; i < count; i++) {
        squares += values[i] * values[i];
    }
    return sqrt(squares);
}

/* You et al. 2020, algorithm 2, φ the identity. What is exempt from the decay is exempt from the adaptation,
 * too, as in the code that the authors trained with. */
static void lamb(struct tensor *p, size_t t, double rate, double decay)
{
    static double u[LARGEST];
    const size_t count = p->rows * p->columns;
    for (size_t i = 0; i < count; i++) {
        p->m[i] = 0.9 * p->m[i] + 0.1 * p->g[i];
        p->v[i] = 0.999 * p->v[i] + 0.001 * p->g[i] * p->g[i];
        u[i] =
            p->m[i] / (1.0 - pow(0.9, t)) / (sqrt(p->v[i] / (1.0 - pow(0.999, t))) + 1e-6) + decay * p->w[i];
    }
    const double w = norm(p->w, count), length = norm(u, count);
    const double trust = decay > 0.0 && w > 0.0 && length > 0.0 ? w / length : 1.0;
    for (size_t i = 0; i < count; i++) {
        p->w[i] -= rate * trust * u[i];
    }
}

static void adamw(struct tensor *p, size_t t, double rate, double decay)
{
    for (size_t i = 0; i < p->rows * p->columns; i++) {
        p->m[i] = 0.9 * p->m[i] + 0.1 * p->g[i];
        p->v[i] = 0.999 * p->v[i] + 0.001 * p->g[i] * p->g[i];
        p->w[i] = p->w[i] * (1.0 - rate * decay) -
                  rate * p->m[i] / (1.0 - pow(0.9, t)) / (sqrt(p->v[i] / (1.0 - pow(0.999, t))) + 1e-8);
    }
}

/* Jordan 2024: x ← a·x + (b·xxᵀ + c·(xxᵀ)²)·x, by the larger of the two sides, which does not change the
 * result. */
static void orthogonalize(double *x, size_t rows, size_t columns)
{
    double *gram = malloc(rows * rows * sizeof *gram), *poly = malloc(rows * rows * sizeof *poly);
    double *next = malloc(rows * columns * sizeof *next);
    const double length = norm(x, rows * columns) + 1e-7;
    for (size_t i = 0; i < rows * columns; i++) {
        x[i] /= length;
    }
    for (int k = 0; k < 5; k++) {
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < rows; j++) {
                gram[i + j * rows] = 0.0;
                for (size_t c = 0; c < columns; c++) {
                    gram[i + j * rows] += x[i + c * rows] * x[j + c * rows];
                }
            }
        }
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < rows; j++) {
                double squared = 0.0;
                for (size_t c = 0; c < rows; c++) {
                    squared += gram[i + c * rows] * gram[c + j * rows];
                }
                poly[i + j * rows] = -4.7750 * gram[i + j * rows] + 2.0315 * squared;
            }
        }
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < columns; j++) {
                next[i + j * rows] = 3.4445 * x[i + j * rows];
                for (size_t c = 0; c < rows; c++) {
                    next[i + j * rows] += poly[i + c * rows] * x[c + j * rows];
                }
            }
        }
        memcpy(x, next, rows * columns * sizeof *x);
    }
    free(gram);
    free(poly);
    free(next);
}

static void muon(struct tensor *p, double rate, double decay)
{
    static double u[LARGEST];
    const size_t count = p->rows * p->columns;
    for (size_t i = 0; i < count; i++) {
        p->m[i] = 0.95 * p->m[i] + 0.05 * p->g[i];
        u[i] = 0.05 * p->g[i] + 0.95 * p->m[i];
    }
    orthogonalize(u, p->rows, p->columns);
    for (size_t i = 0; i < count; i++) {
        p->w[i] =
            p->w[i] * (1.0 - rate * decay) - rate * 0.2 * sqrt((double)fmax(p->rows, p->columns)) * u[i];
    }
}

/* STEPS steps; the reference gets the gradients that the optimizer got. */
static void follow(mlp_optimizer_rule rule, int threads, bool decay_biases, double tolerance)
{
    static struct fixture f;
    mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
    options.rule = rule;
    options.learning_rate = 0.01;
    options.weight_decay = 0.05;
    options.decay_biases = decay_biases;
    make(&f, &options, threads);
    for (size_t step = 1; step <= STEPS; step++) {
        const mlp_targets targets = { f.y, NULL, NULL };
        assert_ok(mlp_forward(f.network, f.workspace, f.x, BATCH));
        assert_ok(mlp_loss_backward(f.network, f.workspace, &targets, NULL));
        for (size_t t = 0; t < 2 * LAYERS; t++) {
            copy_out(&f, t, f.workspace->gradients, f.tensors[t].g);
        }
        assert_ok(mlp_optimizer_step(f.optimizer, f.network, f.workspace, NULL));
        for (size_t t = 0; t < 2 * LAYERS; t++) {
            struct tensor *p = &f.tensors[t];
            static double ours[LARGEST];
            const double decay = t % 2 == 0 || decay_biases ? 0.05 : 0.0;
            if (rule == MLP_OPTIMIZER_LAMB) {
                lamb(p, step, 0.01, decay);
            } else if (t % 2 == 0 && t < 2 * (LAYERS - 1)) {
                muon(p, 0.01, 0.05);
            } else {
                adamw(p, step, 0.01, decay);
            }
            copy_out(&f, t, f.network->parameters, ours);
            for (size_t i = 0; i < p->rows * p->columns; i++) {
                assert_close(ours[i], p->w[i], tolerance);
            }
        }
    }
    drop(&f);
}

static void lamb_is_its_algorithm(void **unused)
{
    (void)unused;
    follow(MLP_OPTIMIZER_LAMB, 1, true, 2e-5);
    follow(MLP_OPTIMIZER_LAMB, 3, false, 2e-5);
}

/* Newton–Schulz magnifies small singular values by 3.4⁵, and float's rounding with them. */
static void muon_is_its_algorithm(void **unused)
{
    (void)unused;
    follow(MLP_OPTIMIZER_MUON, 1, true, 1e-4);
    follow(MLP_OPTIMIZER_MUON, 2, false, 1e-4);
}

static void any_number_of_threads_has_the_same_bits(void **unused)
{
    static struct fixture one, many;
    (void)unused;
    for (size_t r = MLP_OPTIMIZER_RPROP; r < mlp_optimizer_count(); r++) {
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.rule = (mlp_optimizer_rule)r;
        make(&one, &options, 1);
        make(&many, &options, 4);
        for (int step = 0; step < 5; step++) {
            const mlp_targets targets = { one.y, NULL, NULL };
            assert_ok(
                mlp_train_step(one.network, one.optimizer, one.workspace, one.x, &targets, BATCH, NULL));
            assert_ok(
                mlp_train_step(many.network, many.optimizer, many.workspace, many.x, &targets, BATCH, NULL));
        }
        assert_memory_equal(one.network->parameters, many.network->parameters,
                            one.network->arena_size * sizeof(float));
        drop(&one);
        drop(&many);
    }
}

/* One hidden layer of PyTorch's shape; its gradients are put in. */
static void muon_is_pytorchs(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < sizeof pytorch_muon / sizeof pytorch_muon[0]; k++) {
        const size_t rows = (size_t)pytorch_muon[k].rows, columns = (size_t)pytorch_muon[k].columns;
        const mlp_layer layers[] = { { .units = rows, .activation = MLP_ACTIVATION_TANH }, { .units = 1 } };
        const mlp_targets targets = { NULL, (const float[]){ 0.0f }, NULL };
        const float x[6] = { 0.0f };
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        mlp_network *network;
        mlp_workspace *workspace;
        mlp_optimizer *optimizer;
        mlp_matrix dw;
        mlp_const_matrix w;
        float start[PYTORCH_MUON_ENTRIES];
        options.rule = MLP_OPTIMIZER_MUON;
        options.learning_rate = 0.02;
        assert_ok(mlp_network_create(columns, layers, 2, NULL, &network));
        assert_ok(mlp_workspace_create(network, 1, NULL, &workspace));
        assert_ok(mlp_optimizer_create(network, &options, &optimizer));
        for (size_t r = 0; r < rows; r++) {
            for (size_t c = 0; c < columns; c++) {
                start[r + c * rows] = ((float)(r * columns + c) - 11.5f) / 12.0f;
            }
        }
        assert_ok(mlp_network_set_weights(network, 0, start));
        for (size_t t = 0; t < PYTORCH_MUON_STEPS; t++) {
            assert_ok(mlp_forward(network, workspace, x, 1));
            assert_ok(mlp_loss_backward(network, workspace, &targets, NULL));
            assert_ok(mlp_workspace_view(workspace, MLP_TENSOR_WEIGHT_GRADIENT, 0, &dw));
            for (size_t r = 0; r < rows; r++) {
                for (size_t c = 0; c < columns; c++) {
                    dw.data[r + c * dw.leading_dimension] =
                        (float)((int)(7 * (r * columns + c) + 5 * t) % 11 - 5) / 8.0f;
                }
            }
            assert_ok(mlp_optimizer_step(optimizer, network, workspace, NULL));
        }
        assert_ok(mlp_network_weights(network, 0, &w));
        double difference = 0.0, moved = 0.0;
        for (size_t r = 0; r < rows; r++) {
            for (size_t c = 0; c < columns; c++) {
                const double theirs = pytorch_muon[k].parameters[r * columns + c];
                difference = fmax(difference, fabs(w.data[r + c * w.leading_dimension] - theirs));
                moved = fmax(moved, fabs(theirs - start[r + c * rows]));
            }
        }
        assert_true(moved > 0.02 && difference < 0.03 * moved); /* bfloat16 has 8 bits */
        mlp_optimizer_destroy(&optimizer);
        mlp_workspace_destroy(&workspace);
        mlp_network_destroy(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lamb_is_its_algorithm),
        cmocka_unit_test(muon_is_its_algorithm),
        cmocka_unit_test(any_number_of_threads_has_the_same_bits),
        cmocka_unit_test(muon_is_pytorchs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
