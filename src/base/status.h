/* Recording errors: the text behind mlp_last_error(). */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <mlp/status.h>

/* Writes the calling thread's error text (printf format) and returns `status`, so that a failure is one line:
 *     return fail(MLP_ERROR_RANGE, "layer %zu: units is 0, expected at least 1", layer);
 * Texts longer than 1023 bytes are cut. Arguments may come from a file: control characters and bytes that are
 * not UTF-8 are escaped (base/escape.h). Never allocates. */
mlp_status fail(mlp_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " in front of the error text and returns `status`; for callers that know more of the place.
 */
mlp_status fail_in(mlp_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Passes a failure on to the caller. */
#define TRY(call)                                                                                            \
    do {                                                                                                     \
        const mlp_status try_status_ = (call);                                                               \
        if (try_status_ != MLP_OK) {                                                                         \
            return try_status_;                                                                              \
        }                                                                                                    \
    } while (0)

/* Validation in a line: where the condition holds, the function fails with the text. */
#define FAIL_IF(condition, status, ...)                                                                      \
    do {                                                                                                     \
        if (condition) {                                                                                     \
            return fail(status, __VA_ARGS__);                                                                \
        }                                                                                                    \
    } while (0)

/* Refuses a NULL argument by its name. */
#define REQUIRE_ARGUMENT(pointer)                                                                            \
    do {                                                                                                     \
        if ((pointer) == NULL) {                                                                             \
            return fail(MLP_ERROR_ARGUMENT, "%s: " #pointer " is NULL", __func__);                           \
        }                                                                                                    \
    } while (0)

/* After an allocation: where it failed, so does the function. */
#define REQUIRE_MEMORY(allocation)                                                                           \
    do {                                                                                                     \
        if ((allocation) == NULL) {                                                                          \
            return MLP_ERROR_MEMORY;                                                                         \
        }                                                                                                    \
    } while (0)

/* Defines a public function that reads one value of an object, and `none` where the object is NULL. */
#define GETTER(type, function, handle, object, value, none)                                                  \
    type function(const handle *object)                                                                      \
    {                                                                                                        \
        return (object) != NULL ? (value) : (none);                                                          \
    }

#endif
