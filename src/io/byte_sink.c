/* Bytes into a file or into memory. */
#include "io/byte_sink.h"

#include <string.h>

#include "base/assert.h"
#include "base/status.h"

mlp_status byte_sink_begin(struct byte_sink *sink, size_t size)
{
    return sink->memory != NULL ? array_grow(sink->memory, size, 1)
                                : whole_file_begin(sink->name, &sink->file);
}

mlp_status byte_sink_write(struct byte_sink *sink, const void *bytes, size_t size)
{
    if (sink->memory == NULL) {
        return whole_file_write(&sink->file, bytes, size);
    }
    return size > 0 ? array_append(sink->memory, bytes, size, 1) : MLP_OK;
}

mlp_status byte_sink_overwrite(struct byte_sink *sink, size_t offset, const void *bytes, size_t size)
{
    if (sink->memory == NULL) {
        return whole_file_overwrite(&sink->file, offset, bytes, size);
    }
    MLP_ASSERT(offset <= sink->memory->count && size <= sink->memory->count - offset);
    memcpy((char *)sink->memory->items + offset, bytes, size);
    return MLP_OK;
}

mlp_status byte_sink_end(struct byte_sink *sink, mlp_status status)
{
    if (sink->memory == NULL) {
        return whole_file_end(&sink->file, status);
    }
    if (status != MLP_OK) {
        array_free(sink->memory);
    }
    return status;
}
