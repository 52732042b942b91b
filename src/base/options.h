/* Options structs that grow: how one of an older or a newer program is taken over. */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include <stddef.h>

#include <mlp/status.h>

/* Fills `accepted`, `size` bytes, from a caller's options struct of type `type` ("mlp_fit_options"; its
 * initializer is then MLP_FIT_OPTIONS_INIT), which begins with `size_t struct_size`: the bytes that it has.
 * No byte of `given` beyond its struct_size is read.
 *   given NULL              all defaults
 *   a smaller (older) one   the members that it lacks are the defaults'
 *   a larger (newer) one    MLP_ERROR_UNSUPPORTED unless all that this library does not know is zero
 *   struct_size impossible  MLP_ERROR_ARGUMENT: no member besides struct_size, not a multiple of
 *                           sizeof(size_t), or beyond 4096
 * struct_size of `accepted` is then `size`. `accepted` must not be `given`, and is of no use on failure.
 *
 * Members are only ever appended, and never into the padding at the end of a published struct, which older
 * programs leave undefined. (The rule is that of Linux's clone3 and openat2.) */
mlp_status options_accept(const char *type, const void *given, const void *defaults, size_t size,
                          void *accepted);

/* The other way: fills a caller's options struct from `own`, `size` bytes. As many bytes are written as its
 * struct_size says where that is possible (first … size), and `first`, the size of the type's first release,
 * otherwise: programs of that release had no need to set it. */
void options_return(const void *current, size_t size, size_t first, void *options);

/* Fills a caller's options struct of type `type` from `defaults`, `size` bytes: as many as its struct_size
 * says (which stays), zeros beyond `size`. MLP_ERROR_ARGUMENT for NULL and an impossible struct_size. */
mlp_status options_default(const char *type, const void *defaults, size_t size, void *options);

/* The part of options_accept() for a struct whose size stands in another one: copies the first
 * min(given_size, size) bytes of `given`, and leaves the rest of `accepted` as it is. `member` of `type`
 * holds given_size, for messages: "layer_size" of "mlp_network_options". */
mlp_status options_copy(const char *type, const char *member, const void *given, size_t given_size,
                        size_t size, void *accepted);

/* The first for a type and its initializer: ACCEPT_OPTIONS(mlp_fit_options, MLP_FIT_OPTIONS_INIT, given,
 * &own). */
#define ACCEPT_OPTIONS(type, init, given, accepted)                                                          \
    options_accept(#type, 1 ? (given) : (const type *)NULL, &(const type)init, sizeof(type),                 \
                   1 ? (accepted) : (type *)NULL)

#endif
