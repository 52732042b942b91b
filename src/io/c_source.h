/* A network as C source that stands by itself. */
#ifndef IO_C_SOURCE_H
#define IO_C_SOURCE_H

#include "io/byte_sink.h"
#include "model/network.h"

/* Text that is being written. After a failure, which `status` keeps, nothing more is written. */
struct c_source {
    struct byte_sink sink;
    mlp_status status;
    const char *name; /* prefix of what is public */
    char upper[64];   /* the same in capitals, for macros */
    bool int8;
};

/* Writes text (printf format) of at most 511 bytes. Numbers in it must be whole: others depend on the locale.
 * */
void c_put(struct c_source *source, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A float, as a constant that gives its bits back. */
void c_put_float(struct c_source *source, double value);
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

#endif
