/* Reading a file from front to back, plain or gzip'd. */
#include "io/byte_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/status.h"

#if MLP_HAVE_ZLIB
#include <zlib.h>
#endif

enum { BUFFER_SIZE = 1 << 16, FIRST_PIECE = 1 << 20, DEFLATE_LIMIT = 1032 };

/* Reads from the file until the buffer is full or the file ends. */
static mlp_status read_buffer(struct byte_reader *reader, size_t *count)
{
    *count = 0;
    while (*count < BUFFER_SIZE) {
        const ssize_t got = read(reader->descriptor, reader->buffer + *count, BUFFER_SIZE - *count);
        if (got == 0) {
            break;
        }
        if (got > 0) {
            *count += (size_t)got;
        } else if (errno != EINTR) {
            return fail(MLP_ERROR_IO, "%s: cannot read: %s", reader->path, strerror(errno));
        }
    }
    return MLP_OK;
}

#if MLP_HAVE_ZLIB

/* Inflating with zlib's stream interface rather than its gzFile: that one allocates past base/memory.h, passes data
 * that are not gzip through as they are, and drops what follows the last member. */
struct gunzip {
    z_stream stream;
    bool inside_member;
    unsigned char unpacked[BUFFER_SIZE];
};

static voidpf allocate_for_zlib(voidpf context, uInt count, uInt size)
{
    (void)context;
    return memory_allocate(count, size);
}

static void free_for_zlib(voidpf context, voidpf pointer)
{
    (void)context;
    memory_free(pointer);
}

static mlp_status gunzip_failure(const struct byte_reader *reader, int result)
{
    if (result == Z_MEM_ERROR) {
        return MLP_ERROR_MEMORY; /* memory_allocate() has set the text */
    }
    const char *reason = reader->gunzip->stream.msg;
    return fail(MLP_ERROR_FORMAT, "%s: damaged gzip data: %s", reader->path,
                reason != NULL ? reason : "not a deflate stream");
}

/* Hands what was read to zlib; at the file's end, checks that it is a member's end, too. */
static mlp_status feed(struct byte_reader *reader, bool *ended)
{
    struct gunzip *gunzip = reader->gunzip;
    size_t count;
    TRY(read_buffer(reader, &count));
    *ended = count == 0;
    if (*ended && gunzip->inside_member) {
        return fail(MLP_ERROR_FORMAT, "%s: the gzip data are cut off", reader->path);
    }
    gunzip->stream.next_in = reader->buffer;
    gunzip->stream.avail_in = (uInt)count;
    return MLP_OK;
}

static mlp_status fill_unpacked(struct byte_reader *reader)
{
    struct gunzip *gunzip = reader->gunzip;
    z_stream *stream = &gunzip->stream;
    bool ended = false;
    stream->next_out = gunzip->unpacked;
    stream->avail_out = BUFFER_SIZE;
    while (stream->avail_out > 0) {
        if (stream->avail_in == 0) {
            TRY(feed(reader, &ended));
            if (ended) {
                break;
            }
        }
        if (!gunzip->inside_member) {
            inflateReset(stream);
            gunzip->inside_member = true;
        }
        const int result = inflate(stream, Z_NO_FLUSH);
        if (result == Z_STREAM_END) {
            gunzip->inside_member = false;
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return gunzip_failure(reader, result);
        }
    }
    reader->next = gunzip->unpacked;
    reader->available = BUFFER_SIZE - stream->avail_out;
    return MLP_OK;
}

/* The first buffer of the file is in reader->buffer. */
static mlp_status begin_gunzip(struct byte_reader *reader, size_t count)
{
    enum { GZIP_ONLY = 16 };
    struct gunzip *gunzip = memory_allocate(1, sizeof *gunzip);
    if (gunzip == NULL) {
        return MLP_ERROR_MEMORY;
    }
    reader->gunzip = gunzip;
    gunzip->stream.zalloc = allocate_for_zlib;
    gunzip->stream.zfree = free_for_zlib;
    gunzip->stream.next_in = reader->buffer;
    gunzip->stream.avail_in = (uInt)count;
    gunzip->inside_member = true;
    const int result = inflateInit2(&gunzip->stream, MAX_WBITS + GZIP_ONLY);
    return result == Z_OK ? fill_unpacked(reader) : gunzip_failure(reader, result);
}

static void end_gunzip(struct byte_reader *reader)
{
    if (reader->gunzip != NULL) {
        inflateEnd(&reader->gunzip->stream);
        memory_free(reader->gunzip);
    }
}

#else

static mlp_status fill_unpacked(struct byte_reader *reader)
{
    return fail(MLP_ERROR_UNSUPPORTED, "%s: gzip'd, and this library was built without zlib: unpack it first",
                reader->path);
}

static mlp_status begin_gunzip(struct byte_reader *reader, size_t count)
{
    (void)count;
    return fill_unpacked(reader);
}

static void end_gunzip(struct byte_reader *reader)
{
    (void)reader;
}

#endif

static mlp_status open_file(struct byte_reader *reader)
{
    struct stat about;
    do {
        reader->descriptor = open(reader->path, O_RDONLY | O_CLOEXEC);
    } while (reader->descriptor < 0 && errno == EINTR);
    if (reader->descriptor < 0) {
        return fail(MLP_ERROR_IO, "%s: cannot open: %s", reader->path, strerror(errno));
    }
    if (fstat(reader->descriptor, &about) != 0) {
        return fail(MLP_ERROR_IO, "%s: cannot read: %s", reader->path, strerror(errno));
    }
    if (S_ISDIR(about.st_mode)) {
        return fail(MLP_ERROR_IO, "%s: is a folder, expected a file", reader->path);
    }
    reader->file_size = S_ISREG(about.st_mode) ? (uint64_t)about.st_size : UINT64_MAX;
    return MLP_OK;
}

static mlp_status begin(struct byte_reader *reader)
{
    size_t count;
    TRY(open_file(reader));
    reader->buffer = memory_allocate(BUFFER_SIZE, 1);
    if (reader->buffer == NULL) {
        return MLP_ERROR_MEMORY;
    }
    TRY(read_buffer(reader, &count));
    if (count >= 2 && reader->buffer[0] == 0x1F && reader->buffer[1] == 0x8B) {
        TRY(begin_gunzip(reader, count));
    } else {
        reader->next = reader->buffer;
        reader->available = count;
    }
    reader->delivered = reader->available;
    return MLP_OK;
}

mlp_status byte_reader_open(struct byte_reader *reader, const char *path)
{
    *reader = (struct byte_reader){ .path = path, .descriptor = -1 };
    const mlp_status status = begin(reader);
    if (status != MLP_OK) {
        byte_reader_close(reader);
    }
    return status;
}

void byte_reader_close(struct byte_reader *reader)
{
    end_gunzip(reader);
    memory_free(reader->buffer);
    if (reader->descriptor >= 0) {
        close(reader->descriptor);
    }
    *reader = (struct byte_reader){ .descriptor = -1 };
}

mlp_status byte_reader_fill(struct byte_reader *reader)
{
    if (reader->available > 0) {
        return MLP_OK;
    }
    if (reader->gunzip != NULL) {
        TRY(fill_unpacked(reader));
    } else {
        size_t count;
        TRY(read_buffer(reader, &count));
        reader->next = reader->buffer;
        reader->available = count;
    }
    reader->delivered += reader->available;
    return MLP_OK;
}

mlp_status byte_reader_read(struct byte_reader *reader, const char *what, void *out, size_t size)
{
    unsigned char *to = out;
    size_t left = size;
    while (left > 0) {
        TRY(byte_reader_fill(reader));
        if (reader->available == 0) {
            return fail(MLP_ERROR_FORMAT, "%s: ends inside the %s: %zu of %zu bytes are missing", reader->path, what,
                        left, size);
        }
        const size_t piece = left < reader->available ? left : reader->available;
        memcpy(to, reader->next, piece);
        reader->next += piece;
        reader->available -= piece;
        to += piece;
        left -= piece;
    }
    return MLP_OK;
}

mlp_status byte_reader_read_array(struct byte_reader *reader, const char *what, size_t size, unsigned char **out)
{
    const bool size_is_sure = reader->gunzip == NULL && reader->file_size != UINT64_MAX &&
                              size <= byte_reader_left(reader);
    size_t capacity = size_is_sure || size < FIRST_PIECE ? size : FIRST_PIECE;
    size_t filled = 0;
    void *array = memory_allocate(capacity, 1);
    *out = NULL;
    mlp_status status = array != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    while (status == MLP_OK && filled < size) {
        if (filled == capacity) {
            const size_t wanted = capacity < size / 2 ? capacity * 2 : size;
            status = memory_resize(&array, capacity, wanted, 1);
            capacity = status == MLP_OK ? wanted : capacity;
        }
        if (status == MLP_OK) {
            status = byte_reader_read(reader, what, (unsigned char *)array + filled, capacity - filled);
            filled = capacity;
        }
    }
    if (status != MLP_OK) {
        memory_free(array);
        array = NULL;
    }
    *out = array;
    return status;
}

mlp_status byte_reader_expect_end(struct byte_reader *reader)
{
    TRY(byte_reader_fill(reader));
    return reader->available == 0
               ? MLP_OK
               : fail(MLP_ERROR_FORMAT, "%s: there are bytes after the end of the data (%zu or more)", reader->path,
                      reader->available);
}

uint64_t byte_reader_left(const struct byte_reader *reader)
{
    const uint64_t taken = reader->delivered - reader->available;
    if (reader->file_size == UINT64_MAX) {
        return UINT64_MAX;
    }
    uint64_t total = reader->file_size;
    if (reader->gunzip != NULL && __builtin_mul_overflow(total, (uint64_t)DEFLATE_LIMIT, &total)) {
        return UINT64_MAX;
    }
    return total > taken ? total - taken : 0;
}
