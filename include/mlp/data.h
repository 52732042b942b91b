/** @file
 * Data sets: features and targets of many samples, from the caller's arrays or from files.
 *
 * Features are float, or bytes that stay bytes until a batch is gathered: value = byte · byte_scale. Those of
 * a set that was opened rather than loaded stay in their file until then.
 * Targets are class indices, dense values, or none. A data set does not change after its creation; several
 * threads may read it at once. Splits and slices share their parent's storage, which lives as long as any of
 * them. */
#ifndef MLP_DATA_H
#define MLP_DATA_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/export.h>
#include <mlp/loss.h>
#include <mlp/network.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A data set. Opaque. */
typedef struct mlp_data mlp_data;

/** A caller's arrays. Set `features` or `bytes`; set `classes`, or `values` with `outputs`, or neither. All
 * are borrowed until the data set and everything split from it are destroyed. Start from
 * ::MLP_DATA_ARRAYS_INIT. */
typedef struct mlp_data_arrays {
    size_t struct_size;     /**< Set by the INIT. */
    size_t count;           /**< Samples, ≥ 1. */
    size_t inputs;          /**< Features of a sample, ≥ 1. */
    const float *features;  /**< count × inputs, sample after sample, finite; or NULL. */
    const uint8_t *bytes;   /**< count × inputs, sample after sample; or NULL. */
    double byte_scale;      /**< Value of a byte is byte · byte_scale; > 0; 0: 1/255. */
    const int32_t *classes; /**< count class indices ≥ 0; or NULL. */
    size_t class_count;     /**< Classes, at most 2147483647; 0: the largest index + 1. */
    const float *values;    /**< count × outputs, finite; or NULL. */
    size_t outputs;         /**< Target values of a sample, ≥ 1 with `values`. */
    const float *weights;   /**< count weights ≥ 0, finite; NULL: all 1. A sample of weight 0 counts
                                 nowhere; where all are 0 there is no loss (mlp_evaluate()). */
} mlp_data_arrays;

#define MLP_DATA_ARRAYS_INIT                                                                                 \
    {                                                                                                        \
        sizeof(mlp_data_arrays), 0, 0, NULL, NULL, 0.0, NULL, 0, NULL, 0, NULL                               \
    }

/** ::MLP_DATA_ARRAYS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_data_arrays_default(mlp_data_arrays *arrays);

/** Makes a data set of a caller's arrays, which are checked and borrowed.
 * Errors: ARGUMENT, SHAPE, RANGE, NONFINITE (the message names sample and feature), MEMORY. */
MLP_API mlp_status mlp_data_create(const mlp_data_arrays *arrays, mlp_data **data);

/** Samples that a callback is asked for. A destination that is NULL is not wanted; where all are NULL the
 * samples are passed over. */
typedef struct mlp_data_block {
    size_t epoch;     /**< Of the fit that trains on it, from 0; else 0. */
    size_t first;     /**< Sample of the epoch, from 0. */
    size_t count;     /**< Samples, ≥ 1: first … first + count − 1. */
    float *x;         /**< Receives count × inputs finite values; or NULL. */
    int32_t *classes; /**< Receives count classes, 0 … class_count − 1; or NULL. */
    float *values;    /**< Receives count × outputs finite values; or NULL. */
    float *weights;   /**< Receives count finite weights ≥ 0; or NULL. */
} mlp_data_block;

/** Makes samples: of a ring buffer, a data base, a simulation, an augmentation. It must return: no exception
 * and no longjmp() may leave it. One call is made at a time, at times from a thread of the library's own,
 * which reads a batch ahead while the last one is trained on. Any status but MLP_OK ends what needed the
 * samples with it; after MLP_ERROR_IO or MLP_ERROR_FORMAT mlp_fit() writes a last checkpoint. */
typedef mlp_status (*mlp_data_callback)(const mlp_data_block *block, void *context);

/** A source of samples that are made when they are wanted. Start from ::MLP_DATA_SOURCE_INIT. */
typedef struct mlp_data_source {
    size_t struct_size; /**< Set by the INIT. */
    size_t count;       /**< Samples of an epoch, ≥ 1. */
    size_t inputs;      /**< Features of a sample, ≥ 1. */
    size_t class_count; /**< Classes, where targets are classes; 0 (default): they are not. */
    size_t outputs;     /**< Target values of a sample, where targets are values; 0 (default): they are not.
                             */
    int weighted;       /**< Not 0: samples have weights. Default 0: all 1. */
    int sequential;     /**< Not 0: samples come in one order, and a block follows the one before it or begins
                             an epoch with sample 0. Such data are never shuffled nor split; where a sample
                             further on is wanted, as when a fit goes on from a checkpoint or in a slice,
                             those before it are passed over. Default 0: any block of the epoch may be asked
                             for, and the order of mlp_fit() is shuffled as ever, sample by sample. */
    uint64_t fingerprint;   /**< By which a checkpoint knows the source again; default 0. A fit goes on to the
                               same bits where the same epoch and sample give the same values. */
    mlp_data_callback read; /**< Required. */
    void *context;          /**< Handed to `read`; borrowed while a data set of this source lives. */
} mlp_data_source;

#define MLP_DATA_SOURCE_INIT                                                                                 \
    {                                                                                                        \
        sizeof(mlp_data_source), 0, 0, 0, 0, 0, 0, 0, NULL, NULL                                             \
    }

/** ::MLP_DATA_SOURCE_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_data_source_default(mlp_data_source *source);

/** Makes a data set whose samples come from a callback. It does what a data set does, but that classes are
 * not known before they are read (no stratified splits, no balanced weights). Whatever reads it may fail with
 * what the callback returns, and with RANGE or NONFINITE where it gives what no sample may have (the message
 * names the sample).
 * Errors: ARGUMENT, RANGE, SHAPE, MEMORY. */
MLP_API mlp_status mlp_data_create_from_source(const mlp_data_source *source, mlp_data **data);

/** File formats of data sets. */
typedef enum mlp_data_format {
    /** By what the (unpacked) file begins with, else by its name, else CSV. */
    MLP_DATA_FORMAT_AUTOMATIC = 0,
    /** Lines of fields (RFC 4180 quotes, LF or CRLF lines), one sample each. Every feature must be a finite
     * number; an empty or missing field is an error. */
    MLP_DATA_FORMAT_CSV = 1,
    /** MNIST's format, values of any of its types: features of unsigned bytes (kept as bytes, scaled by
     * 1/255) or of other numbers, of any rank ≥ 1 with samples along the first axis; labels, in a file of
     * their own, of rank 1. Names end in "ubyte" or ".idx". */
    MLP_DATA_FORMAT_IDX = 2,
    /** LIBSVM's lines "label index:value index:value ...", indices ascending from 1, or from 0 where a 0
     * occurs; what is not there is 0. Features become dense, within `unpack_limit`. Recognized by its
     * first line. */
    MLP_DATA_FORMAT_LIBSVM = 3,
    /** numpy's file of one array, of f2, f4, f8, i1 to i8, u1 to u8 or b1 in either order of bytes, in C or
     * Fortran order, with samples along the first axis; never objects. Unsigned bytes stay bytes, unscaled.
     * Targets, of rank 1 or 2, are in a file of their own. */
    MLP_DATA_FORMAT_NPY = 4,
    /** numpy's archive of such arrays: features and targets are those that `features_member` and
     * `labels_member` name, or those of names in use (x and y, x_train and y_train, features and labels, data
     * and target, arr_0 and arr_1), or the only one, without targets. A regular file. Needs zlib. */
    MLP_DATA_FORMAT_NPZ = 5,
} mlp_data_format;

/** Name ("csv") and one-line description of a format, or NULL for a value out of range. Static text. */
MLP_API const char *mlp_data_format_name(mlp_data_format format);
MLP_API const char *mlp_data_format_description(mlp_data_format format);
/** Finds a format by name. ::MLP_ERROR_ARGUMENT (the message lists all names) when there is none. */
MLP_API mlp_status mlp_data_format_from_name(const char *name, mlp_data_format *format);
/** Number of formats; valid values are 0 … count − 1. */
MLP_API size_t mlp_data_format_count(void);

/** How CSV files are read. Start from ::MLP_CSV_OPTIONS_INIT. */
typedef struct mlp_csv_options {
    size_t struct_size; /**< Set by the INIT. */
    char delimiter;     /**< One character; 0: a comma. */
    int header; /**< 1: the first line names the columns; 0: it does not; −1 (default): it does when a
                     field other than the label is not a number. */
    const char *label; /**< Name of the label column, or NULL to use `label_index`. Needs a header. */
    long label_index;  /**< Column of the label from 0; −1: the last; −2: no label. Default −1. */
    int regression;    /**< Not 0: the label is a number to predict, not a class. Default 0. */
    const char *const
        *class_names; /**< Classes in order, for labels that must match a model's; NULL: those found, in
                    order of number where all are whole numbers, of the alphabet otherwise. Borrowed. */
    size_t class_name_count; /**< Length of `class_names`. */
} mlp_csv_options;

#define MLP_CSV_OPTIONS_INIT                                                                                 \
    {                                                                                                        \
        sizeof(mlp_csv_options), 0, -1, NULL, -1, 0, NULL, 0                                                 \
    }

/** ::MLP_CSV_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_csv_options_default(mlp_csv_options *options);

struct mlp_schema;

/** How a file is read. Start from ::MLP_DATA_OPTIONS_INIT. */
typedef struct mlp_data_options {
    /** Set by the INIT. */
    size_t struct_size;
    /** Default automatic. */
    mlp_data_format format;
    /** Not 0: for data larger than memory, the features stay in a file. Default 0. */
    int stream;
    /** File of the labels, in a format that has them apart; NULL: features alone. */
    const char *labels_path;
    /** Of the temporary file that `stream` may need; NULL: that of the environment variable TMPDIR, or
     * /var/tmp. */
    const char *folder;
    /** Bytes that a gzip'd file may unpack to; SIZE_MAX: any number; 0 (default): 1 GiB, or 100 times the
     * packed size where that is more. */
    size_t unpack_limit;
    /** For a file that is CSV; its `regression` and names of classes hold for every format; NULL: the
     * defaults.
     *
     * Labels that are whole numbers are classes, unless `regression` is set: by those names, where they
     * are numbers; else as class indices, where all are at least 0 and below 256 or the number of samples;
     * else each different number is a class, in their order. Labels of floats, and several columns, are
     * numbers to predict. */
    const mlp_csv_options *csv;
    /** Arrays of an NPZ file, without ".npy"; both NULL: by custom. */
    const char *features_member;
    const char *labels_member; /**< NULL beside a `features_member`: no targets. */
    /** Features that samples have in a LIBSVM file, which may not name the last ones; 0: the largest
     * index. */
    size_t inputs;
    /** Not 0: features of NPY, NPZ and IDX files of a type wider than float (f8, i4, i8, u4, u8), whose
     * values in the first 2000 samples are large beside what they differ by (Unix times, ids near 2²⁴),
     * become float less an offset that is subtracted in double: mlp_data_schema() has it. Default 0. */
    int learn_offsets;
    /** Instead: the schema of the network that the data are for (mlp_network_schema()), whose offsets are
     * subtracted from arrays of numbers with as many features as it has inputs; NULL (default): none.
     * Borrowed for the call. */
    const struct mlp_schema *schema;
} mlp_data_options;

#define MLP_DATA_OPTIONS_INIT                                                                                \
    {                                                                                                        \
        sizeof(mlp_data_options), MLP_DATA_FORMAT_AUTOMATIC, 0, NULL, NULL, 0, NULL, NULL, NULL, 0, 0, NULL  \
    }

/** ::MLP_DATA_OPTIONS_INIT as a function, for other languages: sets the members that
 * struct_size, which the caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_data_options_default(mlp_data_options *options);

/** Says of which format a file is, by its content and its name; never automatic. "-": standard input, whose
 * beginning is still to be read by the next call that loads it. Errors: ARGUMENT, IO, FORMAT (damaged gzip),
 * UNSUPPORTED (gzip without zlib). */
MLP_API mlp_status mlp_data_recognize(const char *path, mlp_data_format *format);

/** Reads a data set from a file of any format, plain or gzip'd.
 *
 * With `stream` the features stay in a file, every use reads those it needs, and labels are in memory, 4
 * bytes a sample. A plain IDX or NPY file of bytes or floats is read where it lies, and must stay as it is
 * while the data set lives; other files are gone through once and unpacked into a temporary file, which has
 * no name and goes away with the data set. mlp_fit() shuffles such data by windows
 * (mlp_fit_options::shuffle_window) and reads ahead.
 *
 * Time and memory are bounded by small multiples of the unpacked file's size, whatever the file holds; those
 * of a LIBSVM file by `unpack_limit`, too, and with `stream` its values that are not 0 are in memory.
 * @param path    "-": standard input
 * @param options NULL for the defaults
 * @param data    receives a data set that the caller owns; NULL on failure
 * Errors: IO, FORMAT (the message names file, line and column, or what is wrong), ARGUMENT (no such label
 * column; labels in a file of their own for a format that has none), UNSUPPORTED (gzip without zlib, NPZ
 * that is no regular file), RANGE (beyond `unpack_limit`), MEMORY. Reading streamed data later may fail,
 * too: IO (the message names file and offset), or FORMAT where the file has become shorter. */
MLP_API mlp_status mlp_data_load(const char *path, const mlp_data_options *options, mlp_data **data);

/** mlp_data_load() of an IDX file, with `labels_path` or NULL, the other options by default. */
MLP_API mlp_status mlp_data_load_idx(const char *features_path, const char *labels_path, mlp_data **data);
/** mlp_data_load() of a CSV file, with `options` or NULL, the other options by default. */
MLP_API mlp_status mlp_data_load_csv(const char *path, const mlp_csv_options *options, mlp_data **data);
/** As mlp_data_load_idx(), streamed; `folder` is that of mlp_data_options. */
MLP_API mlp_status mlp_data_open_idx(const char *features_path, const char *labels_path, const char *folder,
                                     mlp_data **data);
/** As mlp_data_load_csv(), streamed; `folder` is that of mlp_data_options. */
MLP_API mlp_status mlp_data_open_csv(const char *path, const mlp_csv_options *options, const char *folder,
                                     mlp_data **data);

/** Frees the data set and sets the pointer to NULL. NULL and a pointer to NULL are fine. Borrowed arrays are
 * the caller's and stay. */
MLP_API void mlp_data_destroy(mlp_data **data);

/** Format of the file that the data set was read from; automatic where it was made of arrays. */
MLP_API mlp_data_format mlp_data_file_format(const mlp_data *data);
/** Number of samples. */
MLP_API size_t mlp_data_count(const mlp_data *data);
/** Number of features of a sample. */
MLP_API size_t mlp_data_inputs(const mlp_data *data);
/** Number of classes, or 0 when targets are not classes. */
MLP_API size_t mlp_data_class_count(const mlp_data *data);
/** Number of target values of a sample, or 0 when targets are not dense. */
MLP_API size_t mlp_data_outputs(const mlp_data *data);
/** Name of a class as read from a file, or NULL. Valid until the data set is destroyed. */
MLP_API const char *mlp_data_class_name(const mlp_data *data, size_t class_index);
/** Name of a feature as read from a CSV header, or NULL. Valid until the data set is destroyed. */
MLP_API const char *mlp_data_feature_name(const mlp_data *data, size_t feature);

/** The sample's text in the column that a schema keeps beside the samples (mlp_schema_options::id), or NULL.
 * Valid until the data set is destroyed. */
MLP_API const char *mlp_data_id(const mlp_data *data, size_t sample);
/** The fields of the sample's row, as the table had them, as a line of CSV (commas, quotes where they are
 * needed, no line end), where mlp_table_options::keep_lines asked for it; otherwise NULL. Valid until the
 * data set is destroyed. */
MLP_API const char *mlp_data_line(const mlp_data *data, size_t sample);
/** The names of those fields in the same form, or "column 1,column 2,..." where there was no header; NULL
 * where there are no lines. Valid until the data set is destroyed. */
MLP_API const char *mlp_data_line_header(const mlp_data *data);
/** What was understood of the table that the data set was read from by a schema, in one line ("150 samples; 4
 * numeric features; label 'species' (column 5), 3 classes; header; delimiter ','"); NULL: none. Valid until
 * the data set is destroyed. */
MLP_API const char *mlp_data_notice(const mlp_data *data);
/** What a reader of that table would want to know, a line each ("column 'id' (1) counts 0, 1, 2, ...: is it a
 * feature?"); NULL: nothing. Valid until the data set is destroyed. */
MLP_API const char *mlp_data_warnings(const mlp_data *data);

/** Splits into two disjoint parts, chosen by a seeded shuffle.
 * @param fraction part of the samples that goes to `second`, in (0, 1); rounded, at least one sample on each
 *                 side
 * @param first,second receive data sets that the caller owns; NULL on failure */
MLP_API mlp_status mlp_data_split(const mlp_data *data, double fraction, uint64_t seed, mlp_data **first,
                                  mlp_data **second);

/** As mlp_data_split(), stratified: each class is split by the same share, to within a sample.
 * ::MLP_ERROR_ARGUMENT without classes. */
MLP_API mlp_status mlp_data_split_stratified(const mlp_data *data, double fraction, uint64_t seed,
                                             mlp_data **first, mlp_data **second);

/** As mlp_data_split(), by groups (mlp_schema_options::group): no group has samples on both sides. The
 * groups, shuffled by the seed, go to `second` one after another until it has the share of the samples.
 * ::MLP_ERROR_ARGUMENT without groups, ::MLP_ERROR_RANGE where there are fewer than two. */
MLP_API mlp_status mlp_data_split_groups(const mlp_data *data, double fraction, uint64_t seed,
                                         mlp_data **first, mlp_data **second);

/** As mlp_data_split_groups(), stratified: each class is split by the same share, as nearly as whole groups
 * allow. The groups, the largest first and those of one size shuffled by the seed, go one after another to
 * the side that they disturb the least. ::MLP_ERROR_ARGUMENT without groups or classes, ::MLP_ERROR_RANGE
 * where there are fewer than two groups. */
MLP_API mlp_status mlp_data_split_groups_stratified(const mlp_data *data, double fraction, uint64_t seed,
                                                    mlp_data **first, mlp_data **second);

/** Whether the samples have groups. */
MLP_API int mlp_data_has_groups(const mlp_data *data);

/** One round of K-fold cross-validation: a seeded shuffle deals the samples into K parts, equal to within a
 * sample; part `fold` is `validation`, the others together are `train`. The K folds of a seed cover the data,
 * each sample once.
 * @param folds      K, 2 … the number of samples
 * @param fold       0 … K − 1
 * @param stratified not 0: each class is dealt out evenly; needs classes
 * @param train,validation receive data sets that the caller owns; NULL on failure */
MLP_API mlp_status mlp_data_fold(const mlp_data *data, size_t folds, size_t fold, int stratified,
                                 uint64_t seed, mlp_data **train, mlp_data **validation);

/** As mlp_data_fold(), by groups: no group has samples in two parts, whose sizes, with `stratified` also
 * those of each class, are as equal as whole groups allow (as scikit-learn's GroupKFold and
 * StratifiedGroupKFold).
 * ::MLP_ERROR_ARGUMENT without groups, ::MLP_ERROR_RANGE where there are fewer groups than folds. */
MLP_API mlp_status mlp_data_fold_groups(const mlp_data *data, size_t folds, size_t fold, int stratified,
                                        uint64_t seed, mlp_data **train, mlp_data **validation);

/** Weights of the classes by which all count alike in sum: samples/(classes·samples of the class); 0 for a
 * class without samples, which then does not count among the classes. For mlp_network_options::class_weights.
 * @param weights receives one for each class; their number is mlp_data_class_count()
 * Errors: ARGUMENT (also without classes), MEMORY. */
MLP_API mlp_status mlp_data_balanced_weights(const mlp_data *data, float *weights);

/** The samples first … first + count − 1, in order. */
MLP_API mlp_status mlp_data_slice(const mlp_data *data, size_t first, size_t count, mlp_data **slice);

/** Copies samples first … first + count − 1 out as float features, and their targets.
 * @param x       receives count × inputs; NULL: not wanted
 * @param classes receives count classes; NULL: not wanted; ::MLP_ERROR_ARGUMENT when there are none
 * @param values  receives count × outputs; NULL: not wanted; ::MLP_ERROR_ARGUMENT when there are none
 * No allocation. Any thread. Errors: ARGUMENT, RANGE; IO, FORMAT from opened data. */
MLP_API mlp_status mlp_data_read(const mlp_data *data, size_t first, size_t count, float *x, int32_t *classes,
                                 float *values);

/** Copies the weights of samples first … first + count − 1 out: all 1 where the data has none.
 * @param weights receives count floats
 * No allocation. Any thread. Errors: ARGUMENT, RANGE; what a source fails with. */
MLP_API mlp_status mlp_data_read_weights(const mlp_data *data, size_t first, size_t count, float *weights);

/** Learns a standardization on this data set (the training part) and keeps it with the network: mean and
 * standard deviation of every feature, in double; the scale of a constant feature is 1. Of data that a schema
 * made, booleans, levels and indicators stay as they are: mean 0, scale 1.
 * Errors: ARGUMENT, SHAPE (other number of inputs), MEMORY; IO, FORMAT from opened data. */
MLP_API mlp_status mlp_data_standardize(const mlp_data *data, mlp_network *network);

/** Learns the mean and the standard deviation of every target value of this data set (the training part), in
 * double, and keeps them as the network's output scaling (mlp_network_set_output_scaling()): the network is
 * trained on values of mean 0 and deviation 1, and predicts in the user's units. The scale of a constant is
 * 1.
 * Errors: ARGUMENT (targets that are no values), SHAPE (other number of outputs), MEMORY. */
MLP_API mlp_status mlp_data_standardize_targets(const mlp_data *data, mlp_network *network);

#ifdef __cplusplus
}
#endif

#endif
