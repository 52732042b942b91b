/* Findings and their words. Thresholds and their reasons stand at mlp_finding (mlp/diagnose.h). */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/names.h"
#include "base/status.h"
#include "diagnose/diagnose.h"
#include "diagnose/remedy.h"

static const struct name rows[] = {
    [MLP_FINDING_HEALTHY] = { "healthy", "nothing found" },
    [MLP_FINDING_NONFINITE] = { "non-finite", "NaN or infinity among parameters, signal or gradients" },
    [MLP_FINDING_SYMMETRIC] = { "symmetric", "hidden units with equal incoming weights stay equal" },
    [MLP_FINDING_DEAD] = { "dead", "9 of 10 units pass no gradient for any sample" },
    [MLP_FINDING_SATURATED] = { "saturated", "half of the values lie where the activation is flat" },
    [MLP_FINDING_VANISHING] = { "vanishing", "signal or gradient falls more than a hundred times" },
    [MLP_FINDING_EXPLODING] = { "exploding", "signal or gradient grows more than a hundred times" },
};

static const struct name_table names = NAME_ROWS("finding", rows);

STRATEGY_FUNCTIONS(mlp_finding, mlp_finding, &names);

/* ---- findings ------------------------------------------------------------------------------------------ */

static void find_units(const struct layer *layer, bool hidden, mlp_signal *s)
{
    if (hidden && s->symmetric > 0) {
        s->findings |= finding_bit(MLP_FINDING_SYMMETRIC);
    }
    if (hidden && (double)s->dead >= FINDING_DEAD_SHARE * (double)layer->units) {
        s->findings |= finding_bit(MLP_FINDING_DEAD);
    }
    if (hidden && s->saturated >= FINDING_SATURATED_SHARE) {
        s->findings |= finding_bit(MLP_FINDING_SATURATED);
    }
}

/* How many times as large ‖dZ‖ is as the output layer's; rms Z as the first layer's. */
static double gradient_change(const struct mlp_diagnosis *d, const mlp_network *network, size_t l)
{
    const size_t last = d->layers - 1;
    return sqrt(d->signals[l].dz.mean_square * (double)network->layers[l].units /
                (d->signals[last].dz.mean_square * (double)network->layers[last].units));
}

static double signal_change(const struct mlp_diagnosis *d, size_t l)
{
    return sqrt(d->signals[l].z.mean_square / d->signals[0].z.mean_square);
}

/* Not of a network in which gradients are cut off: that is named by what cuts them. */
static void find_growth(const mlp_network *network, struct mlp_diagnosis *d)
{
    for (size_t l = 0; l < d->layers; l++) {
        const double back = gradient_change(d, network, l), forth = signal_change(d, l);
        if (back > FINDING_FACTOR || forth > FINDING_FACTOR) {
            d->signals[l].findings |= finding_bit(MLP_FINDING_EXPLODING);
        }
        if (back < 1.0 / FINDING_FACTOR || forth < 1.0 / FINDING_FACTOR) {
            d->signals[l].findings |= finding_bit(MLP_FINDING_VANISHING);
        }
    }
}

static void find(const mlp_network *network, struct mlp_diagnosis *d)
{
    unsigned cut = finding_bit(MLP_FINDING_SYMMETRIC) | finding_bit(MLP_FINDING_DEAD);
    if (d->nonfinite.place != MLP_PLACE_NONE) {
        d->signals[d->nonfinite.layer].findings |= finding_bit(MLP_FINDING_NONFINITE);
        d->findings = finding_bit(MLP_FINDING_NONFINITE);
        return;
    }
    for (size_t l = 0; l < d->layers; l++) {
        find_units(&network->layers[l], l + 1 < d->layers, &d->signals[l]);
        d->findings |= d->signals[l].findings;
    }
    if ((d->findings & cut) == 0) {
        find_growth(network, d);
    }
    for (size_t l = 0; l < d->layers; l++) {
        d->findings |= d->signals[l].findings;
    }
}

/* ---- words --------------------------------------------------------------------------------------------- */

struct text {
    char *to;
    size_t length;
};

static __attribute__((format(printf, 2, 3))) void say(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int more = vsnprintf(text->to + text->length, DIAGNOSIS_TEXT - text->length, format, arguments);
    va_end(arguments);
    if (more > 0) {
        const size_t length = text->length + (size_t)more;
        text->length = length < DIAGNOSIS_TEXT ? length : DIAGNOSIS_TEXT - 1;
    }
}

/* "layer 3: ", "layers 1-4, 7: " */
static void say_layers(struct text *text, const struct mlp_diagnosis *d, mlp_finding finding)
{
    size_t count = 0;
    for (size_t l = 0; l < d->layers; l++) {
        count += (d->signals[l].findings & finding_bit(finding)) != 0;
    }
    say(text, "%s: layer%s", mlp_finding_name(finding), count > 1 ? "s" : "");
    for (size_t l = 0, said = 0; l < d->layers; l++) {
        size_t end = l;
        while (end < d->layers && (d->signals[end].findings & finding_bit(finding)) != 0) {
            end++;
        }
        if (end > l) {
            say(text, "%s %zu", said++ > 0 ? "," : "", l);
            if (end > l + 1) {
                say(text, "-%zu", end - 1);
            }
            l = end;
        }
    }
    say(text, ": ");
}

static size_t first_with(const struct mlp_diagnosis *d, mlp_finding finding)
{
    size_t l = 0;
    while ((d->signals[l].findings & finding_bit(finding)) == 0) {
        l++;
    }
    return l;
}

static void say_nonfinite(struct text *text, const struct mlp_diagnosis *d)
{
    /* clang-format off */
    static const char *const places[] = {
        [MLP_PLACE_NONE] = "",
        [MLP_PLACE_WEIGHTS] = "weight (row, column)",
        [MLP_PLACE_BIAS] = "bias",
        [MLP_PLACE_INPUT] = "input (feature, sample)",
        [MLP_PLACE_FORWARD] = "forward pass (unit, sample)",
        [MLP_PLACE_LOSS] = "loss",
        [MLP_PLACE_BACKWARD] = "backward pass (unit, sample)",
        [MLP_PLACE_GRADIENT] = "gradient of a weight (row, column)",
        [MLP_PLACE_BIAS_GRADIENT] = "gradient of a bias",
    };
    /* clang-format on */
    say_layers(text, d, MLP_FINDING_NONFINITE);
    say(text, "%g in the %s", d->nonfinite.value, places[d->nonfinite.place]);
    if (d->nonfinite.place != MLP_PLACE_LOSS) {
        say(text, " %zu, %zu", d->nonfinite.unit, d->nonfinite.sample);
    }
    if (d->nonfinite.place == MLP_PLACE_INPUT) {
        say(text, "; mend the data\n");
    } else if (d->nonfinite.place <= MLP_PLACE_BIAS) {
        say(text, "; initialize anew, or go back to the last saved model\n");
    } else {
        say(text, "; smaller weights or a smaller learning rate, clip gradients\n");
    }
}

static void say_symmetric(struct text *text, const struct mlp_diagnosis *d)
{
    const size_t l = first_with(d, MLP_FINDING_SYMMETRIC);
    say_layers(text, d, MLP_FINDING_SYMMETRIC);
    say(text,
        "%zu units of layer %zu have the incoming weights of another and will stay its copies; draw the "
        "weights at random (init automatic), zeros suit biases alone\n",
        d->signals[l].symmetric, l);
}

static void say_dead(struct text *text, const mlp_network *network, const struct mlp_diagnosis *d)
{
    const size_t l = first_with(d, MLP_FINDING_DEAD);
    say_layers(text, d, MLP_FINDING_DEAD);
    say(text,
        "%zu of the %zu %s units of layer %zu pass no gradient for any sample; start biases at 0, lower the "
        "learning rate, or use leaky-relu\n",
        d->signals[l].dead, network->layers[l].units,
        mlp_activation_name(network->layers[l].description.activation), l);
}

static void say_remedy(struct text *text, const mlp_network *network, const struct mlp_diagnosis *d)
{
    char remedy[256];
    remedy_find(network, d, remedy, sizeof remedy);
    say(text, "%s%s\n", remedy[0] != '\0' ? "; use " : "; no initializer mends that at this depth", remedy);
}

static void say_saturated(struct text *text, const mlp_network *network, const struct mlp_diagnosis *d)
{
    const size_t l = first_with(d, MLP_FINDING_SATURATED);
    say_layers(text, d, MLP_FINDING_SATURATED);
    say(text, "%.0f %% of layer %zu lie where %s is flat, rms Z is %.3g", 100.0 * d->signals[l].saturated, l,
        mlp_activation_name(network->layers[l].description.activation), sqrt(d->signals[l].z.mean_square));
    say_remedy(text, network, d);
}

static double per_layer(double change, size_t layers)
{
    return layers > 1 ? pow(change, 1.0 / (double)(layers - 1)) : 1.0;
}

/* Geometric means over the network, measured and predicted. */
static void say_growth(struct text *text, const mlp_network *network, const struct mlp_diagnosis *d)
{
    double predicted = 1.0, forth = 1.0;
    for (size_t l = 0; l + 1 < d->layers; l++) {
        predicted *= d->signals[l].predicted_backward;
        forth *= d->signals[l + 1].predicted_forward;
    }
    say(text,
        "per layer, Z %.3g times going forth (mean field %.3g), dZ %.3g times going back (mean field %.3g)",
        per_layer(signal_change(d, d->layers - 1), d->layers), per_layer(forth, d->layers),
        per_layer(gradient_change(d, network, 0), d->layers), per_layer(predicted, d->layers));
}

static void say_change(struct text *text, const mlp_network *network, const struct mlp_diagnosis *d,
                       mlp_finding finding)
{
    const mlp_layer *layer = &network->layers[0].description;
    say_layers(text, d, finding);
    say_growth(text, network, d);
    say(text, "; %s with %s", mlp_activation_name(layer->activation), mlp_init_name(layer->init));
    say_remedy(text, network, d);
}

void verdict_reach(const mlp_network *network, struct mlp_diagnosis *d)
{
    struct text text = { .to = d->text };
    find(network, d);
    if (d->findings == 0) {
        say(&text, "healthy: ");
        say_growth(&text, network, d);
        say(&text, "\n");
    }
    if ((d->findings & finding_bit(MLP_FINDING_NONFINITE)) != 0) {
        say_nonfinite(&text, d);
    }
    if ((d->findings & finding_bit(MLP_FINDING_SYMMETRIC)) != 0) {
        say_symmetric(&text, d);
    }
    if ((d->findings & finding_bit(MLP_FINDING_DEAD)) != 0) {
        say_dead(&text, network, d);
    }
    if ((d->findings & finding_bit(MLP_FINDING_SATURATED)) != 0) {
        say_saturated(&text, network, d);
    }
    for (int finding = MLP_FINDING_VANISHING; finding <= MLP_FINDING_EXPLODING; finding++) {
        if ((d->findings & finding_bit((mlp_finding)finding)) != 0) {
            say_change(&text, network, d, (mlp_finding)finding);
        }
    }
}
