/* The library's messages in the command's words. */
#include "plain_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Members and functions that can reach the shell. */
static const struct {
    const char *name, *plain;
} words[] = {
    { "activation_parameter", "the activation's parameter" },
    { "base_width", "the base width" },
    { "class_count", "the number of classes" },
    { "clip_norm", "--clip-norm" },
    { "clip_threshold", "the threshold" },
    { "features_member", "FILE:FEATURES" },
    { "huber_delta", "--huber-delta" },
    { "label_index", "--label" },
    { "label_smoothing", "--label-smoothing" },
    { "labels_member", "FILE:FEATURES,LABELS" },
    { "layer_dropout", "--dropout" },
    { "learning_rate", "--learning-rate" },
    { "minimum_improvement", "--minimum-improvement" },
    { "stop_figure", "--patience-on" },
    { "unpack_limit", "--unpack-limit" },
    { "update_clip", "--update-clip" },
};
static const char prefix[] = "mlp_";

static bool is_of_name(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_';
}

static size_t name_length(const char *text)
{
    size_t length = 0;
    while (is_of_name(text[length])) {
        length++;
    }
    return length;
}

/* What stands for a name, or NULL where it stays; *follow: characters after it that go with it. */
static const char *plain_name(const char *name, size_t length, size_t *follow)
{
    const size_t prefix_length = sizeof prefix - 1;
    *follow = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].name) == length && strncmp(words[i].name, name, length) == 0) {
            return words[i].plain;
        }
    }
    if (length <= prefix_length || strncmp(name, prefix, prefix_length) != 0) {
        return NULL;
    }
    if (strncmp(name + length, ": ", 2) == 0) { /* the function that refuses */
        *follow = 2;
        return "";
    }
    *follow = strncmp(name + length, "()", 2) == 0 ? 2 : 0;
    return *follow > 0 ? "the library" : NULL;
}

void plain_text(const char *message, char *text, size_t size)
{
    bool quoted = false;
    char before = ' ';
    size_t used = 0;
    text[0] = '\0';
    while (*message != '\0' && used + 1 < size) {
        size_t length = 0, follow = 0;
        if (!quoted) {
            length = name_length(message);
        }
        const bool in_path =
            before == '/' || before == '.' || before == '-' ||
            (length > 0 && message[length] != '\0' && strchr("/.-", message[length]) != NULL);
        const char *plain = length > 0 && !in_path ? plain_name(message, length, &follow) : NULL;
        const size_t taken = length > 0 ? length : 1;
        const int written = plain != NULL ? snprintf(text + used, size - used, "%s", plain)
                                          : snprintf(text + used, size - used, "%.*s", (int)taken, message);
        used += written > 0 ? (size_t)written : 0;
        quoted ^= *message == '\'' && (quoted || before == ' ' || before == '(');
        before = message[taken - 1];
        message += taken + follow;
    }
}
