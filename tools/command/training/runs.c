/* Several trainings of the same data, side by side: each on its share of the threads, with the bits that it
 * has alone. */
#include "training/runs.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlp/info.h>

#include "interrupt.h"
#include "message.h"
#include "options/table_argument.h"

enum { MOST_RUNS = 100000 };

/* What the threads that train share. */
struct workshop {
    struct runs *runs;
    const struct train_data *loaded;
    bool shows_progress; /* one training after another */
    atomic_size_t next;  /* run to begin */
    atomic_int code;     /* of a run that failed */
    pthread_mutex_t saying;
    size_t done;
};

static void say(struct workshop *workshop, const struct run *run)
{
    const struct runs *runs = workshop->runs;
    const struct run_figures *figures = run->validation.count > 0 ? &run->validation : &run->test;
    const bool classes = figures->count > 0 && !isnan(figures->values[FIGURE_ACCURACY]);
    char *choice = choice_text(runs, run->choice);
    char fold[48] = "", figure[64] = "";
    workshop->done++;
    if (runs->folds > 1) {
        snprintf(fold, sizeof fold, ", fold %zu of %zu", run->fold + 1, runs->folds);
    }
    if (figures->count > 0) {
        snprintf(figure, sizeof figure, "%s %s %.4g, ", figures == &run->test ? "test" : "validation",
                 classes ? "accuracy" : "RMSE", figures->values[classes ? FIGURE_ACCURACY : FIGURE_RMSE]);
    }
    notice("%zu of %zu: %s%sseed %llu%s: %s%zu epoch%s", workshop->done, runs->count,
           choice != NULL ? choice : "", choice != NULL && choice[0] != '\0' ? ", " : "",
           (unsigned long long)run->settings.seed, fold, run->diverged ? "diverged, " : figure, run->epochs,
           run->epochs == 1 ? "" : "s");
    free(choice);
}

static void *work(void *context)
{
    struct workshop *workshop = context;
    struct runs *runs = workshop->runs;
    while (interrupt_signal() == 0 && atomic_load(&workshop->code) == EXIT_DONE) {
        const size_t i = atomic_fetch_add(&workshop->next, 1);
        if (i >= runs->count) {
            break;
        }
        const int code = train_run(&runs->items[i], workshop->loaded, workshop->shows_progress);
        int none = EXIT_DONE;
        atomic_compare_exchange_strong(&workshop->code, &none, code);
        if (code == EXIT_DONE && runs->items[i].done && runs->settings->quiet == 0) {
            pthread_mutex_lock(&workshop->saying);
            say(workshop, &runs->items[i]);
            pthread_mutex_unlock(&workshop->saying);
        }
    }
    return NULL;
}

/* As many workers as there are threads to work with, which share them; ranks do one thing together. */
static int train_all(struct runs *runs, const struct train_data *loaded)
{
    struct workshop workshop = { .runs = runs, .loaded = loaded, .saying = PTHREAD_MUTEX_INITIALIZER };
    mlp_info info;
    mlp_info_get(&info);
    const size_t threads =
        (size_t)(runs->settings->fit.threads > 0 ? runs->settings->fit.threads : info.threads);
    size_t workers = threads < runs->count ? threads : runs->count, begun = 0;
    workers = runs->settings->fit.exchange != NULL ? 1 : workers;
    for (size_t i = 0; i < runs->count; i++) {
        runs->items[i].settings.fit.threads = (int)(threads / workers);
    }
    workshop.shows_progress = workers == 1 && runs->settings->quiet == 0;
    pthread_t *others = calloc(workers, sizeof *others);
    FAIL_IF(others == NULL, out_of_memory());
    while (begun + 1 < workers && pthread_create(&others[begun], NULL, work, &workshop) == 0) {
        begun++;
    }
    work(&workshop);
    for (size_t i = 0; i < begun; i++) {
        pthread_join(others[i], NULL);
    }
    free(others);
    return atomic_load(&workshop.code);
}

/* ---- which ones ---------------------------------------------------------------------------------------- */

static size_t at_least_1(size_t count)
{
    return count > 0 ? count : 1;
}

size_t count_runs(const struct train_settings *settings)
{
    const size_t choices = count_choices(settings->given);
    if (choices > MOST_RUNS || settings->repeat > MOST_RUNS || settings->folds > MOST_RUNS) {
        return MOST_RUNS + 1;
    }
    return choices * at_least_1(settings->repeat) * at_least_1(settings->folds);
}

/* The settings of one, read anew: nothing of another training is in them. */
static int make_run(const struct runs *runs, struct run *run)
{
    const struct train_settings *base = runs->settings;
    TRY(train_settings_default(&run->settings));
    choose_values(base->given, run->choice);
    TRY(apply_options(base->given, &run->settings));
    run->settings.given = base->given;
    run->settings.seed += run->repeat;
    TRY(train_settings_check(&run->settings));
    run->settings.start = base->start;
    run->settings.request.regression = base->request.regression;
    run->settings.fit.exchange = base->fit.exchange;
    run->settings.optimizer.shard_rank = base->optimizer.shard_rank;
    run->settings.optimizer.shard_count = base->optimizer.shard_count;
    return EXIT_DONE;
}

static int make_runs(struct runs *runs)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < runs->count && code == EXIT_DONE; i++) {
        struct run *run = &runs->items[i];
        run->fold = i % runs->folds;
        run->repeat = i / runs->folds % runs->repeats;
        run->choice = i / runs->folds / runs->repeats;
        code = make_run(runs, run);
    }
    choose_values(runs->settings->given, 0);
    return code;
}

static void free_runs(struct runs *runs)
{
    for (size_t i = 0; i < runs->count && runs->items != NULL; i++) {
        runs->items[i].settings.start = NULL;
        train_settings_free(&runs->items[i].settings);
    }
    free(runs->items);
}

static int report(const struct runs *runs)
{
    size_t done = 0;
    for (size_t i = 0; i < runs->count; i++) {
        done += runs->items[i].done;
    }
    if (done > 0) {
        TRY(print_runs(runs));
    }
    return interrupt_signal() == 0 ? EXIT_DONE
                                   : work_error("stopped by %s after %zu of %zu trainings",
                                                strsignal(interrupt_signal()), done, runs->count);
}

int train_runs(const struct train_settings *settings, const struct train_data *loaded)
{
    struct runs runs = { .settings = settings,
                         .count = count_runs(settings),
                         .choices = count_choices(settings->given),
                         .repeats = at_least_1(settings->repeat),
                         .folds = at_least_1(settings->folds),
                         .class_count = loaded->classes };
    FAIL_IF(runs.count > MOST_RUNS,
            usage_error("expected at most %d trainings in one go, got more", MOST_RUNS));
    runs.items = calloc(runs.count, sizeof *runs.items);
    FAIL_IF(runs.items == NULL, out_of_memory());
    int code = make_runs(&runs);
    code = code == EXIT_DONE ? try_first_run(&runs, loaded) : code;
    if (code == EXIT_DONE) {
        tell_of_table(settings->data, loaded->set.data, settings->quiet == 0);
        catch_interrupts();
        code = train_all(&runs, loaded);
        code = code == EXIT_DONE ? report(&runs) : code;
    }
    free_runs(&runs);
    return code;
}
