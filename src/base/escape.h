/* Text from a file in a message: what would steer a terminal or is no text is written as its code. */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the UTF-8 character that `text` begins with (1 to 4; 1 for the NUL at its end), or 0 where it
 * begins with none (Unicode 15, table 3-7). */
size_t utf8_length(const char *text);

/* Whether `text` begins with a control character: C0, DEL, C1 (U+0080 … U+009F). */
bool utf8_is_control(const char *text);

/* Copies `text` to `out`, at most size − 1 ≥ 0 bytes and a NUL, cut between characters. Control characters
 * and those that turn the direction of writing (U+202A … U+202E, U+2066 … U+2069) become \uXXXX, bytes that
 * are not UTF-8 become \xXX. What has been escaped stays as it is when it is escaped again. */
void text_escape(const char *text, char *out, size_t size);

#endif
