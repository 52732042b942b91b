/* The three drawings of mlp-bench plot, as gnuplot commands. */
#include "panels.h"

#include <limits.h>
#include <string.h>

void write_quoted(FILE *gnuplot, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,-_/+=:()";
    bool escaped = false;
    fputc('"', gnuplot);
    for (const unsigned char *byte = (const unsigned char *)text; *byte != '\0'; byte++) {
        const bool digit = *byte >= '0' && *byte <= '9'; /* after an escape it would become a part of that */
        escaped = *byte < 0x80 && (strchr(plain, *byte) == NULL || (escaped && digit));
        fprintf(gnuplot, escaped ? "\\%03o" : "%c", *byte);
    }
    fputc('"', gnuplot);
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

static const char *text(const json_t *row, const char *key)
{
    const char *value = json_string_value(json_object_get(row, key));
    return value != NULL ? value : "";
}

/* "1 thread", "2 threads", "1 to 4 threads": what the rows took. */
static void name_threads(const json_t *rows, char *name, size_t size)
{
    const json_t *row;
    size_t i;
    int least = INT_MAX, most = 1;
    json_array_foreach(rows, i, row)
    {
        const int threads = (int)number(row, "threads");
        least = threads < least ? threads : least;
        most = threads > most ? threads : most;
    }
    if (least < most) {
        snprintf(name, size, "%d to %d threads", least, most);
    } else {
        snprintf(name, size, "%d thread%s", most, most > 1 ? "s" : "");
    }
}

static void write_title(FILE *gnuplot, const char *what, const json_t *rows, const char *blas_core)
{
    char threads[48], title[256];
    name_threads(rows, threads, sizeof threads);
    snprintf(title, sizeof title, "%s\n%s, OpenBLAS core %s", what, threads, blas_core);
    fputs("set title ", gnuplot);
    write_quoted(gnuplot, title);
    fputc('\n', gnuplot);
}

void panels_write_style(FILE *gnuplot)
{
    fputs("set encoding utf8\n"
          "set linetype 1 linecolor rgb '#0072b2' linewidth 2 pointtype 7\n"
          "set linetype 2 linecolor rgb '#d55e00' linewidth 2 pointtype 5\n"
          "set linetype 3 linecolor rgb '#009e73' linewidth 2 pointtype 9\n"
          "set linetype 4 linecolor rgb '#cc79a7' linewidth 2 pointtype 11\n"
          "set linetype 5 linecolor rgb '#56b4e9' linewidth 2 pointtype 13\n"
          "set linetype 6 linecolor rgb '#333333' linewidth 1.5 dashtype 2\n"
          "set style line 10 linecolor rgb '#dddddd' linewidth 1 dashtype 1\n"
          "set border 3\n"
          "set tics nomirror\n",
          gnuplot);
}

/* ---- gemm: GF/s over the size of squares --------------------------------------------------------------- */

static void write_gemm_data(FILE *gnuplot, const json_t *rows)
{
    const json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        fprintf(gnuplot, "%g %g %g %g\n", number(row, "m"), number(row, "library_gflops"),
                number(row, "blas_gflops"), number(row, "library_gflops") / number(row, "peak_share"));
    }
}

static void write_gemm_plot(FILE *gnuplot, const json_t *rows, const char *blas_core)
{
    write_title(gnuplot, "Speed of the product of two n × n matrices", rows, blas_core);
    fputs("set xlabel 'n, rows and columns of each'\n"
          "set ylabel 'GF/s'\n"
          "set logscale x 2\n"
          "set xrange [16:4096]\n"
          "set xtics 16, 4, 4096\n"
          "set yrange [0:*]\n"
          "set key bottom right\n"
          "plot $gemm using 1:4 with lines linetype 6 title 'peak of the processor', "
          "$gemm using 1:2 with linespoints linetype 1 title 'as the library calls it', "
          "$gemm using 1:3 with linespoints linetype 2 title 'one cblas_sgemm'\n"
          "unset logscale\n",
          gnuplot);
}

/* ---- step: its time over its bare products', a bar for each workload ----------------------------------- */

static void write_step_data(FILE *gnuplot, const json_t *rows)
{
    const json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        write_quoted(gnuplot, text(row, "workload"));
        fprintf(gnuplot, " %g\n", number(row, "ratio"));
    }
}

static void write_step_plot(FILE *gnuplot, const json_t *rows, const char *blas_core)
{
    write_title(gnuplot, "Time of a training step over that of its bare matrix products", rows, blas_core);
    fprintf(gnuplot,
            "set xlabel 'workload'\n"
            "set ylabel 'ratio'\n"
            "set xrange [-0.6:%zu.6]\n"
            "set xtics autofreq\n"
            "set yrange [0:*]\n"
            "set offsets 0, 0, graph 0.12, 0\n"
            "set key top right\n"
            "set boxwidth 0.6\n"
            "set style fill solid 0.8\n"
            "plot $step using 0:2:xticlabels(1) with boxes linetype 5 notitle, "
            "$step using 0:2:(sprintf('%%.2f', $2)) with labels offset 0,0.7 notitle, "
            "1 with lines linetype 6 title 'bare products'\n"
            "unset offsets\n",
            json_array_size(rows) - 1);
}

/* ---- scaling: speed-up of the step over threads, a line for each workload ------------------------------ */

static void write_scaling_data(FILE *gnuplot, const json_t *rows)
{
    const json_t *row;
    const char *last = NULL;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        const char *workload = text(row, "workload");
        if (last == NULL || strcmp(last, workload) != 0) {
            fputs(last != NULL ? "\n\n" : "", gnuplot);
            write_quoted(gnuplot, workload);
            fputc('\n', gnuplot);
            last = workload;
        }
        fprintf(gnuplot, "%g %g\n", number(row, "threads"), number(row, "speedup"));
    }
}

static void write_scaling_plot(FILE *gnuplot, const json_t *rows, const char *blas_core)
{
    write_title(gnuplot, "Speed-up of a training step over one thread", rows, blas_core);
    fputs("set xlabel 'threads'\n"
          "set ylabel 'speed-up'\n"
          "stats $scaling using 1 nooutput\n"
          "set xrange [1:(STATS_max > 1 ? STATS_max : 2)]\n"
          "set xtics 1, (STATS_max > 16 ? ceil(STATS_max / 8) : 1)\n"
          "set yrange [0:*]\n"
          "set key top left\n"
          "plot x with lines linetype 6 title 'ideal', "
          "for [i = 0:STATS_blocks - 1] $scaling index i using 1:2 with linespoints linetype i + 1 title "
          "columnheader(1)\n",
          gnuplot);
}

/* clang-format off */
const struct panel panels[PANELS] = {
    { "gemm", "GF/s over the size of square products, library and bare", { "gemm", "--filter", "square" },
      false, write_gemm_data, write_gemm_plot },
    { "step", "a training step over its bare products, for each workload", { "step" }, true,
      write_step_data, write_step_plot },
    { "scaling", "speed-up of the step over threads, for each workload", { "scaling", "--filter", "step "
                                                                                                  "threads" },
      true, write_scaling_data, write_scaling_plot },
};
/* clang-format on */
