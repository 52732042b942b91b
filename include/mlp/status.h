/** @file
 * Status codes, and the calling thread's detailed error text.
 *
 * Every function that can fail returns an ::mlp_status. The library never prints, exits or aborts on what a
 * caller or a file gives it. */
#ifndef MLP_STATUS_H
#define MLP_STATUS_H

#include <stddef.h>

#include <mlp/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Says 0 in a member of options where 0 stands for the default and is in the range, too: µ, β₁, β₂, weight
 * decay, mlp_layer::activation_parameter. The smallest positive double that is not denormal; 0 in float. */
#define MLP_ZERO 2.2250738585072014e-308

/** Result of a call: 0 is success, negative values are errors. */
typedef enum mlp_status {
    MLP_OK = 0,                 /**< Success. */
    MLP_ERROR_ARGUMENT = -1,    /**< A NULL, an unknown enum value, an option that contradicts another. */
    MLP_ERROR_SHAPE = -2,       /**< Sizes that do not fit one another, or do not fit the products' limits. */
    MLP_ERROR_RANGE = -3,       /**< A number outside its range. */
    MLP_ERROR_MEMORY = -4,      /**< An allocation failed; nothing was changed. */
    MLP_ERROR_IO = -5,          /**< The operating system refused to read or write. */
    MLP_ERROR_FORMAT = -6,      /**< A file is damaged, truncated, or not what it claims to be. */
    MLP_ERROR_NONFINITE = -7,   /**< A loss or gradient is NaN or infinite; nothing was updated. */
    MLP_ERROR_UNSUPPORTED = -8, /**< Valid, but not offered by this build or this version. */
    MLP_ERROR_STATE = -9,       /**< A call out of order, such as backward without forward. */
    MLP_ERROR_EXCHANGE =
        -10 /**< The ranks of a training could not exchange: one has ended, or is too late. */
} mlp_status;

/** Short name of a status, such as "out of range"; never NULL. Static text; any thread. */
MLP_API const char *mlp_status_text(mlp_status status);

/** Detailed text of the last error on the calling thread: which argument, layer, line or field, what was
 * expected and what came. UTF-8 that is safe to print: control characters, those that turn the direction of
 * writing, and bytes that are not UTF-8 are escaped (\\u001B, \\xFF). Empty before the first error; a success
 * does not clear it. Valid until the thread's next error. */
MLP_API const char *mlp_last_error(void);

/** Copies text that came from a file, such as a class name, for printing: control characters, those that turn
 * the direction of writing, and bytes that are not UTF-8 are escaped as in mlp_last_error(). At most size -
 * 1 bytes (size at least 1) and a NUL, cut between characters; `out` must not overlap `text`. Any thread. */
MLP_API void mlp_text_escape(const char *text, char *out, size_t size);

#ifdef __cplusplus
}
#endif

#endif
