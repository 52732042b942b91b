/* Reading at a place of a file. */
#include "base/read_at.h"

#include <errno.h>

#include "base/platform.h"

size_t read_at(int descriptor, size_t offset, void *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const ptrdiff_t got = platform_read_at(descriptor, (char *)bytes + done, size - done, offset + done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            errno = got == 0 ? 0 : errno;
            break;
        }
        done += (size_t)got;
    }
    return done;
}
