/* Names near a word that was mistyped. */
#include "options/near.h"

#include <stddef.h>
#include <string.h>

enum { LONGEST = 48 };

static char folded(char c)
{
    return c == '_' ? '-' : (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Damerau's distance in its restricted form: no part is changed twice. LONGEST characters at most. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= a_length; i++) {
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            const char x = folded(a[i - 1]), y = folded(b[j - 1]);
            rows[i][j] = smaller(rows[i - 1][j - 1] + (x != y), smaller(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && folded(a[i - 2]) == y) {
                rows[i][j] = smaller(rows[i][j], rows[i - 2][j - 2] + 1);
            }
        }
    }
    return rows[a_length][b_length];
}

bool name_is_near(const char *word, const char *name)
{
    const size_t word_length = strlen(word), name_length = strlen(name);
    const size_t shorter = smaller(word_length, name_length);
    size_t common = 0;
    if (word_length == 0 || word_length > LONGEST || name_length > LONGEST) {
        return false;
    }
    while (common < shorter && folded(word[common]) == folded(name[common])) {
        common++;
    }
    return (common == shorter && shorter >= 3) ||
           distance(word, word_length, name, name_length) <= word_length / 3;
}
