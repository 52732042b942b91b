/* Sequential reading of a plain or gzip'd file; gzip is recognized by its first two bytes. */
#include "io/byte_reader.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if MLP_HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/memory.h"
#include "base/platform.h"
#include "base/read_at.h"
#include "base/status.h"

enum { BUFFER_SIZE = 1 << 16, FIRST_PIECE = 1 << 20 };

struct byte_reader {
    const char *path;
    int descriptor;
    bool standard_input;
    bool is_whole; /* a regular file, read from its beginning */
    bool gzip;
    bool inside_member;  /* of a gzip file: its end is still to come */
    unsigned char *next; /* what is left of `buffer` */
    size_t available;
    size_t unpack_limit, packed, unpacked; /* bytes; of a gzip file */
    bool is_range;                         /* of the file only `range` is read, */
    struct byte_range range;               /* whose offset and packed size are those of what is left, */
    size_t produced;                       /* of which so many bytes came, */
    uint32_t checksum;                     /* with this checksum */
    unsigned char
        head[BYTE_READER_HEAD]; /* read ahead; the last head_left of head_size are still to be read */
    size_t head_size, head_left;
#if MLP_HAVE_ZLIB
    z_stream stream;
#endif
    unsigned char buffer[BUFFER_SIZE]; /* bytes of the file */
};

/* The same as read_file() in the part of the file that is read. */
static mlp_status read_range(struct byte_reader *reader, unsigned char *bytes, size_t size, size_t *count)
{
    const size_t wanted = size < reader->range.packed ? size : reader->range.packed;
    *count = read_at(reader->descriptor, reader->range.offset, bytes, wanted);
    FAIL_IF(*count < wanted && errno != 0, MLP_ERROR_IO, "%s: cannot read: %s", reader->path,
            strerror(errno));
    reader->range.offset += *count;
    reader->range.packed -= *count;
    return MLP_OK;
}

/* Reads `size` bytes of the file, fewer at its end. */
static mlp_status read_file(struct byte_reader *reader, unsigned char *bytes, size_t size, size_t *count)
{
    if (reader->is_range) {
        return read_range(reader, bytes, size, count);
    }
    *count = 0;
    while (*count < size) {
        const ssize_t got = read(reader->descriptor, bytes + *count, platform_piece(size - *count));
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

/* Reads on from the file until the buffer is full or the file ends (available is 0). */
static mlp_status fill_buffer(struct byte_reader *reader)
{
    reader->next = reader->buffer;
    TRY(read_file(reader, reader->buffer, BUFFER_SIZE, &reader->available));
    reader->packed += reader->available;
    return MLP_OK;
}

/* What a small file may unpack to is limited: a megabyte of zeros takes a kilobyte. */
size_t byte_reader_limit(size_t unpack_limit, size_t packed)
{
    static const size_t usual = (size_t)1 << 30, usual_ratio = 100;
    const size_t by_ratio = packed < SIZE_MAX / usual_ratio ? usual_ratio * packed : SIZE_MAX;
    if (unpack_limit > 0) {
        return unpack_limit;
    }
    return by_ratio > usual ? by_ratio : usual;
}

#if MLP_HAVE_ZLIB

/* zlib's stream interface rather than its gzFile: that one allocates past base/memory.h and drops in silence
 * what follows the last member of a file. */
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

static mlp_status gzip_failure(const struct byte_reader *reader, int result)
{
    if (result == Z_MEM_ERROR) {
        return MLP_ERROR_MEMORY; /* memory_allocate() has set the text */
    }
    return fail(MLP_ERROR_FORMAT, "%s: damaged gzip data: %s", reader->path,
                reader->stream.msg != NULL ? reader->stream.msg : "not a deflate stream");
}

/* A gzip file, whose header, CRC and length are demanded and checked, or the deflated part of an archive. */
static mlp_status begin_gzip(struct byte_reader *reader)
{
    enum { GZIP_ONLY = 16, BARE = -1 }; /* added to the window's bits, or their sign */
    reader->stream.zalloc = allocate_for_zlib;
    reader->stream.zfree = free_for_zlib;
    const int result =
        inflateInit2(&reader->stream, reader->is_range ? BARE * MAX_WBITS : MAX_WBITS + GZIP_ONLY);
    reader->gzip = result == Z_OK;
    reader->inside_member = true;
    return result == Z_OK ? MLP_OK : gzip_failure(reader, result);
}

static void end_gzip(struct byte_reader *reader)
{
    if (reader->gzip) {
        inflateEnd(&reader->stream);
    }
}

/* Inflates what is in the buffer; whatever follows a member must be another one. */
static mlp_status inflate_piece(struct byte_reader *reader, unsigned char *bytes, size_t size, size_t *got)
{
    z_stream *stream = &reader->stream;
    if (!reader->inside_member) {
        inflateReset(stream);
        reader->inside_member = true;
    }
    stream->next_in = reader->next;
    stream->avail_in = (uInt)reader->available;
    stream->next_out = bytes;
    stream->avail_out = (uInt)(size < BUFFER_SIZE ? size : BUFFER_SIZE);
    const uInt room = stream->avail_out;
    const int result = inflate(stream, Z_NO_FLUSH);
    reader->next = stream->next_in;
    reader->available = stream->avail_in;
    *got = room - stream->avail_out;
    if (result == Z_STREAM_END) {
        reader->inside_member = false;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return gzip_failure(reader, result);
    }
    return MLP_OK;
}

static mlp_status check_limit(const struct byte_reader *reader)
{
    const size_t limit = byte_reader_limit(reader->unpack_limit, reader->packed);
    FAIL_IF(reader->unpacked > limit, MLP_ERROR_RANGE,
            "%s: the gzip data unpack to more than %zu bytes, %zu times their size: if that is right, raise "
            "the limit, unpack_limit",
            reader->path, limit, reader->unpacked / reader->packed);
    return MLP_OK;
}

static mlp_status read_gzip(struct byte_reader *reader, unsigned char *bytes, size_t size, size_t *got)
{
    while (*got < size) {
        size_t count;
        if (reader->available == 0) {
            TRY(fill_buffer(reader));
        }
        if (!reader->inside_member && (reader->is_range || reader->available == 0)) {
            break;
        }
        const bool at_end = reader->available == 0;
        TRY(inflate_piece(reader, bytes + *got, size - *got, &count));
        *got += count;
        reader->unpacked += count;
        TRY(check_limit(reader));
        FAIL_IF(at_end && count == 0 && reader->inside_member, MLP_ERROR_FORMAT,
                "%s: the gzip data are truncated", reader->path);
    }
    return MLP_OK;
}

/* Of a part of an archive. */
static void note_bytes(struct byte_reader *reader, const unsigned char *bytes, size_t size)
{
    reader->produced += size;
    reader->checksum = (uint32_t)crc32_z(reader->checksum, bytes, size);
}

static mlp_status open_range(struct byte_reader *reader)
{
    return reader->range.deflated ? begin_gzip(reader) : MLP_OK;
}

#else

static void note_bytes(struct byte_reader *reader, const unsigned char *bytes, size_t size)
{
    (void)reader;
    (void)bytes;
    (void)size;
}

static mlp_status open_range(struct byte_reader *reader)
{
    return fail(MLP_ERROR_UNSUPPORTED, "%s: is in an archive, and this build of libmlp has no zlib",
                reader->path);
}

static mlp_status begin_gzip(struct byte_reader *reader)
{
    return fail(MLP_ERROR_UNSUPPORTED, "%s: is gzip'd, and this build of libmlp has no zlib: unpack it first",
                reader->path);
}

static void end_gzip(struct byte_reader *reader)
{
    (void)reader;
}

static mlp_status read_gzip(struct byte_reader *reader, unsigned char *bytes, size_t size, size_t *got)
{
    (void)bytes;
    (void)size;
    (void)got;
    return begin_gzip(reader);
}

#endif

/* What was looked at of standard input where it cannot be read again: the next reader begins with it. */
static struct {
    pthread_mutex_t lock;
    size_t size;
    unsigned char bytes[BUFFER_SIZE];
} given_back = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void take_given_back(struct byte_reader *reader)
{
    pthread_mutex_lock(&given_back.lock);
    memcpy(reader->buffer, given_back.bytes, given_back.size);
    reader->next = reader->buffer;
    reader->available = reader->packed = given_back.size;
    given_back.size = 0;
    pthread_mutex_unlock(&given_back.lock);
}

void byte_reader_give_back(struct byte_reader *reader)
{
    if (!reader->standard_input || reader->packed > BUFFER_SIZE ||
        lseek(reader->descriptor, -(off_t)reader->packed, SEEK_CUR) >= 0) {
        return;
    }
    pthread_mutex_lock(&given_back.lock);
    memcpy(given_back.bytes, reader->buffer, reader->packed);
    given_back.size = reader->packed;
    pthread_mutex_unlock(&given_back.lock);
}

static mlp_status open_file(struct byte_reader *reader)
{
    struct stat about;
    reader->standard_input = strcmp(reader->path, "-") == 0;
    reader->path = reader->standard_input ? "standard input" : reader->path;
    do {
        reader->descriptor = reader->standard_input ? platform_duplicate(STDIN_FILENO)
                                                    : platform_open_file(reader->path, true);
    } while (reader->descriptor < 0 && errno == EINTR);
    FAIL_IF(reader->descriptor < 0 || fstat(reader->descriptor, &about) != 0, MLP_ERROR_IO,
            "%s: cannot open: %s", reader->path, strerror(errno));
    FAIL_IF(S_ISDIR(about.st_mode), MLP_ERROR_IO, "%s: is a folder, expected a file", reader->path);
    reader->is_whole = S_ISREG(about.st_mode) && lseek(reader->descriptor, 0, SEEK_CUR) == 0;
    if (reader->standard_input) {
        take_given_back(reader);
    }
    if (reader->available == 0) {
        TRY(fill_buffer(reader));
    }
    const bool gzip = reader->available >= 2 && reader->buffer[0] == 0x1F && reader->buffer[1] == 0x8B;
    return gzip ? begin_gzip(reader) : MLP_OK;
}

mlp_status byte_reader_open(const char *path, size_t unpack_limit, struct byte_reader **reader)
{
    *reader = memory_allocate(1, sizeof **reader);
    REQUIRE_MEMORY(*reader);
    (*reader)->path = path;
    (*reader)->unpack_limit = unpack_limit;
    const mlp_status status = open_file(*reader);
    if (status != MLP_OK) {
        byte_reader_close(*reader);
        *reader = NULL;
    }
    return status;
}

mlp_status byte_reader_open_range(const char *name, int descriptor, const struct byte_range *range,
                                  size_t unpack_limit, struct byte_reader **reader)
{
    struct byte_reader *made = memory_allocate(1, sizeof *made);
    *reader = made;
    REQUIRE_MEMORY(made);
    made->path = name;
    made->unpack_limit = unpack_limit;
    made->is_range = true;
    made->next = made->buffer;
    made->range = *range;
    made->descriptor = platform_duplicate(descriptor);
    const mlp_status status = made->descriptor >= 0
                                  ? open_range(made)
                                  : fail(MLP_ERROR_IO, "%s: cannot open: %s", name, strerror(errno));
    if (status != MLP_OK) {
        byte_reader_close(made);
        *reader = NULL;
    }
    return status;
}

void byte_reader_close(struct byte_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    end_gzip(reader);
    if (reader->descriptor >= 0) {
        close(reader->descriptor);
    }
    memory_free(reader);
}

int byte_reader_regular_file(const struct byte_reader *reader, size_t *size)
{
    struct stat about;
    if (reader->gzip || !reader->is_whole || fstat(reader->descriptor, &about) != 0) {
        return -1;
    }
    *size = size_from((uint64_t)about.st_size);
    return *size < SIZE_MAX ? platform_duplicate(reader->descriptor) : -1;
}

const char *byte_reader_path(const struct byte_reader *reader)
{
    return reader->path;
}

mlp_status byte_reader_head(struct byte_reader *reader, const unsigned char **head, size_t *size)
{
    TRY(byte_reader_read(reader, reader->head, sizeof reader->head, &reader->head_size));
    reader->head_left = reader->head_size;
    *head = reader->head;
    *size = reader->head_size;
    return MLP_OK;
}

/* Takes up to `size` of the bytes that are left of some that were read before. */
static size_t take(const unsigned char *from, size_t *left, void *bytes, size_t size)
{
    const size_t piece = size < *left ? size : *left;
    memcpy(bytes, from, piece);
    *left -= piece;
    return piece;
}

static mlp_status read_plain(struct byte_reader *reader, unsigned char *bytes, size_t size, size_t *got)
{
    const size_t taken = take(reader->next, &reader->available, bytes + *got, size - *got);
    size_t count;
    reader->next += taken;
    *got += taken;
    TRY(read_file(reader, bytes + *got, size - *got, &count));
    *got += count;
    return MLP_OK;
}

mlp_status byte_reader_read(struct byte_reader *reader, void *bytes, size_t size, size_t *got)
{
    const size_t ahead =
        take(reader->head + reader->head_size - reader->head_left, &reader->head_left, bytes, size);
    *got = ahead;
    TRY((reader->gzip ? read_gzip : read_plain)(reader, bytes, size, got));
    if (reader->is_range) {
        note_bytes(reader, (unsigned char *)bytes + ahead, *got - ahead);
    }
    return MLP_OK;
}

mlp_status byte_reader_piece(struct byte_reader *reader, void *bytes, size_t size, size_t done, size_t total,
                             const char *what)
{
    size_t got;
    TRY(byte_reader_read(reader, bytes, size, &got));
    FAIL_IF(got < size, MLP_ERROR_FORMAT, "%s: the file ends after %zu of %zu bytes of %s", reader->path,
            done + got, total, what);
    return MLP_OK;
}

mlp_status byte_reader_exact(struct byte_reader *reader, void *bytes, size_t size, const char *what)
{
    return byte_reader_piece(reader, bytes, size, 0, size, what);
}

mlp_status byte_reader_array(struct byte_reader *reader, size_t size, const char *what, void **array)
{
    size_t capacity = size < FIRST_PIECE ? size : (size_t)FIRST_PIECE, filled = 0;
    *array = memory_allocate(capacity, 1);
    mlp_status status = *array != NULL ? MLP_OK : MLP_ERROR_MEMORY;
    while (status == MLP_OK) {
        status = byte_reader_piece(reader, (char *)*array + filled, capacity - filled, filled, size, what);
        filled = capacity;
        if (status != MLP_OK || filled == size) {
            break;
        }
        capacity = size - filled < filled ? size : 2 * filled;
        status = memory_resize(array, filled, capacity, 1);
    }
    if (status != MLP_OK) {
        memory_free(*array);
        *array = NULL;
    }
    return status;
}

mlp_status byte_reader_at_end(struct byte_reader *reader)
{
    char byte;
    size_t got;
    TRY(byte_reader_read(reader, &byte, 1, &got));
    FAIL_IF(got != 0, MLP_ERROR_FORMAT, "%s: there are bytes after the last value", reader->path);
    FAIL_IF(reader->is_range &&
                (reader->produced != reader->range.unpacked || reader->checksum != reader->range.checksum ||
                 reader->range.packed > 0 || reader->available > 0),
            MLP_ERROR_FORMAT, "%s: size or checksum is not what the archive's table says", reader->path);
    return MLP_OK;
}
