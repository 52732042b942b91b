/* NPZ, numpy's archive of several arrays: a ZIP file with an NPY file for each. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"
#include "io/data_format.h"
#include "io/npy.h"
#include "io/zip.h"

enum { NAME_SIZE = 512 };

static const char suffix[] = ".npy";

/* ---- which arrays -------------------------------------------------------------------------------------- */

/* Names that are in use for features and targets, and those that numpy gives where none are given. */
static const struct {
    const char *features, *targets;
} customs[] = {
    { "x", "y" },
    { "X", "y" },
    { "X", "Y" },
    { "x_train", "y_train" },
    { "X_train", "y_train" },
    { "train_images", "train_labels" },
    { "features", "labels" },
    { "features", "targets" },
    { "data", "target" },
    { "data", "labels" },
    { "images", "labels" },
    { "arr_0", "arr_1" },
};

/* The member of an array's name, with ".npy" or without. */
static size_t find_array(const struct zip *zip, const char *name)
{
    char member[NAME_SIZE];
    const size_t found = zip_find(zip, name);
    if (found != SIZE_MAX || snprintf(member, sizeof member, "%s%s", name, suffix) >= NAME_SIZE) {
        return found;
    }
    return zip_find(zip, member);
}

/* "x, y" for messages. */
static void list_arrays(const struct zip *zip, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < text_list_count(&zip->names) && used + 80 < size; i++) {
        used += (size_t)snprintf(text + used, size - used, "%s%.64s", i > 0 ? ", " : "",
                                 text_list_get(&zip->names, i));
    }
}

static mlp_status no_array(const struct zip *zip, const char *name)
{
    char names[NAME_SIZE];
    list_arrays(zip, names, sizeof names);
    return name != NULL ? fail(MLP_ERROR_ARGUMENT, "%s: no array is named '%.64s'; there are %s", zip->path,
                               name, names)
                        : fail(MLP_ERROR_ARGUMENT,
                               "%s: which arrays are features and targets? There are %s: features_member and "
                               "labels_member say so",
                               zip->path, names);
}

/* By their names; SIZE_MAX where there are no targets. */
static mlp_status choose_named(const struct zip *zip, const mlp_data_options *options, size_t members[2])
{
    members[0] = options->features_member != NULL ? find_array(zip, options->features_member) : SIZE_MAX;
    members[1] = options->labels_member != NULL ? find_array(zip, options->labels_member) : SIZE_MAX;
    if (members[0] == SIZE_MAX) {
        return no_array(zip, options->features_member);
    }
    return options->labels_member != NULL && members[1] == SIZE_MAX ? no_array(zip, options->labels_member)
                                                                    : MLP_OK;
}

static mlp_status choose(const struct zip *zip, const mlp_data_options *options, size_t members[2])
{
    if (options->features_member != NULL || options->labels_member != NULL) {
        return choose_named(zip, options, members);
    }
    for (size_t i = 0; i < sizeof customs / sizeof customs[0]; i++) {
        members[0] = find_array(zip, customs[i].features);
        members[1] = find_array(zip, customs[i].targets);
        if (members[0] != SIZE_MAX && members[1] != SIZE_MAX) {
            return MLP_OK;
        }
    }
    members[0] = 0;
    members[1] = SIZE_MAX;
    return text_list_count(&zip->names) == 1 ? MLP_OK : no_array(zip, NULL);
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static mlp_status read_array(const struct zip *zip, size_t member, const mlp_data_options *options,
                             mlp_status (*read)(struct byte_reader *reader, const mlp_data_options *options,
                                                struct storage *storage),
                             struct storage *storage)
{
    char name[2 * NAME_SIZE];
    struct byte_reader *reader;
    snprintf(name, sizeof name, "%.500s: %.500s", zip->path, text_list_get(&zip->names, member));
    TRY(zip_open_member(zip, member, name, options->unpack_limit, &reader));
    const mlp_status status = read(reader, options, storage);
    byte_reader_close(reader);
    return status;
}

static mlp_status load(const struct zip *zip, const mlp_data_options *options, struct storage *storage)
{
    char detail[NAME_SIZE];
    size_t members[2];
    TRY(choose(zip, options, members));
    TRY(read_array(zip, members[0], options, npy_features, storage));
    if (members[1] != SIZE_MAX) {
        TRY(read_array(zip, members[1], options, npy_targets, storage));
    }
    snprintf(detail, sizeof detail, "features from '%.64s'%s%.64s%s", text_list_get(&zip->names, members[0]),
             members[1] != SIZE_MAX ? ", targets from '" : "",
             members[1] != SIZE_MAX ? text_list_get(&zip->names, members[1]) : "",
             members[1] != SIZE_MAX ? "'" : "");
    return data_file_notice(storage, detail);
}

mlp_status npz_load(const struct data_file *file, struct storage *storage)
{
    struct zip zip;
    mlp_status status = zip_open(file->bytes, file->options->folder, &zip);
    status = status == MLP_OK ? load(&zip, file->options, storage) : status;
    zip_close(&zip);
    return status;
}
