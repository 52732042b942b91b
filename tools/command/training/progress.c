/* Progress of a training on standard error: a bar on a terminal, a line for each epoch everywhere. */
#include "training/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "interrupt.h"
#include "message.h"

#define REDRAW_SECONDS 0.1

/* Of more epochs than these, those that end within REDRAW_SECONDS of the last line get none. */
enum { MANY_EPOCHS = 100 };

enum { DEFAULT_WIDTH = 80, LARGEST_WIDTH = 200, SMALLEST_BAR = 8, LARGEST_BAR = 30 };

void progress_begin(struct progress_display *display, bool quiet)
{
    *display = (struct progress_display){ .quiet = quiet,
                                          .terminal = isatty(STDERR_FILENO) == 1,
                                          .last_drawn = -REDRAW_SECONDS,
                                          .last_line = -REDRAW_SECONDS };
}

static size_t terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return DEFAULT_WIDTH;
    }
    return size.ws_col < LARGEST_WIDTH ? size.ws_col : LARGEST_WIDTH;
}

/* 1234567 as "1.2M". */
static void format_rate(double rate, char *text, size_t size)
{
    static const char *const units[] = { "", "k", "M", "G" };
    size_t unit = 0;
    for (; rate >= 999.5 && unit < 3; unit++) {
        rate /= 1000.0;
    }
    snprintf(text, size, unit > 0 && rate < 9.95 ? "%.1f%s" : "%.0f%s", rate, units[unit]);
}

static void format_duration(double seconds, char *text, size_t size)
{
    if (!(seconds < 1e7)) {
        snprintf(text, size, "-:--");
        return;
    }
    const unsigned long whole = (unsigned long)(seconds + 0.5);
    if (whole >= 3600) {
        snprintf(text, size, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
    } else {
        snprintf(text, size, "%lu:%02lu", whole / 60, whole % 60);
    }
}

/* What stands right of the bar, the most important first; as many pieces as fit into `room` columns. */
static void format_figures(const mlp_progress *progress, size_t room, char *text, size_t size)
{
    char rate[16], left[32], pieces[4][48] = { "" };
    const double done = (double)(progress->epoch - 1) * (double)progress->steps + (double)progress->step;
    const double total = (double)progress->epochs * (double)progress->steps;
    format_rate((double)progress->samples / progress->seconds, rate, sizeof rate);
    format_duration(progress->seconds / done * (total - done), left, sizeof left);
    snprintf(pieces[0], sizeof pieces[0], "  loss %-6.4g", progress->loss);
    if (!isnan(progress->accuracy)) {
        snprintf(pieces[1], sizeof pieces[1], "  accuracy %.4f", progress->accuracy);
    }
    snprintf(pieces[2], sizeof pieces[2], "  %s left", left);
    snprintf(pieces[3], sizeof pieces[3], "  %s samples/s", rate);
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < 4; i++) {
        const size_t piece = strlen(pieces[i]);
        if (length + piece <= room && length + piece < size) {
            memcpy(text + length, pieces[i], piece + 1);
            length += piece;
        }
    }
}

static void draw_bar(const mlp_progress *progress)
{
    char head[64], figures[LARGEST_WIDTH], bar[LARGEST_BAR + 1];
    const size_t width = terminal_width() - 1; /* a full last column would wrap on some terminals */
    const size_t head_length =
        (size_t)snprintf(head, sizeof head, "epoch %zu/%zu ", progress->epoch, progress->epochs);
    const size_t taken = head_length + 2;
    format_figures(progress, width > taken + SMALLEST_BAR ? width - taken - SMALLEST_BAR : 0, figures,
                   sizeof figures);
    const size_t used = taken + strlen(figures);
    size_t length = width > used ? width - used : 0;
    length = length < LARGEST_BAR ? length : LARGEST_BAR;
    const size_t filled = progress->step * length / progress->steps;
    memset(bar, ' ', length);
    memset(bar, '=', filled);
    if (filled > 0 && filled < length) {
        bar[filled - 1] = '>';
    }
    bar[length] = '\0';
    if (length < SMALLEST_BAR) { /* a narrow terminal: no bar */
        fprintf(stderr, "\r%.*s\033[K", (int)width, head);
    } else {
        fprintf(stderr, "\r%s[%s]%s\033[K", head, bar, figures);
    }
}

/* A bar that Ctrl-C has written its ^C beside stays where it is. */
void progress_end(struct progress_display *display)
{
    if (display->drawn) {
        fputs(interrupt_signal() != 0 ? "\n" : "\r\033[K", stderr);
        display->drawn = false;
    }
}

/* At most 80 columns: loss and accuracy in training, then both in validation. */
static void print_epoch(const struct progress_display *display, const mlp_progress *progress)
{
    char rate[16];
    const double seconds = progress->seconds - display->epoch_start;
    format_rate((double)(progress->samples - display->epoch_samples) / seconds, rate, sizeof rate);
    fprintf(stderr, "epoch %zu/%zu  loss %.4g", progress->epoch, progress->epochs, progress->loss);
    if (!isnan(progress->accuracy)) {
        fprintf(stderr, "  accuracy %.4f", progress->accuracy);
    }
    if (progress->validation.count > 0) {
        fprintf(stderr, "  validation %.4g", progress->validation.loss);
        if (!isnan(progress->validation.accuracy)) {
            fprintf(stderr, ", %.4f", progress->validation.accuracy);
        }
    }
    fprintf(stderr, "  %s/s\n", rate);
}

/* Where a training resumes; rates are those from here on. */
static void begin_resumed(struct progress_display *display, const mlp_progress *progress)
{
    display->resumed = true;
    display->epoch_start = progress->seconds;
    display->epoch_samples = progress->samples;
    if (!display->quiet) {
        notice("goes on after step %zu, in epoch %zu", progress->resumed,
               progress->resumed / progress->steps + 1);
    }
}

int progress_show(const mlp_progress *progress, void *context)
{
    struct progress_display *display = context;
    if (progress->resumed > 0 && !display->resumed) {
        begin_resumed(display, progress);
    }
    display->seconds = progress->seconds;
    display->samples = progress->samples;
    if (progress->warning != NULL) {
        progress_end(display);
        notice("step %zu: %s", (progress->epoch - 1) * progress->steps + progress->step, progress->warning);
    }
    const bool due = progress->epochs <= MANY_EPOCHS ||
                     progress->seconds - display->last_line >= REDRAW_SECONDS ||
                     progress->epoch == progress->epochs;
    if (!display->quiet && progress->epoch_ended && due) {
        progress_end(display);
        print_epoch(display, progress);
        display->last_line = progress->seconds;
    } else if (!display->quiet && display->terminal &&
               progress->seconds - display->last_drawn >= REDRAW_SECONDS) {
        draw_bar(progress);
        display->drawn = true;
        display->last_drawn = progress->seconds;
    }
    if (progress->epoch_ended) {
        display->epoch_start = progress->seconds;
        display->epoch_samples = progress->samples;
    }
    return interrupt_signal() != 0;
}
