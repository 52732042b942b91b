/* Bare tensors: modules by their names, layers in the order of the names' numbers, or of their shapes. */
#include "io/model_bare.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"

/* What the last word of a tensor's name says. */
enum kind { KIND_WEIGHT, KIND_BIAS, KIND_MEAN, KIND_VARIANCE, KIND_COUNT, KINDS };
static const char *const kind_names[KINDS] = { "weight", "bias", "running_mean", "running_var",
                                               "num_batches_tracked" };

/* A module's tensors. Its path, "model.fc1" say, is text around the last number in it. */
struct module {
    const char *path;
    size_t length;
    size_t digits, digits_end; /* where the number is; equal: there is none */
    long number;
    const struct safetensor *tensors[KINDS];
    size_t layer; /* its place in the chain of layers; NO_LAYER: none yet */
};

enum { MAX_SEARCHED = 64, MAX_STEPS = 20000 }; /* layers in the order of their shapes; modules tried */
#define NO_LAYER SIZE_MAX

struct modules {
    struct module *items; /* sorted by path */
    size_t count;
    struct module **chain; /* those with weights, in the order of the layers in the end */
    size_t layers;
    size_t steps, orders; /* of the search: modules tried, orders found */
    struct module *found[MAX_SEARCHED];
};

/* ---- names --------------------------------------------------------------------------------------------- */

static mlp_status unknown_name(const struct safetensors *archive, const struct safetensor *tensor)
{
    return fail(MLP_ERROR_FORMAT,
                "%s: tensor '%.64s' is none of a network's: expected names such as layers.0.weight, 0.bias, "
                "fc1.weight or bn1.running_mean",
                archive->path, tensor->name);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The last run of digits in the path; false for one that no layer's number has. */
static bool find_number(struct module *module)
{
    size_t end = module->length;
    while (end > 0 && !is_digit(module->path[end - 1])) {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && is_digit(module->path[begin - 1])) {
        begin--;
    }
    module->digits = begin;
    module->digits_end = end;
    if (end - begin > 9) {
        return false;
    }
    module->number = begin < end ? strtol(module->path + begin, NULL, 10) : -1;
    return begin == 0 || module->path[begin - 1] != '-';
}

static int compare_paths(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* One tensor of a module, for the time of sorting. */
static int by_path(const void *a, const void *b)
{
    const struct module *x = a, *y = b;
    return compare_paths(x->path, x->length, y->path, y->length);
}

/* A module that has this tensor alone. */
static mlp_status parse_name(const struct safetensors *archive, const struct safetensor *tensor,
                             struct module *module)
{
    const char *dot = strrchr(tensor->name, '.');
    if (dot == NULL) {
        return unknown_name(archive, tensor);
    }
    *module =
        (struct module){ .layer = NO_LAYER, .path = tensor->name, .length = (size_t)(dot - tensor->name) };
    size_t kind = 0;
    while (kind < KINDS && strcmp(dot + 1, kind_names[kind]) != 0) {
        kind++;
    }
    if (kind == KINDS || !find_number(module)) {
        return unknown_name(archive, tensor);
    }
    module->tensors[kind] = tensor;
    return MLP_OK;
}

/* Joins the tensors of a path to one module. Names differ, so no kind comes twice. */
static mlp_status collect(const struct safetensors *archive, struct modules *modules)
{
    modules->items = memory_allocate(archive->count, sizeof *modules->items);
    REQUIRE_MEMORY(modules->items);
    for (size_t i = 0; i < archive->count; i++) {
        TRY(parse_name(archive, &archive->tensors[i], &modules->items[i]));
    }
    if (archive->count > 0) {
        qsort(modules->items, archive->count, sizeof *modules->items, by_path);
    }
    for (size_t i = 0; i < archive->count; i++) {
        const struct module one = modules->items[i];
        struct module *last = modules->count > 0 ? &modules->items[modules->count - 1] : NULL;
        if (last == NULL || by_path(last, &one) != 0) {
            modules->items[modules->count++] = one;
            continue;
        }
        for (size_t k = 0; k < KINDS; k++) {
            last->tensors[k] = one.tensors[k] != NULL ? one.tensors[k] : last->tensors[k];
        }
    }
    return MLP_OK;
}

static bool is_norm(const struct module *module)
{
    return module->tensors[KIND_MEAN] != NULL || module->tensors[KIND_VARIANCE] != NULL ||
           module->tensors[KIND_COUNT] != NULL;
}

/* What is neither a linear layer nor a BatchNorm1d is refused by its name. */
static mlp_status check_module(const struct safetensors *archive, const struct module *module)
{
    const struct safetensor *weight = module->tensors[KIND_WEIGHT], *bias = module->tensors[KIND_BIAS];
    if (is_norm(module)) {
        FAIL_IF(module->tensors[KIND_MEAN] == NULL || module->tensors[KIND_VARIANCE] == NULL,
                MLP_ERROR_FORMAT,
                "%s: '%.*s' has no running mean and variance, expected both of a BatchNorm1d", archive->path,
                (int)(module->length < 64 ? module->length : 64), module->path);
        return MLP_OK;
    }
    FAIL_IF(weight == NULL, MLP_ERROR_FORMAT, "%s: tensor '%.64s' has no weights beside it", archive->path,
            bias->name);
    FAIL_IF(weight->rank == 1, MLP_ERROR_UNSUPPORTED,
            "%s: tensor '%.64s' has one dimension and no running statistics beside it: a LayerNorm, "
            "GroupNorm, RMSNorm or PReLU, which no layer here has; expected linear layers and BatchNorm1d",
            archive->path, weight->name);
    FAIL_IF(weight->rank != 2, MLP_ERROR_UNSUPPORTED,
            "%s: tensor '%.64s' has %zu dimensions, expected the 2 of a linear layer", archive->path,
            weight->name, weight->rank);
    return MLP_OK;
}

/* ---- the order of layers ------------------------------------------------------------------------------- */

static bool same_text(const struct module *a, const struct module *b)
{
    return a->digits == b->digits && a->length - a->digits_end == b->length - b->digits_end &&
           memcmp(a->path, b->path, a->digits) == 0 &&
           memcmp(a->path + a->digits_end, b->path + b->digits_end, a->length - a->digits_end) == 0;
}

static int by_number(const void *a, const void *b)
{
    const struct module *x = *(struct module *const *)a, *y = *(struct module *const *)b;
    return (x->number > y->number) - (x->number < y->number);
}

static size_t units_of(const struct module *module)
{
    return module->tensors[KIND_WEIGHT]->shape[0];
}

static size_t inputs_of(const struct module *module)
{
    return module->tensors[KIND_WEIGHT]->shape[1];
}

/* Whether a module of the same text and a lower number still waits for its place. */
static bool waits_for_another(const struct modules *modules, const struct module *module)
{
    for (size_t i = 0; i < modules->layers; i++) {
        const struct module *other = modules->chain[i];
        if (other->layer == NO_LAYER && other->number < module->number && same_text(other, module)) {
            return true;
        }
    }
    return false;
}

/* Counts the orders, up to two, in which each layer has as many inputs as the one before it has units. */
static void search(struct modules *modules, size_t depth, struct module *order[MAX_SEARCHED])
{
    if (depth == modules->layers) {
        modules->orders++;
        memcpy(modules->found, order, depth * sizeof(struct module *));
        return;
    }
    for (size_t i = 0; i < modules->layers; i++) {
        struct module *module = modules->chain[i];
        if (modules->orders > 1 || modules->steps++ > MAX_STEPS) {
            return;
        }
        if (module->layer != NO_LAYER || (depth > 0 && inputs_of(module) != units_of(order[depth - 1])) ||
            waits_for_another(modules, module)) {
            continue;
        }
        module->layer = depth;
        order[depth] = module;
        search(modules, depth + 1, order);
        module->layer = NO_LAYER;
    }
}

/* By the numbers of names that differ in nothing else; else by the shapes, where they allow one order alone.
 * */
static mlp_status order_layers(const struct safetensors *archive, struct modules *modules)
{
    struct module *order[MAX_SEARCHED];
    bool numbered = true;
    for (size_t i = 0; i < modules->layers; i++) {
        numbered = numbered && same_text(modules->chain[0], modules->chain[i]);
    }
    if (numbered) {
        qsort(modules->chain, modules->layers, sizeof(struct module *), by_number);
    } else {
        modules->orders = 0;
        if (modules->layers <= MAX_SEARCHED) {
            search(modules, 0, order);
        }
        FAIL_IF(modules->orders != 1 || modules->steps > MAX_STEPS, MLP_ERROR_FORMAT,
                "%s: neither numbers in the names of its %zu layers ('%.64s', …) nor their shapes say in "
                "which order they come: rename the tensors, or export the model as ONNX",
                archive->path, modules->layers, modules->chain[0]->tensors[KIND_WEIGHT]->name);
        memcpy(modules->chain, modules->found, modules->layers * sizeof(struct module *));
    }
    for (size_t l = 0; l < modules->layers; l++) {
        modules->chain[l]->layer = l;
    }
    return MLP_OK;
}

/* The modules with weights, as many as there are layers. */
static mlp_status find_layers(const struct safetensors *archive, struct modules *modules, size_t expected)
{
    modules->chain = memory_allocate(modules->count, sizeof(struct module *));
    REQUIRE_MEMORY(modules->chain);
    for (size_t i = 0; i < modules->count; i++) {
        struct module *module = &modules->items[i];
        TRY(check_module(archive, module));
        if (!is_norm(module)) {
            modules->chain[modules->layers++] = module;
        }
    }
    FAIL_IF(modules->layers < expected, MLP_ERROR_SHAPE, "%s: has tensors of %zu layers, expected %zu",
            archive->path, modules->layers, expected);
    FAIL_IF(modules->layers > expected, MLP_ERROR_SHAPE,
            "%s: has tensors of %zu layers, expected %zu: tensor '%.64s' is of one layer more than the %zu "
            "expected",
            archive->path, modules->layers, expected, modules->chain[expected]->tensors[KIND_WEIGHT]->name,
            expected);
    return order_layers(archive, modules);
}

/* ---- normalizations ------------------------------------------------------------------------------------ */

/* In a Sequential its number says where it stands: behind a layer's product, or in front of a layer. */
static bool place_by_number(const struct modules *modules, const struct module *norm, struct bare_norm *out)
{
    size_t after = 0;
    while (after < modules->layers && modules->chain[after]->number < norm->number) {
        after++;
    }
    const bool is_first = after == 0, is_last = after == modules->layers;
    const long before = is_first ? -1 : modules->chain[after - 1]->number;
    if (!is_first && norm->number == before + 1) {
        out->layer = after - 1;
        return true;
    }
    out->layer = after;
    out->in_front = true;
    return !is_last &&
           (is_first || (norm->number == before + 2 && modules->chain[after]->number == norm->number + 1));
}

/* bn1 stands between fc1 and its activation. */
static bool place_by_companion(const struct modules *modules, const struct module *norm,
                               struct bare_norm *out)
{
    size_t companions = 0;
    for (size_t l = 0; l < modules->layers; l++) {
        if (modules->chain[l]->number == norm->number) {
            out->layer = l;
            companions++;
        }
    }
    return companions == 1 && norm->number >= 0;
}

static mlp_status place_norms(const struct safetensors *archive, const struct modules *modules,
                              struct bare_tensors *bare)
{
    bare->norms = memory_allocate(modules->count, sizeof *bare->norms);
    REQUIRE_MEMORY(bare->norms);
    for (size_t i = 0; i < modules->count; i++) {
        const struct module *module = &modules->items[i];
        if (!is_norm(module)) {
            continue;
        }
        struct bare_norm *norm = &bare->norms[bare->norm_count++];
        *norm = (struct bare_norm){ .name = module->tensors[KIND_MEAN]->name,
                                    .scale = module->tensors[KIND_WEIGHT],
                                    .shift = module->tensors[KIND_BIAS],
                                    .mean = module->tensors[KIND_MEAN],
                                    .variance = module->tensors[KIND_VARIANCE] };
        const bool in_sequence = modules->layers > 0 && same_text(modules->chain[0], module) &&
                                 same_text(modules->chain[modules->layers - 1], module);
        const bool placed =
            in_sequence ? place_by_number(modules, module, norm) : place_by_companion(modules, module, norm);
        FAIL_IF(!placed, MLP_ERROR_UNSUPPORTED,
                "%s: '%.*s': its name does not say where this BatchNorm1d stands: expected the number behind "
                "a linear layer's, or between that of an activation and the next layer's, or bn1 beside fc1; "
                "export the model as ONNX",
                archive->path, (int)(module->length < 64 ? module->length : 64), module->path);
    }
    return MLP_OK;
}

/* PyTorch's default, which a state_dict does not hold. */
static const double epsilon = 1e-5;

/* (x − mean)/√(variance + ε)·scale + shift = k·x + t of `count` numbers each. */
static mlp_status read_norm(struct safetensors *archive, const struct bare_norm *norm, size_t count,
                            float *values, double *k, double *t)
{
    const struct safetensor *const tensors[] = { norm->scale, norm->shift, norm->mean, norm->variance };
    for (size_t i = 0; i < 4; i++) {
        const size_t missing = tensors[i] == NULL ? count : 0;
        for (size_t j = 0; j < missing; j++) {
            values[i * count + j] = i == 0 ? 1.0f : 0.0f;
        }
        if (tensors[i] != NULL) {
            TRY(safetensor_check_shape(archive, tensors[i], count, 0));
            TRY(safetensor_matrix(archive, tensors[i], values + i * count, count));
        }
    }
    for (size_t j = 0; j < count; j++) {
        k[j] = (double)values[j] / sqrt((double)values[3 * count + j] + epsilon);
        t[j] = (double)values[count + j] - (double)values[2 * count + j] * k[j];
    }
    return MLP_OK;
}

/* Behind the product: k∘(W·x + b) + t. In front of it: W·(k∘x + t) + b. False where a number is not finite.
 * */
static bool apply_norm(const struct layer *layer, bool in_front, const double *k, const double *t, float *w,
                       float *b)
{
    bool finite = true;
    for (size_t i = 0; i < layer->units; i++) {
        double bias = in_front ? (double)b[i] : (double)b[i] * k[i] + t[i];
        for (size_t j = 0; j < layer->inputs; j++) {
            float *weight = &w[i + j * layer->stride];
            bias += in_front ? (double)*weight * t[j] : 0.0;
            *weight = (float)((double)*weight * k[in_front ? j : i]);
            finite &= isfinite(*weight) != 0;
        }
        b[i] = (float)bias;
        finite &= isfinite(b[i]) != 0;
    }
    return finite;
}

static mlp_status fold(struct safetensors *archive, const struct bare_norm *norm, mlp_network *network)
{
    const struct layer *layer = &network->layers[norm->layer];
    const size_t count = norm->in_front ? layer->inputs : layer->units;
    float *values = memory_allocate(4 * count, sizeof *values), *parameters = network_write(network);
    double *k = memory_allocate(2 * count, sizeof *k);
    mlp_status status = values != NULL && k != NULL ? read_norm(archive, norm, count, values, k, k + count)
                                                    : MLP_ERROR_MEMORY;
    if (status == MLP_OK && !apply_norm(layer, norm->in_front, k, k + count, parameters + layer->weights,
                                        parameters + layer->bias)) {
        status = fail(MLP_ERROR_NONFINITE, "%s: with '%.64s' a parameter of layer %zu is not finite",
                      archive->path, norm->name, norm->layer);
    }
    memory_free(values);
    memory_free(k);
    return status;
}

mlp_status bare_fold(struct safetensors *archive, const struct bare_tensors *bare, mlp_network *network)
{
    for (size_t i = 0; i < bare->norm_count; i++) {
        TRY(fold(archive, &bare->norms[i], network));
    }
    return MLP_OK;
}

/* ---- tensors ------------------------------------------------------------------------------------------- */

static mlp_status describe(const struct modules *modules, struct model_file *file)
{
    struct model_description *d = &file->description;
    d->layers = memory_allocate(modules->layers, sizeof *d->layers);
    REQUIRE_MEMORY(d->layers);
    d->count = modules->layers;
    d->inputs = inputs_of(modules->chain[0]);
    for (size_t l = 0; l < modules->layers; l++) {
        d->layers[l].units = units_of(modules->chain[l]);
        file->layers[2 * l] = modules->chain[l]->tensors[KIND_WEIGHT];
        file->layers[2 * l + 1] = modules->chain[l]->tensors[KIND_BIAS];
    }
    return MLP_OK;
}

mlp_status bare_find(const struct safetensors *archive, struct model_file *file, struct bare_tensors *bare)
{
    struct modules *modules = memory_allocate(1, sizeof *modules);
    REQUIRE_MEMORY(modules);
    mlp_status status = collect(archive, modules);
    status = status == MLP_OK ? find_layers(archive, modules, file->layer_count) : status;
    status = status == MLP_OK ? place_norms(archive, modules, bare) : status;
    status = status == MLP_OK ? describe(modules, file) : status;
    memory_free(modules->items);
    memory_free(modules->chain);
    memory_free(modules);
    return status;
}

void bare_free(struct bare_tensors *bare)
{
    memory_free(bare->norms);
    *bare = (struct bare_tensors){ NULL, 0 };
}
