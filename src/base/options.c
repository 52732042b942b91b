/* Options structs that grow. */
#include "base/options.h"

#include <ctype.h>
#include <string.h>

#include "base/status.h"

enum { MAX_SIZE = 4096, MAX_NAME = 64 };

static mlp_status refuse_size(const char *type, size_t given, size_t size)
{
    char init[MAX_NAME];
    size_t i = 0;
    for (; type[i] != '\0' && i + 1 < sizeof init; i++) {
        init[i] = (char)toupper((unsigned char)type[i]);
    }
    init[i] = '\0';
    return fail(MLP_ERROR_ARGUMENT, "%s: struct_size is %zu, expected %zu as %s_INIT sets it", type, given,
                size, init);
}

mlp_status options_accept(const char *type, const void *given, const void *defaults, size_t size,
                          void *accepted)
{
    const unsigned char *bytes = given;
    size_t given_size = size;
    if (given != NULL) {
        memcpy(&given_size, given, sizeof given_size);
        if (given_size <= sizeof given_size || given_size > MAX_SIZE || given_size % sizeof given_size != 0) {
            return refuse_size(type, given_size, size);
        }
    }
    for (size_t i = size; i < given_size; i++) {
        if (bytes[i] != 0) {
            return fail(MLP_ERROR_UNSUPPORTED,
                        "%s: struct_size is %zu and byte %zu is set, but this library knows %zu bytes: the "
                        "program was compiled for a newer one",
                        type, given_size, i, size);
        }
    }
    memcpy(accepted, defaults, size);
    if (given != NULL) {
        memcpy(accepted, given, given_size < size ? given_size : size);
    }
    memcpy(accepted, &size, sizeof size);
    return MLP_OK;
}
