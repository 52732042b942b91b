/* `mlp info`: what the library runs on. */
#include <stdio.h>

#include <mlp/info.h>

#include "command.h"
#include "reports/json_output.h"

struct info_settings {
    int json;
};

#define FIELD(member) offsetof(struct info_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    GROUP("Options:"),
    FLAG("json", json, 1, "Print it as JSON."),
    { .kind = OPTION_END },
};
/* clang-format on */

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_text(text) : json_null();
}

static int print_info_json(const mlp_info *info)
{
    return print_json(json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:i, s:b, s:b, s:o, s:o}",
                                "version", info->version, "blas_config", info->blas_config, "blas_core",
                                info->blas_core, "blas_threading", info->blas_threading, "blas_small_matrix",
                                info->blas_small_matrix, "blas_core_chosen", mlp_blas_core_chosen(),
                                "vector_level", info->vector_level, "processor_level", info->processor_level,
                                "threads", info->threads, "openmp", info->openmp, "zlib", info->zlib,
                                "blas_core_suggested", text_or_null(info->blas_core_suggested),
                                "blas_core_reason", text_or_null(mlp_blas_core_reason())));
}

static void print_info(const mlp_info *info)
{
    printf("version          %s\nBLAS             %s\n", info->version, info->blas_config);
    printf("BLAS core        %s%s\n", info->blas_core,
           info->blas_small_matrix ? ", with kernels for small matrices" : "");
    if (mlp_blas_core_reason() != NULL) {
        printf("                 %s\n", mlp_blas_core_reason());
    }
    printf("BLAS threading   %s\nthreads          %d%s\nvector level     %s (the processor offers %s)\n"
           "gzip'd data      %s\n",
           info->blas_threading, info->threads, info->openmp ? "" : " (built without OpenMP)",
           info->vector_level, info->processor_level, info->zlib ? "yes" : "no (built without zlib)");
}

static int run(void *settings, int operands, char **operand)
{
    mlp_info facts;
    FAIL_IF(operands > 0, usage_error("info: unexpected '%s'", operand[0]));
    mlp_info_get(&facts);
    if (((const struct info_settings *)settings)->json) {
        return print_info_json(&facts);
    }
    print_info(&facts);
    return EXIT_DONE;
}

const struct command info_command = {
    .name = "info",
    .summary = "show what the library runs on",
    .synopsis = "[OPTION...]",
    .description =
        "Prints the library's version, the BLAS and the kernels it chose for this processor, threads and "
        "vector level. Where OpenBLAS chose kernels that do not fit the processor, the library has it choose "
        "again when it is loaded, unless OPENBLAS_CORETYPE is set; see ENVIRONMENT in the manual.",
    .rows = rows,
    .examples = "  mlp info\n"
                "  mlp info --json\n",
    .settings_size = sizeof(struct info_settings),
    .run = run,
};
