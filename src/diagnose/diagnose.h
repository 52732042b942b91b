/* The parts of a diagnosis. */
#ifndef DIAGNOSE_DIAGNOSE_H
#define DIAGNOSE_DIAGNOSE_H

#include <stdbool.h>

#include <mlp/diagnose.h>
#include <mlp/workspace.h>

#include "model/network.h"
#include "theory/field.h"

enum { DIAGNOSIS_TEXT = 4096 };

/* Thresholds of findings; their reasons stand at mlp_finding. */
#define FINDING_DEAD_SHARE 0.9
#define FINDING_SATURATED_SHARE 0.5
#define FINDING_FACTOR 100.0

static inline unsigned finding_bit(mlp_finding finding)
{
    return 1u << finding;
}

struct mlp_diagnosis {
    size_t layers;
    mlp_signal *signals;
    double input_square; /* mean square of what layer 0 sees */
    double loss;
    mlp_nonfinite_location nonfinite;
    struct field_step *steps; /* one for each layer, for whoever follows the field */
    unsigned findings;
    char text[DIAGNOSIS_TEXT];
};

/* Where an activation is flat: its slope is under 2 % of the largest. */
struct flatness {
    mlp_activation_choice choice;
    bool defined; /* not for softmax */
    double limit; /* of |φ′| */
    bool bounded; /* flat on both sides: saturates; flat on one alone: dies */
    bool one_sided;
};
struct flatness flatness_of(const struct layer *layer);
bool is_flat(const struct flatness *flatness, double z);
/* For a built-in bounded activation: the values outside of *low < a < *high are those where it is flat.
 * False, and no value is outside, for any other. */
bool flat_values(const struct flatness *flatness, double *low, double *high);

/* Fills the figures of all layers from the passes of a workspace that kept Z; `backward` says that gradients
 * are there. */
mlp_status signal_measure(const mlp_network *network, mlp_workspace *workspace, bool backward,
                          struct mlp_diagnosis *diagnosis);

/* Counts the symmetric units of hidden layers. */
mlp_status signal_symmetry(const mlp_network *network, double tolerance, mlp_signal *signals);

/* Findings of each layer and of all, from the figures; then the verdict in words. */
void verdict_reach(const mlp_network *network, struct mlp_diagnosis *diagnosis);

/* Looks where mlp_find_nonfinite() does, in a workspace after its passes. loss NaN without a reason is a
 * place, too. */
mlp_nonfinite_location nonfinite_search(const mlp_network *network, mlp_workspace *workspace, const float *x,
                                        size_t count, bool backward, double loss);

#endif
