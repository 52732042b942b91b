/* A network as C source that stands by itself. */
#ifndef IO_C_SOURCE_H
#define IO_C_SOURCE_H

#include <mlp/model_file.h>
#include <mlp/schema.h>

#include "base/text_pool.h"
#include "io/byte_sink.h"
#include "model/network.h"

/* Text that is being written. After a failure, which `status` keeps, nothing more is written. */
struct c_source {
    struct byte_sink sink;
    mlp_status status;
    const char *name; /* prefix of what is public */
    char upper[64];   /* the same in capitals, for macros */
    bool int8;
    const mlp_schema *schema; /* of raw columns that the file takes, or NULL */
};

/* Writes text (printf format) of at most 511 bytes. Numbers in it must be whole: others depend on the locale.
 * */
void c_put(struct c_source *source, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes text as it is, of any length. */
void c_put_text(struct c_source *source, const char *text);
/* A text as a string constant, whatever bytes it has. */
void c_put_string(struct c_source *source, const char *text);
/* The digits of a finite number with a point, whatever the locale. */
void c_number(double value, int digits, char text[64]);
/* A float or a double, as a constant that gives its bits back. */
void c_put_float(struct c_source *source, double value);
void c_put_double(struct c_source *source, double value);
/* `static const float NAME[COUNT] = { … };` */
void c_put_floats(struct c_source *source, const char *name, const float *values, size_t count);
/* Text from a file, in a comment that must not end there. */
void c_put_comment(struct c_source *source, const char *text);

/* Functions that activations of the network need; once in a file. */
void c_put_activation_helpers(struct c_source *source, const mlp_network *network);
/* The statements that replace `units` pre-activations in the array `a` by φ of them. */
void c_put_activation(struct c_source *source, const mlp_layer *layer, const char *a);

/* The constants of a layer, w0 b0 (s0), and the function that computes its pre-activations. */
void c_put_layer(struct c_source *source, const mlp_network *network, size_t l);
void c_put_dense(struct c_source *source);

/* Raw columns (c_rows.c): whether they are more than the inputs themselves (false without a schema), and what
 * header and source have for source->schema. */
bool c_rows_differ(const mlp_schema *schema);
void c_put_rows_header(struct c_source *source);
void c_put_rows(struct c_source *source);

/* The functions that columns of these kinds need (c_row_functions.c). `imputes`: a missing value is no
 * failure. */
enum { C_KINDS = MLP_COLUMN_DATE + 1 };
void c_put_row_functions(struct c_source *source, const bool kinds[C_KINDS], bool imputes);

/* What the self-test compares (c_self_test.c): samples, and rows of texts where the file takes them, with the
 * outputs that they give. */
struct c_recorded {
    size_t count;           /* of samples */
    float *x, *y;           /* owned */
    struct text_list texts; /* of rows, one for each column that is a feature */
    size_t rows;            /* 0: the file takes none */
    float *rows_y;          /* owned */
};
/* `schema`: of rows, or NULL. Free also after a failure. */
mlp_status c_record(const mlp_network *network, const mlp_schema *schema, const mlp_c_options *options,
                    struct c_recorded *recorded);
void c_recorded_free(struct c_recorded *recorded);
void c_put_test(struct c_source *source, const mlp_network *network, const struct c_recorded *recorded);

#endif
