/** @file
 * Marks what the shared object exports; everything else in it is hidden. */
#ifndef MLP_EXPORT_H
#define MLP_EXPORT_H

#if defined(__GNUC__)
#define MLP_API __attribute__((visibility("default")))
#else
#define MLP_API
#endif

#endif
