/* Update rules: one row of behaviour for each value of mlp_optimizer_rule. A rule works on flat arrays and
 * knows no network. Rule files are compiled for each vector level. */
#ifndef OPTIM_RULE_H
#define OPTIM_RULE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include <mlp/optimizer.h>

#include "base/names.h"
#include "optim/direction.h"

/* State arrays that a rule of single entries has at most, and those of L-BFGS: pairs of arrays, then
 * direction, gradient and parameters of a search. */
enum { ENTRY_STATES = 3, LBFGS_PAIRS = 10, RULE_STATES = 2 * LBFGS_PAIRS + 3 };

/* A gradient whose square, and the sum of some hundred such, is finite in float: rules that square gradients
 * take larger ones for it. */
#define LARGEST_SQUARED 1e18f

/* The figures of an update, which all its entries share. */
struct update_constants {
    float scale; /* clip factor */
    float bound; /* clip bound; INFINITY when there is none */
    float l2;    /* λ of an L2 decay, 0 without */
    float l1;    /* λ₁ of an L1 penalty, 0 without */
    float decay; /* λ of a decoupled decay, for a rule that has it in its step */
    float keep;  /* 1 − η·λ of a decoupled decay, 1 without */
    float rate;  /* η */
    float momentum;
    float beta1;
    float beta2;
    float fresh1; /* 1 − β₁, rounded once from double */
    float fresh2; /* 1 − β₂ */
    float epsilon;
    float correction1; /* 1 / (1 − β₁ᵗ) */
    float correction2; /* 1 / (1 − β₂ᵗ) */
    float figures[2];  /* the rule's own, set by its `prepare` */
};

/* One update of `count` parameters, in one pass. The arrays do not overlap. */
struct update {
    float *parameters;
    const float *gradients; /* raw: clipped on the way in by scale and bound */
    const float *inputs;    /* NULL; else the gradient is gradients·inputsᵀ, of `rows` rows */
    size_t rows;
    float *state[ENTRY_STATES]; /* moments, as many as the rule has */
    size_t count;
    struct update_constants constants;
};

/* `count` parameters of an update, from the one at `first` on, without their gradients. */
static inline struct update update_from(const struct update *update, size_t first, size_t count)
{
    struct update piece = *update;
    piece.count = count;
    piece.parameters += first;
    piece.gradients = piece.inputs = NULL;
    for (size_t s = 0; s < ENTRY_STATES && piece.state[s] != NULL; s++) {
        piece.state[s] += first;
    }
    return piece;
}

/* The gradient that the rule sees for parameter w: clipped, with L2 decay and L1 penalty. */
static inline float effective_gradient(const struct update_constants *k, float g, float w)
{
    const float scaled = g * k->scale;
    const float low = scaled < -k->bound ? -k->bound : scaled;
    const float clipped = low > k->bound ? k->bound : low;
    const float sign = (w > 0.0f ? k->l1 : 0.0f) - (w < 0.0f ? k->l1 : 0.0f);
    return clipped + k->l2 * w + sign;
}

/* A whole tensor, after all its parameters have been through a rule: for rules that need its norm or the
 * whole matrix. */
struct tensor_update {
    float *parameters; /* column-major rows × columns; b has one column */
    float *state[ENTRY_STATES];
    size_t rows, columns, stride;
    float rate;  /* η */
    bool exempt; /* b, where biases do not decay */
    bool hidden_matrix;
    float *scratch; /* `gram_matrices` of min(rows, columns)² each */
};

/* Where the updates have come to. */
struct update_time {
    double beta1, beta2;
    double t;        /* number of the update, from 1 */
    double *product; /* kept from update to update; 1 before the first */
};

/* Defaults of a rule; a field the rule does not take is NAN. */
struct rule_defaults {
    double learning_rate;
    double momentum;
    double beta1;
    double beta2;
    double epsilon;
    double weight_decay;
    mlp_decay decay;
};

/* What the length of a rule's step hangs on, which is what factors of the maximal update parametrization
 * correct. */
enum step_length {
    STEP_OF_ENTRIES = 0, /* each entry's is about η */
    STEP_OF_GRADIENT,    /* η times a gradient, or a mean of such */
    STEP_OF_NORM,        /* ‖ΔW‖ = η·‖W‖ */
    STEP_ORTHOGONAL, /* hidden matrices: singular values η·0.2·√max(units, inputs); else as STEP_OF_ENTRIES */
    STEP_SEARCHED /* what decreases the loss */
};

typedef void update_pass(const struct update *update);

struct pass;
struct update_plan;

struct update_rule {
    struct name name; /* must be first */
    size_t states;    /* arrays of moments, 0 to RULE_STATES */
    bool squares;     /* its update squares gradients: larger ones than LARGEST_SQUARED count as that */
    bool compounds;   /* its state may double by itself in a step */
    direction_bound *direction; /* what its quotients are at most; NULL: none is known */
    enum step_length step;
    size_t gram_matrices; /* of each hidden layer's W that `finish` needs room for */
    struct rule_defaults defaults;
    /* Sets constants->figures, once a step; or NULL. */
    void (*prepare)(const struct update_time *time, struct update_constants *constants);
    update_pass *update;
    update_pass *update_hidden; /* hidden layers' W; NULL: as all others */
    /* For one tensor, after all. Or NULL. BLAS is on one thread. */
    void (*finish)(const struct tensor_update *tensor);
    /* In place of all that, a step that takes several passes: optim/lbfgs.h. NULL for all other rules. */
    void (*search)(struct pass *pass, const float *x, size_t count, struct update_plan *plan);
};

/* MLP_ERROR_ARGUMENT for a value that no table has. */
mlp_status rule_check(mlp_optimizer_rule rule, mlp_decay decay, mlp_nonfinite policy);

/* Row of a valid rule, with kernels for the processor's vector level. Static. */
const struct update_rule *update_rule(mlp_optimizer_rule rule);

#endif
