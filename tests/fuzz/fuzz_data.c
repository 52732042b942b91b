/* Fuzzing mlp_data_load() with libFuzzer: any bytes, of whatever format they look like (CSV, IDX, LIBSVM,
 * NPY, NPZ), must give a status, the same loaded and streamed, the same plain and gzip'd, without a crash
 * or a leak. tests/fuzz/run builds it and runs it. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <mlp/data.h>

#include "fuzz_file.h"

enum { LARGEST = 1 << 16 };

static mlp_status load(const uint8_t *bytes, size_t size, int labelled, int stream, mlp_data **data)
{
    const char *path = fuzz_file(bytes, size);
    mlp_data_options options = MLP_DATA_OPTIONS_INIT;
    options.stream = stream;
    options.labels_path = labelled ? path : NULL; /* the file is its own labels, too */
    options.unpack_limit = (size_t)1 << 20;
    return mlp_data_load(path, &options, data);
}

static void both_ways(const uint8_t *bytes, size_t size, int labelled)
{
    mlp_data *loaded = NULL, *streamed = NULL;
    const mlp_status status = load(bytes, size, labelled, 0, &loaded);
    fuzz_check_data(status, loaded, load(bytes, size, labelled, 1, &streamed), streamed);
}

/* Gzips bytes that are not gzip'd; what comes of them must not change. */
static void packed(const uint8_t *bytes, size_t size, int labelled)
{
    static uint8_t room[2 * LARGEST];
    z_stream stream = { .next_in = (Bytef *)(uintptr_t)bytes,
                        .avail_in = (uInt)size,
                        .next_out = room,
                        .avail_out = sizeof room };
    mlp_data *plain = NULL, *unpacked = NULL;
    if (deflateInit2(&stream, 1, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&stream, Z_FINISH) != Z_STREAM_END) {
        abort();
    }
    const size_t packed_size = stream.total_out;
    deflateEnd(&stream);
    const mlp_status status = load(bytes, size, labelled, 0, &plain);
    fuzz_check_data(status, plain, load(room, packed_size, labelled, 0, &unpacked), unpacked);
}

/* The first byte says whether there are labels, the rest is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0 || size > LARGEST) {
        return 0;
    }
    both_ways(bytes + 1, size - 1, bytes[0] % 2);
    const int gzip = size > 2 && bytes[1] == 0x1F && bytes[2] == 0x8B;
    const int archive = size > 2 && bytes[1] == 'P' && bytes[2] == 'K'; /* never packed once more */
    if (!gzip && !archive) {
        packed(bytes + 1, size - 1, bytes[0] % 2);
    }
    return 0;
}
