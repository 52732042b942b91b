/* The data sets of a training: loaded, cut into training and validation part, class names gathered. */
#include <stdio.h>
#include <stdlib.h>

#include "message.h"
#include "options/table_argument.h"
#include "training/train.h"

enum { NUMBER_SIZE = 24 };

static const char *name_of_class(const struct train_settings *settings, const struct train_data *data,
                                 size_t i)
{
    const char *name = data_set_class_name(&data->set, i);
    return name == NULL && settings->start != NULL ? mlp_network_class_name(settings->start, i) : name;
}

/* Every class gets a name: the data's, that of the model to start from, or its number. */
static int gather_names(const struct train_settings *settings, struct train_data *data)
{
    const size_t known = settings->start != NULL ? mlp_network_class_name_count(settings->start) : 0;
    data->classes = mlp_data_class_count(data->set.data);
    data->classes =
        data->classes > 0 && known > data->classes ? known : data->classes; /* not all may be in this data */
    if (data->classes == 0) {
        return mlp_data_outputs(data->set.data) > 0
                   ? EXIT_DONE
                   : usage_error("--data: training needs labels, and this data has none; for a CSV file name "
                                 "their column with --label, for IDX give IMAGES,LABELS");
    }
    data->names = calloc(data->classes, sizeof *data->names);
    data->numbers = calloc(data->classes, NUMBER_SIZE);
    FAIL_IF(data->names == NULL || data->numbers == NULL, out_of_memory());
    for (size_t i = 0; i < data->classes; i++) {
        char *number = data->numbers + i * NUMBER_SIZE;
        snprintf(number, NUMBER_SIZE, "%zu", i);
        data->names[i] = name_of_class(settings, data, i);
        data->names[i] = data->names[i] != NULL ? data->names[i] : number;
    }
    return EXIT_DONE;
}

static int open_other(const struct train_settings *settings, const char *option, const char *spec,
                      enum data_part part, const struct train_data *data, mlp_data **other)
{
    struct data_set set;
    const struct data_source source = { .option = option,
                                        .spec = spec,
                                        .part = part,
                                        .label_needed = true,
                                        .class_names = data->names,
                                        .class_name_count = data->classes,
                                        .schema = data->schema,
                                        .inputs = mlp_data_inputs(data->set.data) };
    const int code = data_open(&settings->request, &source, &set);
    *other = set.data;
    if (code == EXIT_DONE) {
        tell_of_table(spec, set.data, false);
    }
    FAIL_IF(code == EXIT_DONE && mlp_data_inputs(set.data) != mlp_data_inputs(data->set.data),
            work_error("%s: '%s' has %zu features, the training data has %zu", option, spec,
                       mlp_data_inputs(set.data), mlp_data_inputs(data->set.data)));
    return code;
}

static void replace_train(struct train_data *data, mlp_data *train)
{
    if (data->train != data->set.data) {
        mlp_data_destroy(&data->train);
    }
    data->train = train;
}

int cut_share(const struct train_settings *settings, double share, bool stratified, struct train_data *data,
              mlp_data **part)
{
    mlp_status (*split)(const mlp_data *, double, uint64_t, mlp_data **, mlp_data **) =
        stratified ? mlp_data_split_stratified : mlp_data_split;
    if (settings->request.group != NULL) {
        split = stratified ? mlp_data_split_groups_stratified : mlp_data_split_groups;
    }
    mlp_data *train = NULL;
    TRY(work_code(split(data->train, share, settings->seed, &train, part)));
    replace_train(data, train);
    return EXIT_DONE;
}

static int cut_validation(const struct train_settings *settings, struct train_data *data)
{
    const size_t count = mlp_data_count(data->train), last = settings->validation_last;
    mlp_data *train = NULL;
    if (settings->validation_fraction > 0.0) {
        return cut_share(settings, settings->validation_fraction, settings->stratified, data,
                         &data->validation);
    }
    if (last == 0) {
        return EXIT_DONE;
    }
    FAIL_IF(last >= count, usage_error("--validation-last: the data has %zu samples, expected fewer than "
                                       "that, got %zu",
                                       count, last));
    TRY(work_code(mlp_data_slice(data->train, count - last, last, &data->validation)));
    TRY(work_code(mlp_data_slice(data->train, 0, count - last, &train)));
    replace_train(data, train);
    return EXIT_DONE;
}

static int cut_first(const struct train_settings *settings, struct train_data *data)
{
    const size_t count = mlp_data_count(data->train), first = settings->train_first;
    mlp_data *train;
    if (first == 0) {
        return EXIT_DONE;
    }
    FAIL_IF(first > count,
            usage_error("--train-first: there are %zu training samples, got %zu", count, first));
    const mlp_status status = mlp_data_slice(data->train, 0, first, &train);
    TRY(work_code(status));
    replace_train(data, train);
    return EXIT_DONE;
}

static int open_test(const struct train_settings *settings, struct train_data *data)
{
    if (settings->test != NULL) {
        return open_other(settings, "--test", settings->test, PART_DEFAULT, data, &data->test);
    }
    return settings->test_share == 0.0 && data->set.has_test_part
               ? open_other(settings, "--data", settings->data, PART_TEST, data, &data->test)
               : EXIT_DONE;
}

/* The training data, with the classes of the model to start from. */
static int open_train(const struct train_settings *settings, struct train_data *data)
{
    struct data_source source = {
        .option = "--data",
        .spec = settings->data,
        .part = PART_TRAIN,
        .label_needed = true,
        .schema = settings->start != NULL ? mlp_network_schema(settings->start) : NULL,
        .learns = settings->start == NULL,
        .inputs = settings->start != NULL ? mlp_network_inputs(settings->start) : 0,
    };
    const char **names = NULL;
    if (settings->start != NULL) {
        TRY(network_class_names(settings->start, &names, &source.class_name_count));
    }
    source.class_names = names;
    const int code = data_open(&settings->request, &source, &data->set);
    free(names);
    data->train = data->set.data;
    data->schema = source.schema != NULL ? source.schema : data->set.schema;
    return code;
}

int train_data_load(const struct train_settings *settings, struct train_data *data)
{
    *data = (struct train_data){ 0 };
    TRY(open_train(settings, data));
    TRY(gather_names(settings, data));
    TRY(check_start(settings, data));
    FAIL_IF(settings->stratified && data->classes == 0,
            usage_error("--stratified: needs classes, and the labels of this data are numbers"));
    if (settings->validation_data != NULL) {
        TRY(open_other(settings, "--validation-data", settings->validation_data, PART_DEFAULT, data,
                       &data->validation));
    }
    return open_test(settings, data);
}

int train_data_cut(const struct train_settings *settings, struct train_data *data)
{
    if (settings->test_share > 0.0) {
        TRY(cut_share(settings, settings->test_share, settings->stratified, data, &data->test));
    }
    TRY(cut_validation(settings, data));
    return cut_first(settings, data);
}

int train_data_open(const struct train_settings *settings, struct train_data *data)
{
    TRY(train_data_load(settings, data));
    return train_data_cut(settings, data);
}

static int find_weight(const mlp_data *part, bool *found)
{
    enum { PIECE = 1024 };
    float weights[PIECE];
    const size_t count = mlp_data_count(part);
    *found = false;
    for (size_t first = 0; first < count && !*found; first += PIECE) {
        const size_t piece = count - first < PIECE ? count - first : PIECE;
        TRY(work_code(mlp_data_read_weights(part, first, piece, weights)));
        for (size_t i = 0; i < piece; i++) {
            *found = *found || weights[i] > 0.0f;
        }
    }
    return EXIT_DONE;
}

int train_data_check_weights(const struct train_settings *settings, const struct train_data *data)
{
    const struct {
        const char *name;
        const mlp_data *part;
    } parts[] = { { "the training part", data->train },
                  { "the validation part", data->validation },
                  { "the part held out", data->held_out },
                  { "the test part", data->test } };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        bool found = true;
        if (settings->request.weight != NULL && parts[i].part != NULL) {
            TRY(find_weight(parts[i].part, &found));
        }
        FAIL_IF(!found, work_error("--weight-column %s: all samples of %s, %zu, have a weight of 0: no loss "
                                   "can be told of it; another --seed, or other data, gives other samples",
                                   settings->request.weight, parts[i].name, mlp_data_count(parts[i].part)));
    }
    return EXIT_DONE;
}

/* Puts a filled set in the place of one, which is destroyed unless it is another's. */
static int fill_part(const mlp_schema *schema, const mlp_data *kept, mlp_data **part)
{
    mlp_data *filled = NULL;
    if (*part == NULL) {
        return EXIT_DONE;
    }
    TRY(work_code(mlp_data_fill(*part, schema, &filled)));
    if (*part != kept) {
        mlp_data_destroy(part);
    }
    *part = filled;
    return EXIT_DONE;
}

int train_data_fill(const struct train_settings *settings, const struct train_data *loaded,
                    struct train_data *data)
{
    const bool whole = data->train == data->set.data;
    if (whole || settings->start != NULL || data->schema == NULL ||
        settings->request.missing != MLP_MISSING_IMPUTE) {
        return EXIT_DONE;
    }
    TRY(work_code(mlp_schema_learn_fills(data->schema, data->train, &data->filling)));
    data->schema = data->filling;
    TRY(fill_part(data->schema, data->set.data, &data->train));
    TRY(fill_part(data->schema, loaded != NULL ? loaded->validation : NULL, &data->validation));
    TRY(fill_part(data->schema, loaded != NULL ? loaded->test : NULL, &data->test));
    return fill_part(data->schema, NULL, &data->held_out);
}

void train_data_free_cut(const struct train_data *loaded, struct train_data *cut)
{
    replace_train(cut, NULL);
    if (cut->validation != loaded->validation) {
        mlp_data_destroy(&cut->validation);
    }
    if (cut->test != loaded->test) {
        mlp_data_destroy(&cut->test);
    }
    mlp_data_destroy(&cut->held_out);
    mlp_schema_destroy(&cut->filling);
}

void train_data_free(struct train_data *data)
{
    replace_train(data, NULL);
    mlp_data_destroy(&data->validation);
    mlp_data_destroy(&data->test);
    mlp_data_destroy(&data->set.data);
    mlp_schema_destroy(&data->set.schema);
    mlp_schema_destroy(&data->filling);
    free(data->names);
    free(data->numbers);
}
