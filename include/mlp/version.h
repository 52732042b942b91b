/** @file
 * Version of the headers (macros) and of the library that runs (function). */
#ifndef MLP_VERSION_H
#define MLP_VERSION_H

#include <mlp/export.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MLP_VERSION_MAJOR 0
#define MLP_VERSION_MINOR 1
#define MLP_VERSION_PATCH 0
/** Version of these headers, "major.minor.patch". */
#define MLP_VERSION "0.1.0"

/** Version of the library that is running, "major.minor.patch". Static text; any thread. */
MLP_API const char *mlp_version(void);

#ifdef __cplusplus
}
#endif

#endif
