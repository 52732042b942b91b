/* The table of clipping rules, and their names. */
#include "optim/clip.h"

#include <math.h>

#include "base/status.h"

/* clang-format off */
static const struct clip_row rows[] = {
    [MLP_CLIP_NONE] = { { "none", "leaves the gradient alone" },
        .of_layers = true, .of_updates = true, .apply = clip_none },
    [MLP_CLIP_VALUE] = { { "value", "each entry clamped to [-c, c]" },
        .threshold_end = INFINITY, .of_layers = true, .of_updates = true, .apply = clip_values },
    [MLP_CLIP_TENSOR_NORM] = { { "tensor-norm", "each W and each b by itself scaled to norm c when above" },
        .threshold_end = INFINITY, .takes_norm = true, .of_layers = true, .of_updates = true,
        .apply = clip_tensor_norms },
    [MLP_CLIP_LAYER_NORM] = { { "layer-norm", "each layer's W and b together scaled to norm c when above" },
        .threshold_end = INFINITY, .takes_norm = true, .of_layers = true, .of_updates = true,
        .apply = clip_layer_norms },
    [MLP_CLIP_GLOBAL_NORM] = { { "global-norm", "all parameters together scaled to norm c when above" },
        .threshold_end = INFINITY, .takes_norm = true, .of_updates = true, .apply = clip_global_norm },
    [MLP_CLIP_BLOCK_RMS] = { { "block-rms", "each W and each b scaled to root mean square c (1) when above" },
        .threshold_end = INFINITY, .default_threshold = 1.0, .of_layers = true, .of_updates = true,
        .apply = clip_block_rms },
    [MLP_CLIP_ADAPTIVE] = { { "adaptive",
                "each unit scaled to c (0.01) times its weights' norm when above; not the output (AGC)" },
        .threshold_end = INFINITY, .default_threshold = 0.01, .of_layers = true, .apply = clip_agc,
        .scale_units = clip_agc_units },
    [MLP_CLIP_AUTO] = { { "auto",
                "global norm, at the c-th (10th) percentile of the last 1024 norms (AutoClip)" },
        .threshold_end = 100.0, .default_threshold = 10.0, .remembers = true, .apply = clip_auto },
    [MLP_CLIP_Z] = { { "z",
                "global norm, where it is over c (2.5) deviations above its running mean (ZClip)" },
        .threshold_end = INFINITY, .default_threshold = 2.5, .remembers = true, .apply = clip_z },
    [MLP_CLIP_CUSTOM] = { { "custom", "the caller's own factors" },
        .takes_callback = true, .apply = clip_custom },
};
/* clang-format on */

const struct clip_row *clip_row(mlp_clip clip)
{
    return &rows[clip];
}

static const struct name norm_names[] = {
    [MLP_CLIP_NORM_2] = { "2", "root of the sum of squares" },
    [MLP_CLIP_NORM_1] = { "1", "sum of magnitudes" },
    [MLP_CLIP_NORM_MAX] = { "max", "largest magnitude" },
};

static const struct name_table norms = NAME_ROWS("clip_norm", norm_names);

NAME_FUNCTIONS(mlp_clip_norm, mlp_clip_norm, &norms);

static const struct name_table names = NAME_ROWS("clip", rows);

STRATEGY_FUNCTIONS(mlp_clip, mlp_clip, &names);

mlp_status clip_check(mlp_clip clip, double threshold)
{
    TRY(name_check(&names, (int)clip));
    const struct clip_row *row = clip_row(clip);
    if (row->threshold_end == 0.0) {
        return threshold == 0.0
                   ? MLP_OK
                   : fail(MLP_ERROR_ARGUMENT, "clip_threshold is %g, expected 0 for the clipping rule %s",
                          threshold, row->name.name);
    }
    FAIL_IF(!((float)threshold > 0.0f && isfinite((float)threshold)), MLP_ERROR_RANGE,
            "clip_threshold is %g, expected a finite number above 0 in float's range for %s", threshold,
            row->name.name);
    return threshold < row->threshold_end
               ? MLP_OK
               : fail(MLP_ERROR_RANGE,
                      "clip_threshold is %g, expected a percentile above 0 and below %g for %s", threshold,
                      row->threshold_end, row->name.name);
}

mlp_status clip_check_norm(mlp_clip clip, mlp_clip_norm norm)
{
    TRY(name_check(&norms, (int)norm));
    return norm == MLP_CLIP_NORM_2 || rows[clip].takes_norm
               ? MLP_OK
               : fail(MLP_ERROR_ARGUMENT, "clip_norm is %s, expected 2 for the clipping rule %s",
                      norm_names[norm].name, rows[clip].name.name);
}

mlp_status clip_apply(mlp_clip clip, const struct clip_input *input, struct clip_outcome *outcome)
{
    double squares = 0.0;
    for (size_t t = 0; t < input->tensors; t++) {
        squares += input->squares[t];
        outcome->scale[t] = 1.0f;
    }
    outcome->bound = INFINITY;
    outcome->report = (mlp_clip_report){ .norm = sqrt(squares), .scale = 1.0 };
    return clip_row(clip)->apply(input, outcome);
}

double mlp_clip_default_threshold(mlp_clip clip)
{
    return name_of(&names, (int)clip) != NULL ? rows[clip].default_threshold : 0.0;
}
