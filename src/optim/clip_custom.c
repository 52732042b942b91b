/* The caller's own clipping. */
#include <math.h>

#include "base/status.h"
#include "optim/clip.h"

/* The norms that the callback gets take the place of Σ |g|, which no custom rule looks at. */
mlp_status clip_custom(const struct clip_input *input, struct clip_outcome *outcome)
{
    mlp_clip_report *report = &outcome->report;
    for (size_t t = 0; t < input->tensors; t++) {
        input->norms[t] = sqrt(input->squares[t]);
    }
    TRY(input->custom(input->norms, input->largest, input->tensors, outcome->scale, input->custom_context));
    for (size_t t = 0; t < input->tensors; t++) {
        const float scale = outcome->scale[t];
        FAIL_IF(!(scale >= 0.0f) || !isfinite(scale), MLP_ERROR_RANGE,
                "custom_clip: the factor of layer %zu's %s is %g, expected a finite number of at "
                "least 0",
                t / 2, t % 2 == 0 ? "weights" : "bias", (double)scale);
        report->scale = fmin(report->scale, (double)scale);
        report->acted = report->acted || scale != 1.0f;
    }
    return MLP_OK;
}
