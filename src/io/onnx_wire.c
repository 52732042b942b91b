/* First reading of an ONNX file: its messages in the wire format of Protocol Buffers, without the numbers of
 * the tensors, whose places are noted instead. Memory is taken for what is copied alone. */
#include <stdint.h>
#include <string.h>

#include "base/array.h"
#include "base/memory.h"
#include "base/status.h"
#include "io/onnx_file.h"

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
/* Bytes of a varint of 64 bits, and of a length with room for any below 2³⁵. */
enum { VARINT_BYTES = 10, LENGTH_BYTES = 5 };
/* Bytes that are read at once. */
enum { WINDOW = 4096 };

/* Messages that hold tensors, however deep. */
enum message { MESSAGE_MODEL, MESSAGE_GRAPH, MESSAGE_NODE, MESSAGE_ATTRIBUTE, MESSAGE_TENSOR };
static const struct {
    enum message outer;
    uint64_t field;
    enum message inner;
} nested[] = {
    { MESSAGE_MODEL, 7, MESSAGE_GRAPH },      { MESSAGE_GRAPH, 1, MESSAGE_NODE },
    { MESSAGE_GRAPH, 5, MESSAGE_TENSOR },     { MESSAGE_NODE, 5, MESSAGE_ATTRIBUTE },
    { MESSAGE_ATTRIBUTE, 5, MESSAGE_TENSOR },
};

struct wire {
    const struct onnx_file *file;
    size_t position;
    unsigned char window[WINDOW]; /* bytes window_first … window_end − 1 of the source */
    size_t window_first, window_end;
    struct array out; /* of bytes */
};

static mlp_status damaged(const struct wire *wire, const char *what)
{
    return fail(MLP_ERROR_FORMAT, "%s: no ONNX model: %s at byte %zu", wire->file->path, what,
                wire->position);
}

/* Reads on where the window does not hold the next byte. */
static mlp_status move_window(struct wire *wire)
{
    const struct byte_source *source = wire->file->source;
    const size_t left = source->size - wire->position, size = left < WINDOW ? left : (size_t)WINDOW;
    wire->window_first = wire->position;
    wire->window_end = wire->position; /* empty where reading fails */
    TRY(byte_source_read(source, wire->position, wire->window, size));
    wire->window_end += size;
    return MLP_OK;
}

static mlp_status read_bytes(struct wire *wire, void *bytes, size_t size)
{
    if (size > wire->file->source->size - wire->position) {
        return damaged(wire, "the file ends");
    }
    for (size_t done = 0; done < size;) {
        if (wire->position < wire->window_first || wire->position >= wire->window_end) {
            TRY(move_window(wire));
        }
        const size_t held = wire->window_end - wire->position,
                     piece = size - done < held ? size - done : held;
        memcpy((char *)bytes + done, wire->window + (wire->position - wire->window_first), piece);
        wire->position += piece;
        done += piece;
    }
    return MLP_OK;
}

static mlp_status append(struct wire *wire, const void *bytes, size_t size)
{
    return size > 0 ? array_append(&wire->out, bytes, size, 1) : MLP_OK;
}

static mlp_status append_varint(struct wire *wire, uint64_t value)
{
    unsigned char bytes[VARINT_BYTES];
    size_t size = 0;
    for (; value > 127; value >>= 7) {
        bytes[size++] = (unsigned char)(value | 128);
    }
    bytes[size++] = (unsigned char)value;
    return append(wire, bytes, size);
}

static mlp_status read_varint(struct wire *wire, size_t end, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < VARINT_BYTES; i++) {
        unsigned char byte;
        if (wire->position == end) {
            return damaged(wire, "a message ends within a number");
        }
        TRY(read_bytes(wire, &byte, 1));
        *value |= (uint64_t)(byte & 127u) << (7 * i);
        if (byte < 128) {
            return MLP_OK;
        }
    }
    return damaged(wire, "a number has more than 64 bits");
}

static mlp_status copy_bytes(struct wire *wire, size_t size)
{
    unsigned char bytes[4096];
    while (size > 0) {
        const size_t count = size < sizeof bytes ? size : sizeof bytes;
        TRY(read_bytes(wire, bytes, count));
        TRY(append(wire, bytes, count));
        size -= count;
    }
    return MLP_OK;
}

/* Skips the numbers of a tensor and notes their place. */
static mlp_status place_numbers(struct wire *wire, size_t size)
{
    TRY(append_varint(wire, 1000 << 3 | WIRE_VARINT));
    TRY(append_varint(wire, wire->position));
    TRY(append_varint(wire, 1001 << 3 | WIRE_VARINT));
    TRY(append_varint(wire, size));
    wire->position += size;
    return MLP_OK;
}

static mlp_status copy_message(struct wire *wire, enum message message, size_t end);

/* A field of bytes, or of a message, which lies before `end`. */
static mlp_status copy_delimited(struct wire *wire, enum message message, uint64_t field, size_t end)
{
    uint64_t size;
    TRY(read_varint(wire, end, &size));
    if (size > end - wire->position) {
        return damaged(wire, "a field is longer than what holds it");
    }
    if (message == MESSAGE_TENSOR && (field == 9 || field == 4 || field == 10)) {
        return place_numbers(wire, (size_t)size);
    }
    TRY(append_varint(wire, field << 3 | WIRE_BYTES));
    size_t i = 0;
    while (i < sizeof nested / sizeof nested[0] && (nested[i].outer != message || nested[i].field != field)) {
        i++;
    }
    if (i == sizeof nested / sizeof nested[0]) {
        TRY(append_varint(wire, size));
        return copy_bytes(wire, (size_t)size);
    }
    const size_t place = wire->out.count;
    TRY(append(wire, (const unsigned char[LENGTH_BYTES]){ 0 }, LENGTH_BYTES));
    TRY(copy_message(wire, nested[i].inner, wire->position + (size_t)size));
    const size_t copied = wire->out.count - place - LENGTH_BYTES;
    if (copied >> 31 != 0) {
        return damaged(wire, "a message without its tensors has 2 GiB or more");
    }
    unsigned char *length = (unsigned char *)wire->out.items + place;
    for (unsigned b = 0; b < LENGTH_BYTES; b++) {
        length[b] = (unsigned char)((copied >> (7 * b) & 127u) | (b + 1 < LENGTH_BYTES ? 128u : 0));
    }
    return MLP_OK;
}

static mlp_status copy_field(struct wire *wire, enum message message, size_t end)
{
    uint64_t key, value;
    TRY(read_varint(wire, end, &key));
    const uint64_t field = key >> 3, type = key & 7;
    if (field == 0 || (message == MESSAGE_TENSOR && field >= 1000)) {
        return damaged(wire, "a field of a number that ONNX has not");
    }
    if (type == WIRE_BYTES) {
        return copy_delimited(wire, message, field, end);
    }
    TRY(append_varint(wire, key));
    if (type == WIRE_VARINT) {
        TRY(read_varint(wire, end, &value));
        return append_varint(wire, value);
    }
    if (type != WIRE_32 && type != WIRE_64) {
        return damaged(wire, "a field of an unknown wire type");
    }
    const size_t size = type == WIRE_32 ? 4 : 8;
    return end - wire->position >= size ? copy_bytes(wire, size)
                                        : damaged(wire, "a message ends within a number");
}

/* The nesting is that of the table above: at most 5 deep. */
static mlp_status copy_message(struct wire *wire, enum message message, size_t end)
{
    while (wire->position < end) {
        TRY(copy_field(wire, message, end));
    }
    return MLP_OK;
}

mlp_status onnx_wire_read(struct onnx_file *file, unsigned char **bytes, size_t *size)
{
    struct wire wire = { .file = file };
    const mlp_status status = copy_message(&wire, MESSAGE_MODEL, file->source->size);
    *size = wire.out.count;
    *bytes = array_take(&wire.out);
    return status;
}
