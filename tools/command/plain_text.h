/* The library's messages in the command's words. */
#ifndef TOOLS_PLAIN_TEXT_H
#define TOOLS_PLAIN_TEXT_H

#include <stddef.h>

/* Copies a message of the library, in which functions and members have their names in C, with options or
 * words in their place. What stands between single quotes is a user's, and stays. */
void plain_text(const char *message, char *text, size_t size);

#endif
