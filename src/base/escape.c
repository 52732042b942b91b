/* Text from a file in a message. */
#include "base/escape.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <mlp/status.h>

size_t utf8_length(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const unsigned char first = bytes[0];
    unsigned char low = 0x80, high = 0xBF; /* of the second byte */
    size_t length = 0;
    if (first < 0x80) {
        length = 1;
    } else if (first >= 0xC2 && first < 0xE0) {
        length = 2;
    } else if (first >= 0xE0 && first < 0xF0) {
        length = 3;
        low = first == 0xE0 ? 0xA0 : low;
        high = first == 0xED ? 0x9F : high;
    } else if (first >= 0xF0 && first < 0xF5) {
        length = 4;
        low = first == 0xF0 ? 0x90 : low;
        high = first == 0xF4 ? 0x8F : high;
    }
    for (size_t i = 1; i < length; i++) {
        if (bytes[i] < low || bytes[i] > high) {
            return 0;
        }
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

/* Code point of a valid character of `length` bytes. */
static uint32_t code_point(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t code = length == 1 ? bytes[0] : bytes[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        code = code << 6 | (bytes[i] & 0x3Fu);
    }
    return code;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

bool utf8_is_control(const char *text)
{
    const size_t length = utf8_length(text);
    return length > 0 && is_control(code_point(text, length));
}

static bool turns_direction(uint32_t code)
{
    return (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

/* Writes one character; returns the bytes of `text` that it takes. */
static size_t escape_one(const char *text, char one[8])
{
    const size_t length = utf8_length(text);
    if (length == 0) {
        snprintf(one, 8, "\\x%02X", (unsigned)(unsigned char)text[0]);
        return 1;
    }
    const uint32_t code = code_point(text, length);
    if (is_control(code) || turns_direction(code)) {
        snprintf(one, 8, "\\u%04X", (unsigned)code);
    } else {
        memcpy(one, text, length);
        one[length] = '\0';
    }
    return length;
}

void text_escape(const char *text, char *out, size_t size)
{
    size_t used = 0;
    char one[8];
    while (*text != '\0') {
        text += escape_one(text, one);
        const size_t length = strlen(one);
        if (length >= size - used) {
            break;
        }
        memcpy(out + used, one, length);
        used += length;
    }
    out[used] = '\0';
}

void mlp_text_escape(const char *text, char *out, size_t size)
{
    text_escape(text, out, size);
}
