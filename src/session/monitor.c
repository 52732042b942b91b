/* Figures of a step, from what it left in the workspace. Nothing is allocated and nothing is changed. */
#include "session/monitor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "diagnose/diagnose.h"

/* ---- life ---------------------------------------------------------------------------------------------- */

struct monitor *monitor_create(const mlp_network *network, size_t interval)
{
    struct monitor *monitor = memory_allocate(1, sizeof *monitor);
    if (monitor == NULL) {
        return NULL;
    }
    const size_t layers = network->layer_count;
    *monitor = (struct monitor){ .interval = interval, .layers = layers, .arena_size = network->arena_size };
    monitor->records = memory_allocate(MONITOR_RECORDS, sizeof *monitor->records);
    monitor->figures =
        memory_allocate(MONITOR_RECORDS * layers, sizeof *monitor->figures); /* no overflow: layers ≤ arena */
    monitor->bounds = memory_allocate(layers, sizeof *monitor->bounds);
    monitor->before = memory_allocate(network->arena_size, sizeof *monitor->before);
    if (monitor->records == NULL || monitor->figures == NULL || monitor->bounds == NULL ||
        monitor->before == NULL) {
        monitor_destroy(monitor);
        return NULL;
    }
    for (size_t l = 0; l < layers; l++) {
        const struct flatness flatness = flatness_of(&network->layers[l]);
        struct monitor_bounds *bounds = &monitor->bounds[l];
        flat_values(&flatness, &bounds->low, &bounds->high);
        bounds->one_sided = flatness.one_sided;
    }
    return monitor;
}

void monitor_end(struct monitor *monitor)
{
    if (monitor != NULL) {
        memory_free(monitor->before);
        monitor->before = NULL;
    }
}

void monitor_destroy(struct monitor *monitor)
{
    if (monitor != NULL) {
        monitor_end(monitor);
        memory_free(monitor->records);
        memory_free(monitor->figures);
        memory_free(monitor->bounds);
        memory_free(monitor);
    }
}

/* ---- figures ------------------------------------------------------------------------------------------- */

static void measure_activations(const struct monitor_bounds *bounds, const struct workspace_layer *buffers,
                                size_t units, size_t count, mlp_monitor_layer *figures)
{
    const float low = (float)bounds->low, high = (float)bounds->high;
    size_t zeros = 0, saturated = 0;
    for (size_t j = 0; j < count; j++) {
        const float *a = buffers->a + j * buffers->ld;
        for (size_t i = 0; i < units; i++) {
            zeros += a[i] == 0.0f;
            saturated += a[i] <= low || a[i] >= high;
        }
    }
    const double values = (double)units * (double)count;
    figures->activation_rms =
        sqrt(vector_kernels()->measure(buffers->a, units, count, buffers->ld).squares / values);
    figures->zeros = (double)zeros / values;
    figures->saturated = (double)saturated / values;
}

/* Units whose dZ is 0 for each sample. A living unit is left at its first other value. */
static size_t count_dead(const struct workspace_layer *buffers, size_t units, size_t count)
{
    size_t dead = 0;
    for (size_t i = 0; i < units; i++) {
        size_t j = 0;
        while (j < count && buffers->d[i + j * buffers->ld] == 0.0f) {
            j++;
        }
        dead += j == count;
    }
    return dead;
}

static double norm(const float *matrix, const struct layer *layer)
{
    return sqrt(vector_kernels()->measure(matrix, layer->units, layer->inputs, layer->stride).squares);
}

static void measure_passes(const struct monitor *monitor, const mlp_network *network,
                           const mlp_workspace *workspace, size_t l, mlp_monitor_layer *figures)
{
    const size_t units = network->layers[l].units;
    const struct workspace_layer *buffers = &workspace->layers[l];
    const double values = (double)units * (double)workspace->count;
    *figures = (mlp_monitor_layer){ 0 };
    measure_activations(&monitor->bounds[l], buffers, units, workspace->count, figures);
    figures->pre_gradient_rms =
        sqrt(vector_kernels()->measure(buffers->d, units, workspace->count, buffers->ld).squares / values);
    figures->dead = l + 1 < network->layer_count ? count_dead(buffers, units, workspace->count) : 0;
}

static void measure_update(const struct monitor *monitor, const mlp_network *network,
                           const mlp_workspace *workspace, size_t l, mlp_monitor_layer *figures)
{
    const struct layer *layer = &network->layers[l];
    figures->weight_norm = norm(network->parameters + layer->weights, layer);
    figures->weight_gradient_norm = sqrt(workspace->squares[2 * l]);
    figures->gradient_ratio = figures->weight_gradient_norm / figures->weight_norm;
    figures->update_ratio = norm(monitor->before + layer->weights, layer) / figures->weight_norm;
}

/* ---- findings ------------------------------------------------------------------------------------------ */

/* ||dZ|| of a layer by that of the output; NaN when the output's is 0. */
static double gradient_change(const mlp_network *network, const mlp_monitor_layer *figures, size_t l)
{
    const size_t last = network->layer_count - 1;
    return figures[l].pre_gradient_rms / figures[last].pre_gradient_rms *
           sqrt((double)network->layers[l].units / (double)network->layers[last].units);
}

static unsigned find(const struct monitor *monitor, const mlp_network *network, mlp_monitor_layer *figures)
{
    unsigned all = 0;
    for (size_t l = 0; l + 1 < monitor->layers; l++) {
        mlp_monitor_layer *f = &figures[l];
        const double units = (double)network->layers[l].units, change = gradient_change(network, figures, l);
        f->findings |= monitor->bounds[l].one_sided && (double)f->dead >= FINDING_DEAD_SHARE * units
                           ? finding_bit(MLP_FINDING_DEAD)
                           : 0;
        f->findings |= f->saturated >= FINDING_SATURATED_SHARE ? finding_bit(MLP_FINDING_SATURATED) : 0;
        f->findings |= change > FINDING_FACTOR ? finding_bit(MLP_FINDING_EXPLODING) : 0;
        f->findings |= change < 1.0 / FINDING_FACTOR ? finding_bit(MLP_FINDING_VANISHING) : 0;
        all |= f->findings;
    }
    return all;
}

/* A line for the first layer with the finding. */
static int describe(char *to, size_t room, const mlp_network *network, const mlp_monitor_layer *figures,
                    mlp_finding finding)
{
    size_t l = 0;
    while ((figures[l].findings & finding_bit(finding)) == 0) {
        l++;
    }
    const char *name = mlp_finding_name(finding);
    const mlp_monitor_layer *f = &figures[l];
    switch (finding) {
    case MLP_FINDING_DEAD:
        return snprintf(to, room, "%s: layer %zu, %zu of %zu units pass no gradient", name, l, f->dead,
                        network->layers[l].units);
    case MLP_FINDING_SATURATED:
        return snprintf(to, room, "%s: layer %zu, %.0f %% of its values", name, l, 100.0 * f->saturated);
    default:
        return snprintf(to, room, "%s: layer %zu, ||dZ|| is %.2g times the output's", name, l,
                        gradient_change(network, figures, l));
    }
}

static const char *warn(struct monitor *monitor, const mlp_network *network, const mlp_monitor_layer *figures,
                        unsigned findings)
{
    size_t length = 0;
    for (size_t finding = 0; finding < mlp_finding_count(); finding++) {
        if ((findings & ~monitor->reported & 1u << finding) != 0) {
            length +=
                length > 0 ? (size_t)snprintf(monitor->warning + length, MONITOR_TEXT - length, "\n") : 0;
            length += (size_t)describe(monitor->warning + length, MONITOR_TEXT - length, network, figures,
                                       (mlp_finding)finding);
        }
    }
    monitor->reported |= findings;
    return length > 0 ? monitor->warning : NULL;
}

/* ---- records ------------------------------------------------------------------------------------------- */

bool monitor_begin(struct monitor *monitor, const mlp_network *network)
{
    const bool due = monitor->steps++ % monitor->interval == 0;
    if (due) {
        memcpy(monitor->before, network->parameters, monitor->arena_size * sizeof *monitor->before);
    }
    return due;
}

/* Lets every second record go. */
static void thin(struct monitor *monitor)
{
    for (size_t i = 0; 2 * i < monitor->count; i++) {
        monitor->records[i] = monitor->records[2 * i];
        memmove(monitor->figures + i * monitor->layers, monitor->figures + 2 * i * monitor->layers,
                monitor->layers * sizeof *monitor->figures);
    }
    monitor->count = (monitor->count + 1) / 2;
    monitor->interval *= 2;
}

static mlp_monitor_layer *open_figures(const struct monitor *monitor)
{
    return &monitor->figures[monitor->count * monitor->layers];
}

void monitor_look(struct monitor *monitor, const mlp_network *network, const mlp_workspace *workspace)
{
    if (monitor->count == MONITOR_RECORDS) {
        thin(monitor);
    }
    for (size_t l = 0; l < monitor->layers; l++) {
        measure_passes(monitor, network, workspace, l, &open_figures(monitor)[l]);
    }
}

const mlp_monitor_record *monitor_record(struct monitor *monitor, const mlp_network *network,
                                         const mlp_workspace *workspace, size_t epoch,
                                         const mlp_step_report *step, const char **warning)
{
    mlp_monitor_record *record = &monitor->records[monitor->count];
    mlp_monitor_layer *figures = open_figures(monitor);
    for (size_t i = 0; i < monitor->arena_size; i++) {
        monitor->before[i] -= network->parameters[i];
    }
    for (size_t l = 0; l < monitor->layers; l++) {
        measure_update(monitor, network, workspace, l, &figures[l]);
    }
    *record = (mlp_monitor_record){
        .step = monitor->steps, .epoch = epoch, .loss = step->loss, .gradient_norm = step->clip.norm
    };
    record->findings = find(monitor, network, figures);
    *warning = warn(monitor, network, figures, record->findings);
    monitor->count++;
    return record;
}
