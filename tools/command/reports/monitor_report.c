/* The monitor's records in every form. */
#include "reports/monitor_report.h"

#include <stdlib.h>

#include <mlp/diagnose.h>

#include "reports/json_output.h"
#include "message.h"
#include "reports/output_file.h"

/* Figures of each layer of a record; the caller frees them. NULL after a message. */
static mlp_monitor_layer *make_layers(const mlp_network *network)
{
    mlp_monitor_layer *layers = calloc(mlp_network_layer_count(network), sizeof *layers);
    if (layers == NULL) {
        out_of_memory();
    }
    return layers;
}

/* "dead, saturated", separated by `separator`; "healthy" for none. */
static void write_findings(FILE *stream, unsigned findings, const char *separator)
{
    size_t said = 0;
    for (size_t f = 1; f < mlp_finding_count(); f++) {
        if ((findings & 1u << f) != 0) {
            fprintf(stream, "%s%s", said++ > 0 ? separator : "", mlp_finding_name((mlp_finding)f));
        }
    }
    fputs(said == 0 ? mlp_finding_name(MLP_FINDING_HEALTHY) : "", stream);
}

void print_monitor(const mlp_report *report, const mlp_network *network)
{
    const size_t count = mlp_report_monitor_count(report);
    mlp_monitor_layer *layers = count > 0 ? make_layers(network) : NULL;
    mlp_monitor_record record = { 0 };
    unsigned findings = 0;
    if (layers == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        mlp_report_monitor(report, i, &record, layers);
        findings |= record.findings;
    }
    printf("\nmonitor      %zu looks; the last one, at step %zu:\n", count, record.step);
    printf("layer     rms A    rms dZ  ||dW||/||W||  ||\u0394W||/||W||  zeros  saturated  dead\n");
    for (size_t l = 0; l < mlp_network_layer_count(network); l++) {
        const mlp_monitor_layer *f = &layers[l];
        printf("%5zu  %8.3g  %8.2e  %12.2e  %11.2e  %3.0f %%      %3.0f %%  %4zu\n", l, f->activation_rms,
               f->pre_gradient_rms, f->gradient_ratio, f->update_ratio, 100.0 * f->zeros,
               100.0 * f->saturated, f->dead);
    }
    fputs("found: ", stdout);
    write_findings(stdout, findings, ", ");
    putchar('\n');
    free(layers);
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static json_t *json_layers(const mlp_monitor_layer *layers, size_t count)
{
    json_t *array = json_array();
    for (size_t l = 0; l < count; l++) {
        const mlp_monitor_layer *f = &layers[l];
        json_array_append_new(array,
                              json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                                        "activation_rms", json_figure(f->activation_rms), "pre_gradient_rms",
                                        json_figure(f->pre_gradient_rms), "weight_norm",
                                        json_figure(f->weight_norm), "weight_gradient_norm",
                                        json_figure(f->weight_gradient_norm), "gradient_ratio",
                                        json_figure(f->gradient_ratio), "update_ratio",
                                        json_figure(f->update_ratio), "zeros", json_figure(f->zeros),
                                        "saturated", json_figure(f->saturated), "dead", json_count(f->dead),
                                        "findings", json_findings(f->findings)));
    }
    return array;
}

json_t *json_monitor(const mlp_report *report, const mlp_network *network)
{
    const size_t count = mlp_report_monitor_count(report);
    mlp_monitor_layer *layers = count > 0 ? make_layers(network) : NULL;
    if (layers == NULL) {
        return json_null();
    }
    json_t *records = json_array();
    for (size_t i = 0; i < count; i++) {
        mlp_monitor_record record;
        mlp_report_monitor(report, i, &record, layers);
        json_array_append_new(records,
                              json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "step", json_count(record.step),
                                        "epoch", json_count(record.epoch), "loss", json_figure(record.loss),
                                        "gradient_norm", json_figure(record.gradient_norm), "findings",
                                        json_findings(record.findings), "layers",
                                        json_layers(layers, mlp_network_layer_count(network))));
    }
    free(layers);
    return records;
}

/* ---- CSV ----------------------------------------------------------------------------------------------- */

static void write_record(FILE *stream, const mlp_monitor_record *record, const mlp_monitor_layer *layers,
                         size_t count)
{
    for (size_t l = 0; l < count; l++) {
        const mlp_monitor_layer *f = &layers[l];
        const double fields[] = { record->loss,
                                  f->activation_rms,
                                  f->pre_gradient_rms,
                                  f->weight_norm,
                                  f->weight_gradient_norm,
                                  f->gradient_ratio,
                                  f->update_ratio,
                                  f->zeros,
                                  f->saturated,
                                  (double)f->dead };
        fprintf(stream, "%zu,%zu,%zu", record->step, record->epoch, l);
        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
            write_field(stream, fields[i]);
        }
        fputc(',', stream);
        write_findings(stream, f->findings, " ");
        fputc('\n', stream);
    }
}

int write_monitor_history(const char *path, FILE *stream, const mlp_report *report,
                          const mlp_network *network)
{
    mlp_monitor_layer *layers = make_layers(network);
    if (layers == NULL) {
        fclose(stream);
        return EXIT_WORK;
    }
    int code = begin_table("--monitor-history", path, stream);
    if (code == EXIT_DONE) {
        fputs("step,epoch,layer,loss,activation_rms,pre_gradient_rms,weight_norm,weight_gradient_norm,"
              "gradient_ratio,update_ratio,zeros,saturated,dead,findings\n",
              stream);
        for (size_t i = 0; i < mlp_report_monitor_count(report); i++) {
            mlp_monitor_record record;
            mlp_report_monitor(report, i, &record, layers);
            write_record(stream, &record, layers, mlp_network_layer_count(network));
        }
        code = end_table("--monitor-history", path, stream);
    }
    free(layers);
    return code;
}
