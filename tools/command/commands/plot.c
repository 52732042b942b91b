/* `mlp plot`: draws a training's log or history. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "charts/chart_title.h"
#include "charts/log_charts.h"
#include "options/model_argument.h"
#include "reports/output_file.h"

struct plot_settings {
    const char *output, *title, *model, *data;
    int log_scale; /* an enum log_scale */
    struct log_file logs[MAX_LOGS];
    mlp_network *network; /* that was trained, or NULL */
};

#define FIELD(member) offsetof(struct plot_settings, member)

/* clang-format off */
static const struct option_row rows[] = {
    TEXT("output", "FILE", output, "Write the charts here, as SVG or PNG by the name's ending (default: draw "
        "them in the terminal).", .letter = 'o'),
    TEXT("model", "MODEL", model, "What was trained, for the title: its name and layers."),
    TEXT("data", "NAME", data, "What it was trained on, for the title."),
    TEXT("title", "TEXT", title, "Another title (default: the model and the data, where they were named, "
        "or the log)."),
    FLAG("log-scale", log_scale, SCALE_LOGARITHMIC,
        "Logarithmic axes for loss, learning rate, gradient norm and clip scale (default: where over a fifth "
        "of the values is below a 20th of the highest; time, too, where the loss falls at once)."),
    FLAG("linear-scale", log_scale, SCALE_LINEAR, "No logarithmic axes."),
    { .kind = OPTION_END },
};
/* clang-format on */

static int draw(const struct plot_settings *s, char *const *paths, size_t count)
{
    char title[CHART_TITLE];
    struct canvas canvas = { .path = s->output, .title = s->title };
    if (s->title == NULL && (s->model != NULL || s->data != NULL)) {
        chart_title("training", s->model, s->network, s->data, title);
        canvas.title = title;
    } else if (s->title == NULL && count == 1) {
        chart_title("training", paths[0], NULL, NULL, title);
        canvas.title = title;
    }
    return plot_logs(&canvas, s->logs, paths, count, s->log_scale);
}

static int run(void *settings, int operands, char **operand)
{
    struct plot_settings *s = settings;
    FAIL_IF(operands < 1 || operands > MAX_LOGS,
            usage_error("plot: expected 1 to %d logs, got %d; `mlp plot --help` explains it", MAX_LOGS,
                        operands));
    if (s->output != NULL) {
        TRY(plot_check_name("--output", s->output));
        for (int l = 0; l < operands; l++) {
            const struct file_use uses[] = { { "the logs", operand[l], false },
                                             { "--output", s->output, true } };
            TRY(check_distinct(uses, 2));
        }
        TRY(check_output("--output", s->output));
    }
    for (int l = 0; l < operands; l++) {
        TRY(log_file_read(operand[l], &s->logs[l]));
    }
    TRY(plot_check_gnuplot("plot"));
    TRY(s->model != NULL ? load_model(s->model, &s->network) : EXIT_DONE);
    return draw(s, operand, (size_t)operands);
}

static void release(void *settings)
{
    struct plot_settings *s = settings;
    mlp_network_destroy(&s->network);
    for (size_t l = 0; l < MAX_LOGS; l++) {
        log_file_free(&s->logs[l]);
    }
}

const struct command plot_command = {
    .name = "plot",
    .summary = "draw the log of a training",
    .synopsis = "LOG... [OPTION...]",
    .description =
        "Draws loss, accuracy, learning rate, gradient norm, clip scale and the shares of clipped "
        "and skipped steps over the epochs, from what `mlp train` wrote with --log or --history, and "
        "marks the lowest validation loss. What does not change is named below the title. Several "
        "logs come into the same charts.",
    .rows = rows,
    .examples = "  mlp train --data digits --validation 0.2 --log digits.csv --output digits.st\n"
                "  mlp plot digits.csv\n"
                "  mlp plot digits.csv --model digits.st --data digits --output digits.svg\n"
                "  mlp plot digits.csv other.jsonl --output curves.svg\n",
    .settings_size = sizeof(struct plot_settings),
    .run = run,
    .release = release,
};
