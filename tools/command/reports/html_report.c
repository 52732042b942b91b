/* The sections of `mlp report`. */
#include "reports/html_report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <mlp/activation.h>
#include <mlp/init.h>
#include <mlp/loss.h>

#include "message.h"
#include "options/model_argument.h"
#include "reports/diagnose_report.h"
#include "reports/html.h"

/* A page is for reading: rows of a table of columns at most, and columns alike that have one row. */
enum { NAME_SIZE = 24, MOST_ROWS = 200, MANY_ALIKE = 5 };

/* ---- training ------------------------------------------------------------------------------------------ */

static void training_row(FILE *page, const struct log_file *log, const char *path)
{
    const double *last = log->rows[log->count - 1];
    const size_t best = log_best_row(log);
    const double *row = best < log->count ? log->rows[best] : NULL;
    html_row(page);
    html_cell(page, path);
    html_figure(page, last[LOG_EPOCH]);
    html_figure(page, last[LOG_STEP]);
    html_figure(page, last[LOG_LOSS]);
    html_figure(page, row != NULL ? row[LOG_EPOCH] : NAN);
    html_figure(page, row != NULL ? row[LOG_VALIDATION_LOSS] : NAN);
    html_figure(page, row != NULL ? row[LOG_VALIDATION_ACCURACY] : NAN);
    html_row_end(page);
}

int html_training(struct canvas *canvas, const struct log_file *logs, char *const *paths, size_t count)
{
    FILE *page = canvas->page;
    int code = EXIT_DONE;
    html_section(page, "Training");
    html_table(page, "log|epochs|steps|last loss|best epoch|its validation loss|its accuracy");
    for (size_t l = 0; l < count; l++) {
        training_row(page, &logs[l], paths[l]);
    }
    html_table_end(page);
    if (plot_possible()) {
        code = plot_logs(canvas, logs, paths, count, SCALE_BY_RANGE);
    }
    html_section_end(page);
    return code;
}

/* ---- evaluation ---------------------------------------------------------------------------------------- */

static void class_table(FILE *page, const struct evaluation *e)
{
    html_table(page, e->flags ? "label|samples|precision|recall|F1|ROC AUC|average precision"
                              : "class|samples|precision|recall|F1|ROC AUC|average precision");
    for (size_t c = 0; c < e->columns; c++) {
        char number[NAME_SIZE];
        const struct class_figures *f = &e->of_class[c];
        html_row(page);
        html_cell(page, evaluation_column(e, c, number));
        html_count(page, (size_t)f->counts.count);
        html_figure(page, f->counts.precision);
        html_figure(page, f->counts.recall);
        html_figure(page, f->counts.f1);
        html_figure(page, f->roc_auc);
        html_figure(page, f->average_precision);
        html_row_end(page);
    }
    html_table_end(page);
}

static void number_table(FILE *page, const mlp_network *network, const struct model_figures *figures)
{
    html_table(page, "target|RMSE|MAE|R²|RMSE of the mean|bias");
    for (size_t i = 0; i < mlp_network_outputs(network); i++) {
        char number[NAME_SIZE];
        const mlp_number_metrics *m = &figures->numbers[i];
        const char *name = mlp_schema_target_name(mlp_network_schema(network), i);
        snprintf(number, sizeof number, "%zu", i);
        html_row(page);
        html_cell(page, name != NULL ? name : number);
        html_figure(page, m->rmse);
        html_figure(page, m->mae);
        html_figure(page, m->r2);
        html_figure(page, m->baseline_rmse);
        html_figure(page, m->bias);
        html_row_end(page);
    }
    html_table_end(page);
}

int html_evaluation(struct canvas *canvas, const mlp_network *network, const char *data,
                    struct model_figures *figures)
{
    FILE *page = canvas->page;
    int code = EXIT_DONE;
    html_section(page, "Evaluation");
    html_paragraph(page, "%zu samples of %s: loss %.4g (%s)", figures->metrics.count, data,
                   figures->metrics.loss, mlp_loss_name(mlp_network_loss(network)));
    if (!isnan(figures->metrics.accuracy)) {
        html_paragraph(page, "Accuracy %.4f", figures->metrics.accuracy);
    }
    if (figures->detailed && figures->evaluation.classes != NULL && !isnan(figures->evaluation.calibration)) {
        html_paragraph(page, "Expected calibration error %.4f", figures->evaluation.calibration);
    }
    if (figures->numbers != NULL) {
        number_table(page, network, figures);
    } else if (figures->detailed) {
        class_table(page, &figures->evaluation);
    }
    if (figures->detailed && plot_possible()) {
        fputs("<div class=\"charts\">\n", page);
        code = plot_evaluation(canvas, &figures->evaluation);
        fputs("</div>\n", page);
    }
    html_section_end(page);
    return code;
}

/* ---- diagnosis ----------------------------------------------------------------------------------------- */

static void write_verdict(FILE *page, const char *text)
{
    while (*text != '\0') {
        const size_t length = strcspn(text, "\n");
        html_paragraph(page, "%.*s", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

int html_diagnosis(struct canvas *canvas, const mlp_network *network, const mlp_diagnosis *diagnosis,
                   size_t samples)
{
    FILE *page = canvas->page;
    int code = EXIT_DONE;
    html_section(page, "Diagnosis");
    write_verdict(page, mlp_diagnosis_text(diagnosis));
    html_table(page, "layer|rms Z|forth|theory|rms dZ|back|theory|flat|dead units|cosine of samples");
    for (size_t l = 0; l < mlp_diagnosis_layers(diagnosis); l++) {
        mlp_layer layer;
        mlp_signal s;
        mlp_network_layer(network, l, &layer);
        mlp_diagnosis_layer(diagnosis, l, &s);
        html_row(page);
        fprintf(page, "<td>%zu</td>", l);
        const double figures[] = { sqrt(s.z.mean_square),
                                   s.forward_growth,
                                   s.predicted_forward,
                                   sqrt(s.dz.mean_square),
                                   s.backward_growth,
                                   s.predicted_backward,
                                   signal_flat_share(&s, layer.units),
                                   (double)s.dead,
                                   s.cosine };
        for (size_t f = 0; f < sizeof figures / sizeof figures[0]; f++) {
            html_figure(page, figures[f]);
        }
        html_row_end(page);
    }
    html_table_end(page);
    html_paragraph(page,
                   "Of %zu samples. forth: rms Z by the layer below's; back: ||dZ|| by that of the layer "
                   "above; theory: what "
                   "mean field expects of them; flat: share where the activation is flat.",
                   samples);
    if (plot_possible()) {
        fputs("<div class=\"charts\">\n", page);
        code = plot_diagnosis(canvas, network, diagnosis);
        fputs("</div>\n", page);
    }
    html_section_end(page);
    return code;
}

/* ---- the model ----------------------------------------------------------------------------------------- */

void html_network(FILE *page, const mlp_network *network)
{
    const float *mean, *shift, *scale;
    html_section(page, "Network");
    mlp_network_standardization(network, &mean, &scale);
    mlp_network_output_scaling(network, &shift, &scale);
    html_paragraph(page, "%zu inputs%s, %zu outputs%s, %zu parameters, loss %s, seed %" PRIu64,
                   mlp_network_inputs(network), mean != NULL ? " (standardized)" : "",
                   mlp_network_outputs(network), shift != NULL ? " (scaled)" : "",
                   mlp_network_parameter_count(network), mlp_loss_name(mlp_network_loss(network)),
                   mlp_network_seed(network));
    html_table(page, "layer|units|activation|initializer|fan|gain|deviation|biases|q*|χ₁|depth scale");
    for (size_t l = 0; l < mlp_network_layer_count(network); l++) {
        mlp_layer layer = { 0 };
        mlp_init_summary s = { 0 };
        mlp_network_layer(network, l, &layer);
        mlp_network_init_summary(network, l, &s);
        html_row(page);
        fprintf(page, "<td>%zu</td><td>%zu</td>", l, layer.units);
        html_cell(page, mlp_activation_name(layer.activation));
        html_cell(page, mlp_init_name(s.init));
        html_figure(page, s.fan > 0.0 ? s.fan : NAN);
        html_figure(page, s.gain);
        html_figure(page, s.deviation);
        html_cell(page, mlp_init_name(layer.bias_init));
        html_figure(page, s.q);
        html_figure(page, s.chi);
        html_figure(page, s.depth);
        html_row_end(page);
    }
    html_table_end(page);
    html_section_end(page);
}

/* Whether two features differ in nothing but their names and places. */
static bool is_alike(const mlp_schema_column *one, const mlp_schema_column *other)
{
    return one->role == MLP_ROLE_FEATURE && other->role == one->role && other->kind == one->kind &&
           other->input_count == one->input_count && other->level_count == one->level_count;
}

/* Features from `first` on that are alike. */
static size_t count_alike(const mlp_schema *schema, size_t first)
{
    mlp_schema_column column = { 0 }, next = { 0 };
    size_t c = first + 1;
    mlp_schema_get_column(schema, first, &column);
    while (c < mlp_schema_column_count(schema) && mlp_schema_get_column(schema, c, &next) == MLP_OK &&
           is_alike(&column, &next)) {
        c++;
    }
    return c - first;
}

static void name_column(FILE *page, const mlp_schema_column *column, size_t number)
{
    char text[NAME_SIZE];
    snprintf(text, sizeof text, "column %zu", number);
    html_text(page, column->name != NULL ? column->name : text);
}

/* `count` columns from `first` on, which are alike where they are several. */
static void column_row(FILE *page, const mlp_schema *schema, size_t first, size_t count)
{
    mlp_schema_column column = { 0 }, last = { 0 };
    mlp_schema_get_column(schema, first, &column);
    mlp_schema_get_column(schema, first + count - 1, &last);
    const bool feature = column.role == MLP_ROLE_FEATURE;
    html_row(page);
    fputs("<td>", page);
    name_column(page, &column, first);
    if (count > 1) {
        fputs(" … ", page);
        name_column(page, &last, first + count - 1);
    }
    fputs("</td>", page);
    html_cell(page, mlp_column_role_name(column.role));
    html_cell(page, feature ? mlp_column_kind_name(column.kind) : "");
    html_figure(page, feature ? (double)column.first_input : NAN);
    html_figure(page, feature ? (double)(column.input_count * count) : NAN);
    html_figure(page, column.level_count > 0 ? (double)column.level_count : NAN);
    html_row_end(page);
}

void html_schema(FILE *page, const mlp_schema *schema)
{
    const size_t columns = mlp_schema_column_count(schema);
    html_section(page, "Columns, as the schema understands them");
    html_paragraph(page, "%zu columns make %zu inputs; targets: %s, %zu of them, %zu classes", columns,
                   mlp_schema_inputs(schema), mlp_target_kind_name(mlp_schema_target_kind(schema)),
                   mlp_schema_target_count(schema), mlp_schema_class_count(schema));
    html_table(page, "column|role|kind|first input|inputs|levels");
    size_t c = 0;
    for (size_t rows = 0; c < columns && rows < MOST_ROWS; rows++) {
        const size_t alike = count_alike(schema, c), together = alike >= MANY_ALIKE ? alike : 1;
        column_row(page, schema, c, together);
        c += together;
    }
    html_table_end(page);
    if (c < columns) {
        html_paragraph(page, "and %zu more", columns - c);
    }
    html_section_end(page);
}
