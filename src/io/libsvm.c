/* LIBSVM's text format: a line for each sample, "label index:value index:value ...", indices ascending,
 * what is not there 0, comments from a '#' on. Indices count from 1, or from 0 where a 0 occurs. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/memory.h"
#include "base/options.h"
#include "base/read_at.h"
#include "base/status.h"
#include "io/csv_labels.h"
#include "io/csv_number.h"
#include "io/csv_reader.h"
#include "io/data_format.h"
#include "io/unpacked_file.h"

enum { LABEL_SIZE = 32 };
#define INDEX_LIMIT 2147483647.0

/* A value that is not 0, as a rule. */
struct entry {
    uint32_t index;
    float value;
};

struct loading {
    const struct data_file *file;
    mlp_csv_options options;
    locale_t locale;
    struct csv_reader reader;
    struct csv_labels labels;
    struct array values;  /* float: labels that are numbers */
    struct array entries; /* struct entry, of all samples, or of one where the others are in the file */
    struct array ends;    /* size_t: of each sample, the entries up to its end */
    size_t entry_count;   /* of all samples */
    struct unpacked_file entry_file; /* for data larger than memory */
    int descriptor;                  /* of that file, once all is there; else -1 */
    size_t largest, largest_line;
    bool from_zero;
    size_t inputs;
};

static mlp_status bad(const struct loading *l, const char *expected, const char *text)
{
    return fail(MLP_ERROR_FORMAT, "%s: line %zu: expected %s, got '%.40s'", byte_reader_path(l->file->bytes),
                l->reader.line, expected, text);
}

/* ---- a line -------------------------------------------------------------------------------------------- */

/* The next line with a NUL at its end; NULL at the end of the file. */
static mlp_status next_line(struct loading *l, char **line)
{
    const char *rest;
    size_t size;
    TRY(csv_peek_line(&l->reader, line));
    if (*line != NULL) {
        char *end = strchr(*line, '\n');
        FAIL_IF(end == NULL, MLP_ERROR_FORMAT, "%s: line %zu: a NUL byte: is the file UTF-16, or no text?",
                byte_reader_path(l->file->bytes), l->reader.line);
        csv_take_line(&l->reader, end);
        *end = '\0';
        return MLP_OK;
    }
    TRY(csv_peek_bytes(&l->reader, &rest, &size));
    if (size > 0) {
        *line = (char *)rest;
        (*line)[size] = '\0'; /* the reader has a byte of room there */
        csv_skip(&l->reader, size, 1);
    }
    return MLP_OK;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t\r");
}

static bool ends_word(char letter)
{
    return letter == '\0' || strchr(" \t\r", letter) != NULL;
}

static mlp_status take_label(struct loading *l, const char **text)
{
    char label[LABEL_SIZE];
    double number;
    const size_t length = number_scan_ahead(*text, csv_readable(&l->reader), l->locale, &number);
    if (length == 0 || !ends_word((*text)[length])) {
        return bad(l, "a label, which is one number, at the beginning", *text);
    }
    *text += length;
    if (l->options.regression == 0) {
        snprintf(label, sizeof label, "%.15g", number); /* +1 and 1.0 are 1 */
        return csv_labels_add(&l->labels, label, l->reader.line);
    }
    const float value = number_to_float(number);
    FAIL_IF(isinf(value), MLP_ERROR_FORMAT, "%s: line %zu: the label is out of the range of float",
            byte_reader_path(l->file->bytes), l->reader.line);
    return array_append(&l->values, &value, 1, sizeof value);
}

/* `before`: the sample's entry before this one, or NULL. */
static mlp_status take_entry(struct loading *l, const char **text, const struct entry *before)
{
    double index, value;
    const size_t digits = strspn(*text, "0123456789");
    const size_t length =
        digits > 0 && (*text)[digits] == ':'
            ? number_scan_ahead(*text + digits + 1, csv_readable(&l->reader), l->locale, &value)
            : 0;
    if (length == 0 || !ends_word((*text)[digits + 1 + length])) {
        return bad(l, "index:value", *text);
    }
    number_scan_ahead(*text, csv_readable(&l->reader), l->locale, &index);
    if (index >= INDEX_LIMIT) {
        return bad(l, "an index below 2147483647", *text);
    }
    const struct entry entry = { (uint32_t)index, number_to_float(value) };
    if (isinf(entry.value)) {
        return bad(l, "a value in the range of float", *text);
    }
    if (before != NULL && entry.index <= before->index) {
        return bad(l, "ascending indices", *text);
    }
    if (entry.index > l->largest || l->largest_line == 0) {
        l->largest = entry.index;
        l->largest_line = l->reader.line;
    }
    l->from_zero = l->from_zero || entry.index == 0;
    *text += digits + 1 + length;
    return array_append(&l->entries, &entry, 1, sizeof entry);
}

static bool streams(const struct loading *l)
{
    return l->file->options->stream != 0;
}

/* The entries of the sample go to the file. */
static mlp_status put_aside(struct loading *l)
{
    const size_t count = l->entries.count;
    l->entries.count = 0;
    return count > 0 ? unpacked_file_append(&l->entry_file, l->entries.items, count * sizeof(struct entry))
                     : MLP_OK;
}

static mlp_status take_line(struct loading *l, char *line)
{
    const size_t first = l->entries.count;
    line[strcspn(line, "#")] = '\0';
    const char *text = skip_blanks(line);
    if (*text == '\0') {
        return MLP_OK;
    }
    TRY(take_label(l, &text));
    text = skip_blanks(text);
    if (strncmp(text, "qid:", 4) == 0) { /* of rankings, which this is not */
        text += strcspn(text, " \t\r");
    }
    for (text = skip_blanks(text); *text != '\0'; text = skip_blanks(text)) {
        const struct entry *entries = l->entries.items;
        TRY(take_entry(l, &text, l->entries.count > first ? &entries[l->entries.count - 1] : NULL));
    }
    l->entry_count += l->entries.count - first;
    TRY(array_append(&l->ends, &l->entry_count, 1, sizeof l->entry_count));
    return streams(l) ? put_aside(l) : MLP_OK;
}

/* ---- all samples --------------------------------------------------------------------------------------- */

/* How many features there are, and whether as many zeros as they come with are to be made. */
static mlp_status count_inputs(struct loading *l)
{
    const char *path = byte_reader_path(l->file->bytes);
    const mlp_data_options *o = l->file->options;
    const size_t found = l->entry_count == 0 ? 0 : l->largest + l->from_zero;
    size_t size;
    FAIL_IF(l->ends.count == 0, MLP_ERROR_FORMAT, "%s: the file has no samples", path);
    FAIL_IF(o->inputs == 0 && found == 0, MLP_ERROR_FORMAT, "%s: the samples have no features", path);
    FAIL_IF(o->inputs > 0 && found > o->inputs, MLP_ERROR_FORMAT,
            "%s: line %zu: index %zu, and there are %zu features, counted from %d", path, l->largest_line,
            l->largest, o->inputs, l->from_zero ? 0 : 1);
    l->inputs = o->inputs > 0 ? o->inputs : found;
    const size_t limit = byte_reader_limit(o->unpack_limit, l->entry_count * sizeof(struct entry));
    FAIL_IF(!size_multiply(l->ends.count, l->inputs, &size) || size > limit / sizeof(float), MLP_ERROR_RANGE,
            "%s: %zu samples of %zu features, of which %zu are not 0, are more than %zu bytes: if that is "
            "right, raise the limit, unpack_limit",
            path, l->ends.count, l->inputs, l->entry_count, limit);
    return MLP_OK;
}

/* The sample's entries, from the file where they are put aside. */
static mlp_status find_entries(struct loading *l, size_t sample, const struct entry **entries, size_t *count)
{
    const size_t *ends = l->ends.items, first = sample > 0 ? ends[sample - 1] : 0;
    *count = ends[sample] - first;
    *entries = (const struct entry *)l->entries.items + (streams(l) ? 0 : first);
    if (!streams(l) || *count == 0) {
        return MLP_OK;
    }
    const size_t size = *count * sizeof(struct entry);
    FAIL_IF(read_at(l->descriptor, first * sizeof(struct entry), l->entries.items, size) < size, MLP_ERROR_IO,
            "%s: cannot read the temporary file: %s", byte_reader_path(l->file->bytes), strerror(errno));
    return MLP_OK;
}

/* Writes a sample over zeros. */
static mlp_status fill_sample(struct loading *l, size_t sample, float *x)
{
    const struct entry *entries;
    size_t count;
    TRY(find_entries(l, sample, &entries, &count));
    for (size_t e = 0; e < count; e++) {
        x[entries[e].index - !l->from_zero] = entries[e].value;
    }
    return MLP_OK;
}

static mlp_status fill_file(struct loading *l, struct unpacked_file *file)
{
    float *x = memory_allocate(l->inputs, sizeof *x);
    REQUIRE_MEMORY(x);
    mlp_status status = unpacked_file_take(&l->entry_file, &l->descriptor);
    for (size_t i = 0; i < l->ends.count && status == MLP_OK; i++) {
        memset(x, 0, l->inputs * sizeof *x);
        status = fill_sample(l, i, x);
        status = status == MLP_OK ? unpacked_file_append(file, x, l->inputs * sizeof *x) : status;
    }
    memory_free(x);
    return status;
}

static mlp_status stream_features(struct loading *l, struct storage *storage)
{
    const struct feature_file layout = { .inputs = l->inputs, .kind = FEATURE_FLOATS };
    const char *path = byte_reader_path(l->file->bytes);
    struct unpacked_file file;
    int descriptor;
    mlp_status status = unpacked_file_create(path, l->file->options->folder, &file);
    status = status == MLP_OK ? fill_file(l, &file) : status;
    status = status == MLP_OK ? unpacked_file_take(&file, &descriptor) : status;
    unpacked_file_close(&file);
    TRY(status);
    storage->file = feature_file_make(descriptor, path, &layout);
    return storage->file != NULL ? MLP_OK : MLP_ERROR_MEMORY;
}

static mlp_status fill_features(struct loading *l, struct storage *storage)
{
    storage->count = l->ends.count;
    storage->inputs = l->inputs;
    if (streams(l)) {
        return stream_features(l, storage);
    }
    float *x = memory_allocate(l->ends.count, l->inputs * sizeof *x);
    storage->features = storage->owned[STORAGE_FEATURES] = x;
    REQUIRE_MEMORY(x);
    for (size_t i = 0; i < l->ends.count; i++) {
        TRY(fill_sample(l, i, x + i * l->inputs));
    }
    return MLP_OK;
}

static mlp_status fill_targets(struct loading *l, struct storage *storage)
{
    int32_t *classes;
    if (l->options.regression != 0) {
        storage->values = storage->owned[STORAGE_TARGETS] = array_take(&l->values);
        storage->outputs = 1;
        return MLP_OK;
    }
    TRY(csv_labels_resolve(&l->labels, &classes, &storage->class_names));
    storage->classes = storage->owned[STORAGE_TARGETS] = classes;
    storage->class_count = text_list_count(&storage->class_names);
    return MLP_OK;
}

static mlp_status load(struct loading *l, struct storage *storage)
{
    char *line;
    TRY(ACCEPT_OPTIONS(mlp_csv_options, MLP_CSV_OPTIONS_INIT, l->file->options->csv, &l->options));
    TRY(number_locale(&l->locale));
    TRY(csv_labels_begin(&l->labels, byte_reader_path(l->file->bytes), l->options.class_names,
                         l->options.class_name_count));
    csv_begin(&l->reader, l->file->bytes, ' ');
    if (streams(l)) {
        TRY(unpacked_file_create(byte_reader_path(l->file->bytes), l->file->options->folder, &l->entry_file));
    }
    do {
        TRY(next_line(l, &line));
        if (line != NULL) {
            TRY(take_line(l, line));
        }
    } while (line != NULL);
    TRY(count_inputs(l));
    TRY(fill_targets(l, storage));
    TRY(fill_features(l, storage));
    return data_file_notice(storage, l->from_zero ? "indices from 0" : "indices from 1");
}

mlp_status libsvm_load(const struct data_file *file, struct storage *storage)
{
    struct loading l = { .file = file, .entry_file = { .descriptor = -1 }, .descriptor = -1 };
    const mlp_status status = load(&l, storage);
    csv_labels_free(&l.labels);
    csv_close(&l.reader);
    array_free(&l.values);
    array_free(&l.entries);
    array_free(&l.ends);
    unpacked_file_close(&l.entry_file);
    if (l.descriptor >= 0) {
        close(l.descriptor);
    }
    if (l.locale != (locale_t)0) {
        platform_free_locale(l.locale);
    }
    return status;
}

/* ---- recognition --------------------------------------------------------------------------------------- */

/* Passes over a number such as -1.5e3, roughly. */
static size_t span_number(const char *text)
{
    return strspn(text, "0123456789+-.eE");
}

/* Whether a line is a number and then pairs of index and value alone; `cut`: it may go on. */
static bool is_sample(const char *line, bool cut)
{
    size_t pairs = 0, length = span_number(line);
    if (length == 0 || line[length] != ' ') {
        return false;
    }
    line += length;
    line += strncmp(line, " qid:", 5) == 0 ? 5 + span_number(line + 5) : 0;
    for (; line[strspn(line, " \t\r")] != '\0'; pairs++) {
        line += strspn(line, " \t\r");
        const size_t digits = strspn(line, "0123456789"), colon = digits + (line[digits] == ':');
        length = span_number(line + colon);
        if (line[colon] == '\0') {
            return cut && pairs > 0;
        }
        if (digits == 0 || colon == digits || length == 0) {
            return false;
        }
        line += colon + length;
    }
    return pairs > 0;
}

bool libsvm_looks_like(const unsigned char *head, size_t size)
{
    char text[BYTE_READER_HEAD + 1];
    memcpy(text, head, size);
    text[size] = '\0';
    char *line = text;
    while (*line == '#') {
        char *end = strchr(line, '\n');
        if (end == NULL) {
            return false;
        }
        line = end + 1;
    }
    const size_t end = strcspn(line, "#\n");
    const bool cut = line[end] == '\0' && size == BYTE_READER_HEAD;
    line[end] = '\0';
    return is_sample(line, cut);
}
