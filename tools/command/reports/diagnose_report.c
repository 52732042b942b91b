/* What `mlp diagnose` prints: tables, the verdict, JSON, charts. */
#include "reports/diagnose_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "reports/json_output.h"
#include "charts/plot.h"

/* ---- text ---------------------------------------------------------------------------------------------- */

double signal_flat_share(const mlp_signal *signal, size_t units)
{
    return signal->saturated > 0.0 ? signal->saturated : (double)signal->dead / (double)units;
}

static void print_figure(double value, int width)
{
    if (isnan(value)) {
        printf(" %*s", width, "-");
    } else {
        printf(" %*.3g", width, value);
    }
}

static void print_table(const mlp_network *network, const mlp_diagnosis *diagnosis)
{
    printf("layer  units activation      rms Z  forth theory    rms dZ   back theory    off\n");
    for (size_t l = 0; l < mlp_diagnosis_layers(diagnosis); l++) {
        mlp_layer layer;
        mlp_signal s;
        mlp_network_layer(network, l, &layer);
        mlp_diagnosis_layer(diagnosis, l, &s);
        printf("%5zu %6zu %-11.11s", l, layer.units, mlp_activation_name(layer.activation));
        print_figure(sqrt(s.z.mean_square), 9);
        print_figure(s.forward_growth, 6);
        print_figure(s.predicted_forward, 6);
        print_figure(sqrt(s.dz.mean_square), 9);
        print_figure(s.backward_growth, 6);
        print_figure(s.predicted_backward, 6);
        printf(" %4.0f %%\n", 100.0 * signal_flat_share(&s, layer.units));
    }
    printf("\nforth: rms Z by the layer below's; back: ||dZ|| by that of the layer above;\n"
           "theory: what mean field expects of them; off: share where the activation is\n"
           "flat.\n\n");
}

/* What the samples look like. */
static void print_details(const mlp_diagnosis *diagnosis)
{
    printf("layer  ||a|| of a sample      cosine  zeros  dead alike\n");
    for (size_t l = 0; l < mlp_diagnosis_layers(diagnosis); l++) {
        mlp_signal s;
        mlp_diagnosis_layer(diagnosis, l, &s);
        printf("%5zu  %8.3g +- %-8.2g", l, s.sample_norm, s.sample_norm_deviation);
        print_figure(s.cosine, 8);
        printf("  %3.0f %% %5zu %5zu\n", 100.0 * s.zeros, s.dead, s.symmetric);
    }
    printf("\ncosine: between the A of two samples, on average; alike: units with the weights\n"
           "of another.\n\n");
}

/* Gradients of the reduced loss. */
static void print_gradient_norms(const mlp_diagnosis *diagnosis)
{
    printf("layer       ||dW||       ||db||  ||dW||/||W||    update\n");
    for (size_t l = 0; l < mlp_diagnosis_layers(diagnosis); l++) {
        mlp_signal s;
        mlp_diagnosis_layer(diagnosis, l, &s);
        printf("%5zu", l);
        print_figure(s.weight_gradient_norm, 12);
        print_figure(s.bias_gradient_norm, 12);
        print_figure(s.gradient_ratio, 13);
        print_figure(s.update_ratio, 9);
        putchar('\n');
    }
    printf("\n||dW||, ||db||: of the loss, %.6g; where it is a mean, ||db|| is that of\n"
           "the mean \u03b4; update: ||\u0394W||/||W|| of a step (--optimizer, --learning-rate).\n\n",
           mlp_diagnosis_loss(diagnosis));
}

/* One line of the library's text after the other. */
static void print_verdict(const char *text)
{
    while (*text != '\0') {
        char line[4096];
        const size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        print_wrapped(stdout, line, 0, 2);
        text += length + (text[length] == '\n');
    }
}

void print_diagnosis(const mlp_network *network, const mlp_diagnosis *diagnosis)
{
    print_table(network, diagnosis);
    print_details(diagnosis);
    print_gradient_norms(diagnosis);
    print_verdict(mlp_diagnosis_text(diagnosis));
}

void print_gradients(const struct gradient_result *gradients)
{
    printf("\nGradients against differences in double, %zu samples:\n", gradients->samples);
    printf("layer  tensor   compared  kinks  relative error\n");
    for (size_t t = 0; t < gradients->count; t++) {
        const mlp_gradient_error *e = &gradients->errors[t];
        printf("%5zu  %-7s %9zu %6zu %15.2e", e->layer, e->is_bias ? "b" : "W", e->compared, e->kinks,
               e->relative_error);
        if (e->passed) {
            putchar('\n');
        } else {
            printf("  WRONG: (%zu, %zu)\n%*s backward %.6g, differences %.6g\n", e->worst_row,
                   e->worst_column, 24, "", e->analytic, e->numeric);
        }
    }
    puts(gradients->passed ? "gradients: right" : "gradients: WRONG");
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static json_t *json_moments(const mlp_moments *m)
{
    return json_pack("{s:o, s:o, s:o}", "mean", json_figure(m->mean), "variance", json_figure(m->variance),
                     "mean_square", json_figure(m->mean_square));
}

static json_t *json_layer(const mlp_network *network, const mlp_diagnosis *diagnosis, size_t l)
{
    mlp_layer layer;
    mlp_signal s;
    mlp_network_layer(network, l, &layer);
    mlp_diagnosis_layer(diagnosis, l, &s);
    const struct {
        const char *key;
        double value;
    } figures[] = {
        { "weight_norm", s.weight_norm },
        { "weight_gradient_norm", s.weight_gradient_norm },
        { "bias_gradient_norm", s.bias_gradient_norm },
        { "gradient_ratio", s.gradient_ratio },
        { "update_ratio", s.update_ratio },
        { "sample_norm", s.sample_norm },
        { "sample_norm_deviation", s.sample_norm_deviation },
        { "cosine", s.cosine },
        { "zeros", s.zeros },
        { "saturated", s.saturated },
        { "saturated_units", (double)s.saturated_units },
        { "dead", (double)s.dead },
        { "symmetric", (double)s.symmetric },
        { "forward_growth", s.forward_growth },
        { "backward_growth", s.backward_growth },
        { "predicted_forward", s.predicted_forward },
        { "predicted_backward", s.predicted_backward },
        { "q", s.q },
        { "chi", s.chi },
        { "depth", s.depth },
    };
    json_t *object =
        json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "layer", json_count(l), "units",
                  json_count(layer.units), "activation", mlp_activation_name(layer.activation), "init",
                  mlp_init_name(layer.init), "z", json_moments(&s.z), "a", json_moments(&s.a), "da",
                  json_moments(&s.da), "dz", json_moments(&s.dz), "findings", json_findings(s.findings));
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        json_object_set_new(object, figures[i].key, json_figure(figures[i].value));
    }
    return object;
}

static json_t *json_gradients(const struct gradient_result *gradients)
{
    json_t *tensors = json_array();
    if (gradients == NULL) {
        json_decref(tensors);
        return json_null();
    }
    for (size_t t = 0; t < gradients->count; t++) {
        const mlp_gradient_error *e = &gradients->errors[t];
        json_array_append_new(tensors,
                              json_pack("{s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "layer",
                                        json_count(e->layer), "tensor", e->is_bias ? "bias" : "weights",
                                        "passed", e->passed, "compared", json_count(e->compared), "kinks",
                                        json_count(e->kinks), "relative_error",
                                        json_figure(e->relative_error), "analytic", json_figure(e->analytic),
                                        "numeric", json_figure(e->numeric)));
    }
    return tensors;
}

int print_diagnosis_json(const mlp_network *network, const mlp_diagnosis *diagnosis, size_t samples,
                         const struct gradient_result *gradients)
{
    json_t *layers = json_array();
    for (size_t l = 0; l < mlp_diagnosis_layers(diagnosis); l++) {
        json_array_append_new(layers, json_layer(network, diagnosis, l));
    }
    return print_json(json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "samples", json_count(samples), "loss",
                                json_figure(mlp_diagnosis_loss(diagnosis)), "findings",
                                json_findings(mlp_diagnosis_findings(diagnosis)), "verdict",
                                json_text(mlp_diagnosis_text(diagnosis)), "layers", layers, "gradient_check",
                                json_gradients(gradients)));
}

/* ---- charts -------------------------------------------------------------------------------------------- */

enum { SERIES = 7 };

/* Columns of one value for each layer. */
enum series { LAYER, SIGNAL, SIGNAL_THEORY, GRADIENT, GRADIENT_THEORY, OFF, COSINE };

/* Theory follows from the output back, as gradients do. */
static void fill_series(const mlp_network *network, const mlp_diagnosis *diagnosis, double *series[SERIES])
{
    const size_t layers = mlp_diagnosis_layers(diagnosis);
    double top = NAN, expected = 1.0;
    for (size_t l = layers; l-- > 0;) {
        mlp_layer layer;
        mlp_signal s;
        mlp_network_layer(network, l, &layer);
        mlp_diagnosis_layer(diagnosis, l, &s);
        const double gradient = sqrt(s.dz.mean_square * (double)layer.units);
        top = l + 1 == layers ? gradient : top;
        expected *= l + 1 == layers ? 1.0 : s.predicted_backward;
        series[LAYER][l] = (double)l;
        series[SIGNAL][l] = sqrt(s.z.mean_square);
        series[SIGNAL_THEORY][l] = sqrt(s.q);
        series[GRADIENT][l] = gradient / top;
        series[GRADIENT_THEORY][l] = expected;
        series[OFF][l] = signal_flat_share(&s, layer.units);
        series[COSINE][l] = s.cosine;
    }
}

static int draw_series(struct canvas *canvas, double *series[SERIES], size_t layers)
{
    const struct curve signal[] = {
        { "measured", CURVE_MEASURED, 0, series[LAYER], series[SIGNAL], NULL, layers },
        { "mean field", CURVE_THEORY, 0, series[LAYER], series[SIGNAL_THEORY], NULL, layers },
    };
    const struct curve gradient[] = {
        { "measured", CURVE_MEASURED, 1, series[LAYER], series[GRADIENT], NULL, layers },
        { "mean field", CURVE_THEORY, 1, series[LAYER], series[GRADIENT_THEORY], NULL, layers },
    };
    const struct curve shares[] = {
        { "flat", CURVE_MEASURED, 2, series[LAYER], series[OFF], NULL, layers },
        { "cosine", CURVE_MEASURED, 3, series[LAYER], series[COSINE], NULL, layers },
    };
    /* clang-format off */
    const struct chart charts[] = {
        { .title = "Signal", .x_label = "layer", .whole_x = true, .y_label = "rms Z", .log_y = true,
          .curves = signal, .curve_count = 2 },
        { .title = "Gradient", .x_label = "layer", .whole_x = true, .y_label = "||dZ|| by the output's",
          .log_y = true, .curves = gradient, .curve_count = 2 },
        { .title = "Units and samples", .x_label = "layer", .whole_x = true,
          .y_label = "share flat; cosine of samples", .curves = shares, .curve_count = 2 },
    };
    /* clang-format on */
    return plot_draw(canvas, charts, sizeof charts / sizeof charts[0]);
}

int plot_diagnosis(struct canvas *canvas, const mlp_network *network, const mlp_diagnosis *diagnosis)
{
    const size_t layers = mlp_diagnosis_layers(diagnosis);
    double *values = calloc(SERIES * layers, sizeof *values), *series[SERIES];
    FAIL_IF(values == NULL, out_of_memory());
    for (size_t i = 0; i < SERIES; i++) {
        series[i] = values + i * layers;
    }
    fill_series(network, diagnosis, series);
    const int code = draw_series(canvas, series, layers);
    free(values);
    return code;
}
