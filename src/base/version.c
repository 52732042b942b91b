/* The library's version. */
#include <mlp/version.h>

const char *mlp_version(void)
{
    return MLP_VERSION;
}
