/* Data sets from files: which format a file is of, and what all formats have in common. */
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "base/status.h"
#include "data/schema.h"
#include "io/data_format.h"
#include "io/table_notice.h"

static const struct data_format formats[] = {
    [MLP_DATA_FORMAT_AUTOMATIC] = { .name = { "automatic",
                                              "by what the file begins with, else by its name, else csv" } },
    [MLP_DATA_FORMAT_CSV] = { .name = { "csv", "lines of fields, with a label among them or none" },
                              .suffixes = { ".csv" },
                              .load = csv_load },
    [MLP_DATA_FORMAT_IDX] = { .name = { "idx", "MNIST's format, features and labels in files of their own" },
                              .magic = "\0\0",
                              .magic_size = 2,
                              .suffixes = { "ubyte", ".idx" },
                              .labels_apart = true,
                              .numbers = true,
                              .load = idx_load },
    [MLP_DATA_FORMAT_LIBSVM] = { .name = { "libsvm", "lines of a label and index:value" },
                                 .looks_like = libsvm_looks_like,
                                 .suffixes = { ".libsvm", ".svm", ".svmlight", ".scale" },
                                 .load = libsvm_load },
    [MLP_DATA_FORMAT_NPY] = { .name = { "npy", "numpy's arrays, features and labels in files of their own" },
                              .magic = "\x93NUMPY",
                              .magic_size = 6,
                              .suffixes = { ".npy" },
                              .labels_apart = true,
                              .numbers = true,
                              .load = npy_load },
    [MLP_DATA_FORMAT_NPZ] = { .name = { "npz", "numpy's archives of arrays" },
                              .magic = "PK\3\4",
                              .magic_size = 4,
                              .suffixes = { ".npz" },
                              .numbers = true,
                              .load = npz_load },
};
static const struct name_table names = NAME_ROWS("data format", formats);
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

const char *mlp_data_format_name(mlp_data_format format)
{
    return name_of(&names, (int)format);
}

const char *mlp_data_format_description(mlp_data_format format)
{
    return description_of(&names, (int)format);
}

mlp_status mlp_data_format_from_name(const char *name, mlp_data_format *format)
{
    int value;
    REQUIRE_ARGUMENT(format);
    TRY(name_find(&names, name, &value));
    *format = (mlp_data_format)value;
    return MLP_OK;
}

size_t mlp_data_format_count(void)
{
    return FORMAT_COUNT;
}

/* ---- recognition --------------------------------------------------------------------------------------- */

static bool has_magic(const struct data_format *format, const unsigned char *head, size_t size)
{
    if (format->looks_like != NULL && format->looks_like(head, size)) {
        return true;
    }
    return format->magic != NULL && size >= format->magic_size &&
           memcmp(head, format->magic, format->magic_size) == 0;
}

static bool has_suffix(const struct data_format *format, const char *path)
{
    const size_t whole = strlen(path), packed = sizeof ".gz" - 1;
    const size_t length =
        whole >= packed && strcmp(path + whole - packed, ".gz") == 0 ? whole - packed : whole;
    for (size_t i = 0; format->suffixes[i] != NULL; i++) {
        const size_t suffix = strlen(format->suffixes[i]);
        if (length >= suffix && memcmp(path + length - suffix, format->suffixes[i], suffix) == 0) {
            return true;
        }
    }
    return false;
}

static mlp_status recognize(const struct data_file *file, mlp_data_format *format)
{
    const unsigned char *head;
    size_t size;
    TRY(byte_reader_head(file->bytes, &head, &size));
    *format = MLP_DATA_FORMAT_CSV;
    for (int f = 0; f < FORMAT_COUNT; f++) {
        if (has_magic(&formats[f], head, size)) {
            *format = (mlp_data_format)f;
            return MLP_OK;
        }
        if (has_suffix(&formats[f], file->path)) {
            *format = (mlp_data_format)f; /* unless another one's magic says better */
        }
    }
    return MLP_OK;
}

mlp_status mlp_data_recognize(const char *path, mlp_data_format *format)
{
    struct data_file file = { .path = path };
    REQUIRE_ARGUMENT(path);
    REQUIRE_ARGUMENT(format);
    TRY(byte_reader_open(path, 0, &file.bytes));
    const mlp_status status = recognize(&file, format);
    byte_reader_give_back(file.bytes);
    byte_reader_close(file.bytes);
    return status;
}

/* ---- loading ------------------------------------------------------------------------------------------- */

mlp_status data_file_labels(const struct data_file *file,
                            mlp_status (*read)(struct byte_reader *reader, const mlp_data_options *options,
                                               struct storage *storage),
                            struct storage *storage)
{
    struct byte_reader *reader;
    if (file->options->labels_path == NULL) {
        return MLP_OK;
    }
    TRY(byte_reader_open(file->options->labels_path, file->options->unpack_limit, &reader));
    const mlp_status status = read(reader, file->options, storage);
    byte_reader_close(reader);
    return status;
}

mlp_status data_file_notice(struct storage *storage, const char *detail)
{
    struct notice notice = { 0 };
    notice_add(&notice, "%zu samples; %zu features", storage->count, storage->inputs);
    if (storage_has_classes(storage)) {
        notice_add(&notice, "; %zu class%s", storage->class_count, storage->class_count == 1 ? "" : "es");
    } else if (storage_has_values(storage)) {
        notice_add(&notice, "; %zu number%s to predict", storage->outputs, storage->outputs > 1 ? "s" : "");
    } else {
        notice_add(&notice, "; no labels");
    }
    if (detail != NULL) {
        notice_add(&notice, "; %s", detail);
    }
    return notice_keep(&notice, &storage->notice);
}

/* Offsets are subtracted from arrays of numbers alone. */
static mlp_status check_schema(const struct data_file *file, const struct data_format *format)
{
    double *offsets = NULL;
    if (file->options->schema != NULL && !format->numbers) {
        TRY(schema_offsets(file->options->schema, &offsets));
    }
    memory_free(offsets);
    FAIL_IF(offsets != NULL, MLP_ERROR_UNSUPPORTED,
            "%s: the network's inputs are numbers less offsets, which files of format %s do not come with: "
            "expected NPY, NPZ or IDX",
            file->path, format->name.name);
    return MLP_OK;
}

static mlp_status load_file(const struct data_file *file, struct storage *storage)
{
    mlp_data_format format = file->options->format;
    if (format == MLP_DATA_FORMAT_AUTOMATIC) {
        TRY(recognize(file, &format));
    }
    FAIL_IF(file->options->labels_path != NULL && !formats[format].labels_apart, MLP_ERROR_ARGUMENT,
            "%s: labels in a file of their own ('%s') are not for format %s", file->path,
            file->options->labels_path, formats[format].name.name);
    storage->format = format;
    TRY(check_schema(file, &formats[format]));
    return formats[format].load(file, storage);
}

/* Makes the set of a file that is open. */
static mlp_status make_data(const struct data_file *file, mlp_data **data)
{
    struct storage *storage = memory_allocate(1, sizeof *storage);
    REQUIRE_MEMORY(storage);
    const mlp_status status = load_file(file, storage);
    if (status != MLP_OK) {
        storage_free(storage);
        return status;
    }
    return data_from_storage(storage, data);
}

mlp_status mlp_data_load(const char *path, const mlp_data_options *options, mlp_data **data)
{
    mlp_data_options accepted;
    struct data_file file = { .path = path, .options = &accepted };
    REQUIRE_ARGUMENT(data);
    *data = NULL;
    REQUIRE_ARGUMENT(path);
    TRY(ACCEPT_OPTIONS(mlp_data_options, MLP_DATA_OPTIONS_INIT, options, &accepted));
    TRY(name_check(&names, (int)accepted.format));
    TRY(byte_reader_open(path, accepted.unpack_limit, &file.bytes));
    const mlp_status status = make_data(&file, data);
    byte_reader_close(file.bytes);
    return status;
}

/* ---- the formats by name ------------------------------------------------------------------------------- */

/* `folder` NULL and `stream` 0: into memory. */
static mlp_status load_as(mlp_data_format format, const char *path, const char *labels_path,
                          const mlp_csv_options *csv, int stream, const char *folder, mlp_data **data)
{
    mlp_data_options options = MLP_DATA_OPTIONS_INIT;
    options.format = format;
    options.labels_path = labels_path;
    options.csv = csv;
    options.stream = stream;
    options.folder = folder;
    return mlp_data_load(path, &options, data);
}

mlp_status mlp_data_load_idx(const char *features_path, const char *labels_path, mlp_data **data)
{
    return load_as(MLP_DATA_FORMAT_IDX, features_path, labels_path, NULL, 0, NULL, data);
}

mlp_status mlp_data_open_idx(const char *features_path, const char *labels_path, const char *folder,
                             mlp_data **data)
{
    return load_as(MLP_DATA_FORMAT_IDX, features_path, labels_path, NULL, 1, folder, data);
}

mlp_status mlp_data_load_csv(const char *path, const mlp_csv_options *csv, mlp_data **data)
{
    return load_as(MLP_DATA_FORMAT_CSV, path, NULL, csv, 0, NULL, data);
}

mlp_status mlp_data_open_csv(const char *path, const mlp_csv_options *csv, const char *folder,
                             mlp_data **data)
{
    return load_as(MLP_DATA_FORMAT_CSV, path, NULL, csv, 1, folder, data);
}
