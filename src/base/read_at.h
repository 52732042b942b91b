/* Reading at a place of a file. */
#ifndef BASE_READ_AT_H
#define BASE_READ_AT_H

#include <stddef.h>

/* Reads `size` bytes from `offset` on. Returns how many were read: fewer at the end of the file (errno is 0
 * then), or after an error (errno says which). */
size_t read_at(int descriptor, size_t offset, void *bytes, size_t size);

#endif
