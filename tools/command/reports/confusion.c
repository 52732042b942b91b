/* A confusion matrix as a table. */
#include "reports/confusion.h"

#include <inttypes.h>
#include <string.h>

#include "options/model_argument.h"

enum { NAME_COLUMNS = 16, SMALLEST_COLUMN = 4 };

/* At most NAME_COLUMNS characters of UTF-8, filled with spaces. */
static void print_name(FILE *stream, const char *name)
{
    char text[8 * NAME_COLUMNS];
    int columns = 0;
    size_t bytes = 0;
    mlp_text_escape(name, text, sizeof text);
    for (; text[bytes] != '\0' && columns < NAME_COLUMNS; columns++) {
        do {
            bytes++;
        } while (((unsigned char)text[bytes] & 0xC0) == 0x80);
    }
    fprintf(stream, "%.*s%*s", (int)bytes, text, NAME_COLUMNS - columns, "");
}

static int column_width(const uint64_t *counts, size_t classes)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < classes * classes; i++) {
        largest = counts[i] > largest ? counts[i] : largest;
    }
    char text[24];
    const int width = snprintf(text, sizeof text, "%" PRIu64, largest) + 1;
    return width > SMALLEST_COLUMN ? width : SMALLEST_COLUMN;
}

static void print_share(FILE *stream, uint64_t count, uint64_t total)
{
    if (total > 0) {
        fprintf(stream, "  %6.4f", (double)count / (double)total);
    } else {
        fprintf(stream, "  %6s", "-");
    }
}

static void print_row(FILE *stream, const mlp_network *network, const uint64_t *counts, size_t classes,
                      size_t row, int width)
{
    char number[24];
    uint64_t actual = 0, predicted = 0;
    fprintf(stream, "%3zu ", row);
    print_name(stream, network_class_text(network, row, number));
    for (size_t c = 0; c < classes; c++) {
        actual += counts[row * classes + c];
        predicted += counts[c * classes + row];
        if (counts[row * classes + c] > 0) {
            fprintf(stream, "%*" PRIu64, width, counts[row * classes + c]);
        } else {
            fprintf(stream, "%*s", width, ".");
        }
    }
    print_share(stream, counts[row * classes + row], actual);
    print_share(stream, counts[row * classes + row], predicted);
    fputc('\n', stream);
}

void print_confusion(FILE *stream, const mlp_network *network, const uint64_t *counts, size_t classes)
{
    const int width = column_width(counts, classes);
    fprintf(stream, "\nConfusion matrix (rows: true class, columns: predicted class)\n\n%*s",
            4 + NAME_COLUMNS, "");
    for (size_t c = 0; c < classes; c++) {
        fprintf(stream, "%*zu", width, c);
    }
    fputs("  recall  precision\n", stream);
    for (size_t row = 0; row < classes; row++) {
        print_row(stream, network, counts, classes, row, width);
    }
}
