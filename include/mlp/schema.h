/** @file
 * Schemas: what the columns of a table mean, learnt from one file, kept with a model, applied to others.
 *
 * A table is a text file of lines and columns (CSV and its kin). A schema knows its columns by name and how
 * each becomes inputs of a network: a number one input, less an offset where it is large; a boolean one input
 * of 0 or 1; a categorical column one input for each level; a date days and cycles. A column with missing
 * values that are imputed has one more input, 1 where a value was missing. It also knows the targets: a
 * label that is a class, one or several numbers, or several 0/1 columns.
 *
 * A schema does not change once it is made; any number of threads may use it. */
#ifndef MLP_SCHEMA_H
#define MLP_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include <mlp/data.h>
#include <mlp/export.h>
#include <mlp/network.h>
#include <mlp/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A schema. Opaque. */
typedef struct mlp_schema mlp_schema;

/** What the values of a column are. Values are fixed. */
typedef enum mlp_column_kind {
    MLP_COLUMN_NUMERIC = 0,     /**< Numbers: one input, x − offset in double, then float. */
    MLP_COLUMN_BOOLEAN = 1,     /**< true/false, yes/no, t/f, y/n in any case: one input, 1 or 0. */
    MLP_COLUMN_CATEGORICAL = 2, /**< Texts: one input for each level, 1 at the row's own, 0 elsewhere. */
    MLP_COLUMN_DATE = 3         /**< ISO 8601: days since the offset; sine and cosine of the day of the week,
                                   of the year's day, and, where times are given, of the time of day. */
} mlp_column_kind;

/** What a column is for. Values are fixed. */
typedef enum mlp_column_role {
    MLP_ROLE_FEATURE = 0, /**< Inputs of the network are made of it. */
    MLP_ROLE_LABEL = 1,   /**< It is what is predicted. */
    MLP_ROLE_IGNORED = 2, /**< Not read. */
    MLP_ROLE_WEIGHT = 3,  /**< Weight of the sample, a number of at least 0. */
    MLP_ROLE_GROUP = 4,   /**< Samples of one group belong together; see mlp_data_split_groups(). */
    MLP_ROLE_ID = 5       /**< Kept beside the sample as text; see mlp_data_id(). */
} mlp_column_role;

/** What a missing value in a feature leads to. Values are fixed. */
typedef enum mlp_missing {
    MLP_MISSING_REFUSE = 0, /**< The file is refused; the message names line and column. */
    MLP_MISSING_DROP = 1,   /**< The row is left out. */
    MLP_MISSING_IMPUTE = 2  /**< The column's median, or its commonest level, stands in, and one more input of
                               the column is 1. */
} mlp_missing;

/** What a schema's targets are. Values are fixed. */
typedef enum mlp_target_kind {
    MLP_TARGET_NONE = 0,    /**< There are none. */
    MLP_TARGET_CLASSES = 1, /**< One column, whose texts are classes. */
    MLP_TARGET_NUMBERS = 2, /**< One or several columns of numbers. */
    MLP_TARGET_FLAGS = 3    /**< Several columns of 0 or 1 (or booleans), each a question of its own. */
} mlp_target_kind;

/** Name ("numeric") of a kind, a role, a policy; NULL for a value out of range. Static text; any thread. */
MLP_API const char *mlp_column_kind_name(mlp_column_kind kind);
MLP_API const char *mlp_column_role_name(mlp_column_role role);
MLP_API const char *mlp_missing_name(mlp_missing policy);
MLP_API const char *mlp_target_kind_name(mlp_target_kind kind);
/** Finds one by its name. ::MLP_ERROR_ARGUMENT (the message lists all names) when there is none. */
MLP_API mlp_status mlp_column_kind_from_name(const char *name, mlp_column_kind *kind);
MLP_API mlp_status mlp_column_role_from_name(const char *name, mlp_column_role *role);
MLP_API mlp_status mlp_missing_from_name(const char *name, mlp_missing *policy);
MLP_API mlp_status mlp_target_kind_from_name(const char *name, mlp_target_kind *kind);

/** How the text of a table is read. Start from ::MLP_TABLE_OPTIONS_INIT. */
typedef struct mlp_table_options {
    size_t struct_size; /**< Set by the INIT. */
    char delimiter;     /**< One character, ' ' for runs of blanks; 0: found among , ; tab | and blanks. */
    char decimal;       /**< A point or a comma; 0 (default): a point, or where the delimiter is no comma and
                           all fractions of the head have commas, a comma. */
    int header; /**< 1: the first line names the columns; 0: it does not; −1 (default): by evidence. */
    int label_needed;  /**< For mlp_schema_load(): 1 (default): the labels are read, and refused where they
                           are missing; 0: they are not looked at. */
    const char *label; /**< For mlp_schema_load(): another name, or number from 0, of the label column, where
                           there is one label; NULL: the schema's own. */
    size_t unpack_limit; /**< As in mlp_data_options. */
    int stream;          /**< As in mlp_data_options: not 0: the features stay in a temporary file. */
    const char *folder;  /**< As in mlp_data_options: of the temporary file. */
    int keep_lines; /**< Not 0: mlp_data_line() has every row's fields, in memory (4 GiB at most). Default
                            0. */
} mlp_table_options;

#define MLP_TABLE_OPTIONS_INIT                                                                               \
    {                                                                                                        \
        sizeof(mlp_table_options), 0, 0, -1, 1, NULL, 0, 0, NULL, 0                                          \
    }

/** ::MLP_TABLE_OPTIONS_INIT as a function, for other languages: sets the members that struct_size, which the
 * caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_table_options_default(mlp_table_options *options);

/** Texts in an array. */
typedef struct mlp_texts {
    const char *const *texts; /**< Borrowed for the call; may be NULL where `count` is 0. */
    size_t count;             /**< Their number. */
} mlp_texts;

/** What a table's columns are for. Columns are named as the header has them, or by number from 0; a name that
 * the header has is never taken for a number. Start from ::MLP_SCHEMA_OPTIONS_INIT. */
typedef struct mlp_schema_options {
    size_t struct_size;      /**< Set by the INIT. */
    mlp_texts labels;        /**< Columns of the targets; none: the last column. */
    int no_label;            /**< Not 0: there are no targets. Default 0. */
    int regression;          /**< Not 0: a single label is a number, not a class. Default 0. Several labels
                                are flags where all values are 0 or 1 or booleans, and numbers otherwise. */
    mlp_texts ignored;       /**< Columns that are not read. */
    mlp_texts categorical;   /**< Columns whose values, also numbers, are levels. */
    const char *id;          /**< Column kept as text beside the samples, or NULL. */
    const char *weight;      /**< Column of the samples' weights, or NULL. */
    const char *group;       /**< Column whose values are groups of samples, or NULL. */
    int dates;               /**< Not 0: columns of ISO 8601 dates are read as such; otherwise they are
                                refused. Default 0. */
    mlp_missing missing;     /**< Of features. Default refuse. */
    mlp_texts missing_words; /**< Values that count as missing besides the empty one and, in any case, NA,
                                N/A, NaN, null and ?. */
    const char *label_word;  /**< A label that is a class though it is such a word, or NULL. */
    size_t rare;             /**< Levels of fewer samples than this share one input, "other". Default 0. */
    size_t level_limit;      /**< Levels of a categorical column; 0: 1000. */
    mlp_texts classes;       /**< Classes that there may be, in order; none: those found, in order of number
                                where all are whole numbers, of the alphabet otherwise. */
    const mlp_table_options *table; /**< How the text is read; NULL: the defaults. Borrowed for the call. */
} mlp_schema_options;

#define MLP_SCHEMA_OPTIONS_INIT                                                                              \
    {                                                                                                        \
        sizeof(mlp_schema_options), { NULL, 0 }, 0, 0, { NULL, 0 }, { NULL, 0 }, NULL, NULL, NULL, 0,        \
            MLP_MISSING_REFUSE, { NULL, 0 }, NULL, 0, 0, { NULL, 0 }, NULL                                   \
    }

/** ::MLP_SCHEMA_OPTIONS_INIT as a function, for other languages: sets the members that struct_size, which the
 * caller has set, makes room for. ARGUMENT for an impossible struct_size. */
MLP_API mlp_status mlp_schema_options_default(mlp_schema_options *options);

/** Learns a schema from a table, and makes a data set of that table by it, in one reading. The kind of a
 * column follows from the head of the file (its first 2000 rows): all numbers, all booleans, or texts; where
 * nine of ten values are numbers, or a later value does not fit, the file is refused and the message says
 * which option helps. mlp_data_standardize() leaves the inputs of booleans, levels and indicators as they
 * are.
 * @param path    a file, plain or gzip'd; "-": standard input
 * @param options NULL for the defaults
 * @param schema  receives a schema that the caller owns; NULL on failure
 * @param data    receives a data set that the caller owns, NULL on failure; NULL: not wanted
 * Time and memory are bounded by small multiples of the unpacked file's size.
 * Errors: IO, FORMAT (the message names file, line and column), ARGUMENT (no such column, or one named
 * twice), UNSUPPORTED (gzip without zlib), RANGE (too many levels; beyond `unpack_limit`), MEMORY. */
MLP_API mlp_status mlp_schema_learn(const char *path, const mlp_schema_options *options, mlp_schema **schema,
                                    mlp_data **data);

/** Makes a data set of another table by a schema. With a header columns are found by name, in any order, and
 * those that the schema has not are left out; without one they are those of the first table, in its order, or
 * its features alone.
 * @param options NULL for the defaults
 * @param data    receives a data set that the caller owns; NULL on failure
 * Errors: as mlp_schema_learn(); FORMAT also for a column that is missing. */
MLP_API mlp_status mlp_schema_load(const mlp_schema *schema, const char *path,
                                   const mlp_table_options *options, mlp_data **data);

/** Learns from a part of a table's data what stands in for missing values, where the schema imputes: of
 * numbers the median, of texts the commonest level, of that part alone, so that nothing of the other samples
 * enters what is trained. mlp_schema_learn() takes all rows.
 * @param part   samples of a data set that was made by the schema, such as those to train on
 * @param learnt receives a schema like the given one but for that, which the caller owns; NULL on failure
 * Errors: ARGUMENT, SHAPE, IO, MEMORY. */
MLP_API mlp_status mlp_schema_learn_fills(const mlp_schema *schema, const mlp_data *part,
                                          mlp_schema **learnt);

/** A data set of the same samples, in which missing values are filled in as this schema does it.
 * @param filled receives a data set that the caller owns, and that shares the storage; NULL on failure
 * Errors: ARGUMENT, SHAPE (other inputs than the schema's), MEMORY. */
MLP_API mlp_status mlp_data_fill(const mlp_data *data, const mlp_schema *schema, mlp_data **filled);

/** Makes the inputs of one sample of its texts. No allocation but for error texts.
 * @param texts one for each column of the schema (mlp_schema_column_count()), those of features as a file has
 *              them, with a decimal point; the others are not looked at and may be NULL
 * @param x     receives mlp_schema_inputs() values
 * Errors: ARGUMENT, FORMAT (a value that does not fit its column, or one that is missing where the schema
 * does not impute; the message names the column). A level not seen in training gives zeros. */
MLP_API mlp_status mlp_schema_encode(const mlp_schema *schema, const char *const *texts, float *x);

/** The schema of numbers without names whose offsets the data's features are less: of arrays that were loaded
 * with mlp_data_options::learn_offsets, for mlp_network_set_schema(). Those who predict give x − offset
 * (mlp_schema_get_column()), or load with mlp_data_options::schema.
 * @param schema receives a schema that the caller owns; NULL where nothing was subtracted, and on failure
 * Errors: ARGUMENT, MEMORY. */
MLP_API mlp_status mlp_data_schema(const mlp_data *data, mlp_schema **schema);

/** Another reference to the same schema. */
MLP_API mlp_status mlp_schema_copy(const mlp_schema *schema, mlp_schema **copy);
/** Gives a reference back, frees the schema with the last one, and sets the pointer to NULL. NULL and a
 * pointer to NULL are fine. Any thread. */
MLP_API void mlp_schema_destroy(mlp_schema **schema);

/** Number of inputs that a sample has. */
MLP_API size_t mlp_schema_inputs(const mlp_schema *schema);
/** Name of an input: that of its column, with the level or what it stands for ("colour=red", "age missing");
 * NULL beyond the last. Valid while the schema is. */
MLP_API const char *mlp_schema_input_name(const mlp_schema *schema, size_t input);

/** A column of the table. Texts are valid while the schema is. */
typedef struct mlp_schema_column {
    const char *name;     /**< NULL: the table had no header. */
    mlp_column_role role; /**< What it is for. */
    mlp_column_kind kind; /**< What its values are. */
    size_t first_input;   /**< Of a feature: its first input ... */
    size_t input_count;   /**< ... and how many it has, ≥ 1; 0 otherwise. */
    size_t level_count;   /**< Of a categorical column: levels, rare ones included. */
    double offset;        /**< Of a number or a date (in days since 1970): what is subtracted. */
} mlp_schema_column;

/** Number of columns of the table that the schema was learnt from. */
MLP_API size_t mlp_schema_column_count(const mlp_schema *schema);
/** Describes a column, from 0. ::MLP_ERROR_RANGE when there is no such column. */
MLP_API mlp_status mlp_schema_get_column(const mlp_schema *schema, size_t column,
                                         mlp_schema_column *description);
/** A level of a categorical column, or NULL. Valid while the schema is. */
MLP_API const char *mlp_schema_level(const mlp_schema *schema, size_t column, size_t level);

/** What the targets are. */
MLP_API mlp_target_kind mlp_schema_target_kind(const mlp_schema *schema);
/** Number of target columns. */
MLP_API size_t mlp_schema_target_count(const mlp_schema *schema);
/** Name of a target column, or NULL. Valid while the schema is. */
MLP_API const char *mlp_schema_target_name(const mlp_schema *schema, size_t target);
/** Number of classes, or 0. */
MLP_API size_t mlp_schema_class_count(const mlp_schema *schema);
/** Name of a class, or NULL. Valid while the schema is. */
MLP_API const char *mlp_schema_class_name(const mlp_schema *schema, size_t class_index);

/** Keeps a reference to a schema with a network: it is saved, loaded and copied with it. NULL removes it.
 * Class names are set apart (mlp_network_set_class_names()). ::MLP_ERROR_SHAPE unless the network has the
 * schema's inputs. */
MLP_API mlp_status mlp_network_set_schema(mlp_network *network, const mlp_schema *schema);
/** The schema kept with a network, or NULL. Borrowed until the next set or destroy. */
MLP_API const mlp_schema *mlp_network_schema(const mlp_network *network);

#ifdef __cplusplus
}
#endif

#endif
