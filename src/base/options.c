/* Options structs that grow. */
#include "base/options.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/status.h"

enum { MAX_SIZE = 4096, MAX_NAME = 64 };

static mlp_status refuse_size(const char *type, const char *member, size_t given, size_t size)
{
    char init[MAX_NAME];
    size_t i = 0;
    for (; type[i] != '\0' && i + 1 < sizeof init; i++) {
        init[i] = (char)toupper((unsigned char)type[i]);
    }
    init[i] = '\0';
    return fail(MLP_ERROR_ARGUMENT, "%s: %s is %zu, expected %zu as %s_INIT sets it", type, member, given,
                size, init);
}

static bool is_possible(size_t given)
{
    return given > sizeof(size_t) && given <= MAX_SIZE && given % sizeof(size_t) == 0;
}

mlp_status options_copy(const char *type, const char *member, const void *given, size_t given_size,
                        size_t size, void *accepted)
{
    const unsigned char *bytes = given;
    if (!is_possible(given_size)) {
        return refuse_size(type, member, given_size, size);
    }
    for (size_t i = size; i < given_size; i++) {
        FAIL_IF(bytes[i] != 0, MLP_ERROR_UNSUPPORTED,
                "%s: %s is %zu and byte %zu is set, but this library knows %zu bytes: the program "
                "was compiled for a newer one",
                type, member, given_size, i, size);
    }
    memcpy(accepted, given, given_size < size ? given_size : size);
    return MLP_OK;
}

mlp_status options_accept(const char *type, const void *given, const void *defaults, size_t size,
                          void *accepted)
{
    size_t given_size;
    if (given == NULL) {
        memcpy(accepted, defaults, size);
        return MLP_OK;
    }
    memcpy(&given_size, given, sizeof given_size);
    if (given_size < size) {
        memcpy(accepted, defaults, size);
    }
    TRY(options_copy(type, "struct_size", given, given_size, size, accepted));
    memcpy(accepted, &size, sizeof size);
    return MLP_OK;
}

void options_return(const void *current, size_t size, size_t first, void *options)
{
    size_t given_size;
    memcpy(&given_size, options, sizeof given_size);
    if (given_size < first || given_size > size) {
        given_size = first;
    }
    memcpy(options, current, given_size);
    memcpy(options, &given_size, sizeof given_size);
}

mlp_status options_default(const char *type, const void *defaults, size_t size, void *options)
{
    size_t given_size;
    if (options == NULL) {
        return fail(MLP_ERROR_ARGUMENT, "%s_default: options is NULL", type);
    }
    memcpy(&given_size, options, sizeof given_size);
    if (!is_possible(given_size)) {
        return refuse_size(type, "struct_size", given_size, size);
    }
    memset(options, 0, given_size);
    memcpy(options, defaults, given_size < size ? given_size : size);
    memcpy(options, &given_size, sizeof given_size);
    return MLP_OK;
}
