/* The options of `mlp train`, their defaults and the lists of names they take. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "options/number.h"
#include "training/train.h"

#define FIELD(member) offsetof(struct train_settings, member)
#define MANY 1e18

/* clang-format off */
const struct option_row train_rows[] = {
    GROUP_WITH("Data:", GROUP_OF_MODEL),
    TEXT("data", "DATA", data, "Required. " DATA_SPEC_HELP, .letter = 'd'),
    PARSED("test", "DATA|SHARE", parse_test, "Data to evaluate the trained model on, or a share of the "
        "samples, drawn by the seed: above 0, below 1 (default: the set's own test part, where it has one)."),
    SIZE("train-first", "N", train_first, 1, MANY,
        "Train on the first N samples alone, counted after validation samples are taken away."),
    REAL("validation", "FRACTION", validation_fraction, 0, 1, ENDS_OPEN,
        "Share of the samples, drawn by the seed, to validate on after each epoch; above 0, below 1."),
    SIZE("validation-last", "N", validation_last, 1, MANY, "Validate on the last N samples instead."),
    TEXT("validation-data", "DATA", validation_data, "Validate on this data instead."),
    SIZE("folds", "K", folds, 2, MANY,
        "Cross-validation: deal the samples into K parts by the seed, train K networks, each validated on "
        "the part it was not trained on, and tell the figures. No model is saved."),
    SIZE("repeat", "N", repeat, 2, 1e6, "Train with N seeds, from --seed on, and tell the figures of each, "
        "their mean and standard deviation. No model is saved."),
    FLAG("stratified", stratified, 1,
        "With --validation, --folds and --test SHARE: deal every class out evenly."),
    FLAG("standardize", standardize, 1, "Give every feature mean 0 and deviation 1, learnt on the training "
        "samples and kept with the model (default for CSV files).", .note = OF_A_MODEL),
    FLAG("no-standardize", standardize, 0, "Leave the features as they are (default for IDX files, whose "
        "bytes are scaled to 0...1).", .note = OF_A_MODEL),
    DATA_STREAM_ROW,
    DATA_CSV_ROWS("Column of the label: its name, its number from 0, or last (default: last). Several, with "
        "commas: numbers to predict, or questions of yes or no where all are 0 or 1."),
    DATA_SCHEMA_ROWS,
    FLAG("regression", request.regression, 1, "The label is a number to predict, not a class."),
    GROUP("Settings:"),
    TEXT("config", "FILE", config, "Read options from this file, too: lines NAME = VALUE, NAME without the "
        "dashes, yes or no for options without a value, # before comments. The command line comes first, "
        "where no-NAME unsets an option without a value."),
    FLAG("print-config", print_config, 1, "Do not train, but print all options as such a file."),
    GROUP_WITH("Network:", GROUP_OF_MODEL | GROUP_VARIES),
    TEXT("from", "MODEL", from,
        "Start from this saved model (fine-tuning). Its layers, loss, standardization and class names stay "
        "in force, and options that say otherwise are refused; labels must be its class names."),
    REAL("mup", "WIDTH", mup, 1, INFINITY, ENDS_LOW,
        "Maximal update parametrization: initializer mup in every layer (not with --from), and the learning "
        "rate, tuned at this width of at least 1, scaled to each layer's."),
#include "options/network_rows.h"
    GROUP_WITH("Optimizer:", GROUP_OF_MODEL | GROUP_VARIES),
    PARSED("optimizer", "NAME", parse_optimizer, "Update rule (default: adam)."),
    REAL("learning-rate", "RATE", optimizer.learning_rate, 0, INFINITY, ENDS_OPEN,
        "Above 0 (default: the rule's)."),
    PARSED("schedule", "NAME[:KEY=VALUE,...]", parse_schedule, "How the learning rate goes on (default: "
        "constant). Keys: period, factor, minimum, power, growth, share, patience, milestones=N+N..., "
        "per=step|epoch; lengths are in steps, or epochs with per=epoch."),
    SIZE("warmup", "N", schedule.warmup, 1, MANY, "Let the learning rate rise over the first N steps (epochs "
        "with per=epoch), in front of any schedule but one-cycle."),
    REAL("momentum", "M", optimizer.momentum, 0, 1, ENDS_OPEN,
        "Of momentum, nesterov and muon; above 0, below 1 (default: 0.9; muon 0.95)."),
    REAL("beta1", "B", optimizer.beta1, 0, 1, ENDS_OPEN,
        "Of adam, its kin and lion; above 0, below 1 (default: 0.9)."),
    REAL("beta2", "B", optimizer.beta2, 0, 1, ENDS_OPEN, "Of adam, its kin, rmsprop, lion and adadelta; "
        "above 0, below 1 (default: 0.999; rmsprop and lion 0.99, adadelta 0.9)."),
    REAL("epsilon", "E", optimizer.epsilon, 0, INFINITY, ENDS_OPEN, "Of adam, its kin, rmsprop, adagrad and "
        "adadelta; above 0 (default: 1e-8; adagrad 1e-10, adadelta and lamb 1e-6)."),
    PARSED("weight-decay", "L", parse_weight_decay,
        "Decay of the weights; of at least 0 (default: 0; adamw, lamb and muon 0.01).", .flag = A_REAL),
    PARSED("decay", "MODE", parse_decay, "How it enters: l2, decoupled or automatic (default: decoupled for "
        "adamw, lion, lamb and muon, l2 for the others)."),
    PARSED("l2", "L", parse_l2, "The same as --weight-decay L --decay l2.", .flag = A_REAL),
    FLAG("decay-biases", optimizer.decay_biases, 1, "Biases decay too."),
    REAL("l1", "L", optimizer.l1, 0, INFINITY, ENDS_LOW,
        "L1 penalty on the weights, of at least 0 (default: 0); with --l2 an elastic net."),
    REAL("max-norm", "C", optimizer.max_norm, 0, INFINITY, ENDS_OPEN,
        "Keep the norm of the weights into each unit at C or less; above 0 (default: no constraint)."),
    PARSED("clip", "RULE[:THRESHOLD]", parse_clip,
        "Clip the gradient, at a threshold above 0 (default: none; threshold 1, or the rule's own)."),
    PARSED("clip-norm", "P", parse_clip_norm,
        "The norm that tensor-norm, layer-norm and global-norm clip by: 1, 2 or max (default: 2)."),
    PARSED("update-clip", "RULE[:THRESHOLD]", parse_update_clip, "Clip what the optimizer changes the "
        "parameters by, too: value, a norm or block-rms (default: none)."),
    FLAG("centralize", optimizer.centralize, 1,
        "Before clipping, take each unit's mean over its incoming weights from the gradient."),
    PARSED("freeze", "LAYER,...", parse_freeze,
        "Leave these layers as they are; counted from 0, the output last."),
    PARSED("layer-rate", "LAYER:FACTOR[:BIASFACTOR],...", parse_layer_rate, "Multiply the learning rate of "
        "these layers, or of their weights and their biases; factors of at least 0."),
    PARSED("layer-decay", "LAYER:FACTOR,...", parse_layer_decay,
        "Multiply the decay and the L1 penalty of these layers; factors of at least 0."),
    PARSED("layer-clip", "LAYER:RULE[:THRESHOLD],...", parse_layer_clip, "Clip these layers by a rule of "
        "their own, or by none: --clip then leaves them alone. Not global-norm, auto or z."),
    PARSED("nonfinite", "POLICY", parse_nonfinite, "What a NaN or an infinity in the gradient leads to: "
        "error, zero, skip, or skip:K for at most K steps in a row (default: error; K 10)."),
    GROUP_WITH("Noise in training:", GROUP_OF_MODEL | GROUP_VARIES),
    PARSED("dropout", "P,...", parse_dropout, "Drop each hidden unit with this probability, one for all "
        "layers or one for each; of at least 0, below 1 (default: 0)."),
    REAL("input-dropout", "P", regularization.input_dropout, 0, 1, ENDS_LOW,
        "Drop each input with this probability; of at least 0, below 1 (default: 0)."),
    PARSED("dropout-kind", "NAME", parse_dropout_kind, "Of hidden units (default: automatic)."),
    REAL("input-noise", "S", regularization.input_noise, 0, INFINITY, ENDS_LOW,
        "Add normal noise of this deviation to each input, after standardization (default: 0)."),
    REAL("mixup", "A", regularization.mixup, 0, INFINITY, ENDS_LOW,
        "Mix samples and targets of a batch, with shares of Beta(A, A); of at least 0 (default: 0, none)."),
    GROUP_WITH("Training:", GROUP_OF_MODEL | GROUP_VARIES),
    SIZE("epochs", "N", fit.epochs, 0, 1e6, "Times the data is gone through; 0 saves the start (default: "
        "until the loss on the validation data, or on a tenth of the samples that is held out, has not "
        "improved for 10 epochs; 600 steps where samples with classes are fewer than 300, or others fewer "
        "than 40; 10 epochs with --schedule or --average swa, which go by the length)."),
    PARSED("batch", "N", parse_batch, "Samples of a step, or all (default: 64).", .flag = A_WHOLE),
    SEED("seed", "N", seed, "Of initial parameters, shuffling, noise, the validation share and folds "
        "(default: 0). The same seed gives the same model, bit for bit, on any number of threads."),
    SIZE("validate-every", "K", fit.validate_every, 1, 1e6,
        "Validate after every K-th epoch, and the last one (default: 1)."),
    SIZE("patience", "N", fit.patience, 0, MANY, "Stop after N epochs (those that are validated) without a "
        "better validation loss and keep the best parameters; 0: never (default)."),
    PARSED("patience-on", "FIGURE", parse_stop_figure, "What must get better: validation-loss (default), "
        "validation-accuracy, or training-loss, with which the last parameters are kept."),
    REAL("minimum-improvement", "X", fit.minimum_improvement, 0, INFINITY, ENDS_LOW,
        "How much better it must get to count; of at least 0 (default: 0)."),
    FLAG("patience-from-least", fit.patience_from_least, 1, "Better than the best so far, also where that "
        "was better by less than this and did not count, as scikit-learn has it (default: than the last that "
        "counted, as Keras has it)."),
    PARSED("average", "NAME[:X]", parse_average, "End with averaged parameters: ema:DECAY over the steps "
        "(0.999), or swa:START over the ends of the epochs from this share on (0.75)."),
    FLAG("keep-last", fit.keep_last, 1, "With --patience, keep the last parameters, not the best."),
    FLAG("keep-order", fit.keep_order, 1, "Do not shuffle."),
    SIZE("shuffle-window", "N", fit.shuffle_window, 1, MANY, "Shuffle N samples at a time, drawn as 64 runs "
        "of neighbours from all over the data (default: all; with --stream as many as are 128 MiB)."),
    SIZE("parts", "P", fit.parts, 1, 4096, "Cut each batch into P parts, whose gradients are added by a "
        "fixed tree: memory is that of a part, and the bits depend on P alone (default: 1)."),
    GROUP("Threads and figures:"),
    SIZE("top-k", "K", fit.top_k, 1, MANY, "K of the top-k accuracy (default: 5)."),
    COUNT("threads", "N", fit.threads, 1, 1024, "Threads to work with (default: OpenMP's, see `mlp info`)."),
    FLAG("monitor", monitor, 1, "Watch the layers every 100 steps: warn when one vanishes, explodes, dies or "
        "saturates, and print a table of the last look at the end."),
    SIZE("monitor-interval", "N", fit.monitor_interval, 1, MANY, "Watch every N steps; implies --monitor."),
    TEXT("monitor-history", "FILE", monitor_history,
        "Write what the monitor saw here, as CSV: a line for each layer of each look; implies --monitor."),
    GROUP("Checkpoints:"),
    TEXT("checkpoint", "FOLDER", checkpoint.folder, "Write checkpoints into this folder, from which --resume "
        "goes on: every minute, and when the training ends or is stopped. The network of the best validation "
        "loss is kept there too, in best.safetensors."),
    FLAG("resume", checkpoint.resume, 1, "Go on from the folder's newest checkpoint, or from the start where "
        "it holds none. Everything else on the command line must be as it was, but for --threads, "
        "--patience, --keep-last and, where the schedule does not hang on them, --epochs; the model is then "
        "the same, bit for bit, as without the interruption."),
    SIZE("checkpoint-steps", "N", checkpoint.steps, 1, MANY, "Write one every N steps, not every minute."),
    REAL("checkpoint-minutes", "X", checkpoint_minutes, 0, 1e6, ENDS_OPEN,
        "Write one every X minutes; above 0 (default: 1, or never with --checkpoint-steps)."),
    SIZE("checkpoint-keep", "N", checkpoint.keep, 1, MANY, "Keep the newest N (default: 3)."),
    PARSED("checkpoint-failure", "POLICY", parse_checkpoint_failure, "What a checkpoint that cannot be "
        "written leads to: continue, with a warning, or stop (default: continue)."),
#ifdef MLP_COMMAND_MPI
    GROUP("Ranks:"),
    FLAG("allow-other-bits", fit.allow_other_bits, 1, "Also ranks with another BLAS, core or vector level, "
        "whose results may differ in the last bits."),
    FLAG("shard-optimizer", shard_optimizer, 1, "Each rank has the optimizer's state of its share of the "
        "parameters alone, and updates these: less memory, and half as much exchange again in each step. The "
        "model is the same. Not with lbfgs."),
    REAL("exchange-timeout", "S", exchange_timeout, 0, 1e6, ENDS_OPEN, "Seconds that a rank waits for "
        "another before the training ends (default: 60). What rank 0 writes meanwhile counts."),
#endif
    GROUP("Output:"),
    TEXT("output", "FILE", output, "Save the model here, as safetensors. Ctrl-C saves what was reached; a "
        "second one ends at once.", .letter = 'o'),
    TEXT("history", "FILE", history, "Write the figures of every epoch here, as CSV."),
    TEXT("log", "FILE", log, "Write a line of figures here as each epoch ends, for `mlp plot`: JSON for a "
        "name that ends in .jsonl, else CSV. With --resume it goes on from where the checkpoint stands."),
    SIZE("log-steps", "N", log_interval, 1, MANY, "Write a line every N steps, too."),
    FLAG("find-learning-rate", find_learning_rate, 1, "Do not train, but try some hundred steps at a growing "
        "rate, tell how the loss goes, and suggest a rate."),
    FLAG("clip-survey", clip_survey, 1, "Train for one epoch only, tell how the norms of the gradient are "
        "distributed, and propose a threshold."),
    TEXT("plot", "FILE", plot,
        "Write the curve of --find-learning-rate here, as SVG or PNG (default: in the terminal)."),
    FLAG("json", json, 1, "Print the result as JSON on standard output."),
    FLAG("quiet", quiet, 1, "No progress on standard error.", .letter = 'q'),
    { .kind = OPTION_END },
};
/* clang-format on */

int parse_test(const char *text, void *settings)
{
    struct train_settings *s = settings;
    double share;
    s->test = text;
    FAIL_IF(text[0] == '\0', usage_error("--test: expected DATA or a share, got an empty text"));
    if (!parse_real(text, &share) || access(text, F_OK) == 0) {
        return EXIT_DONE;
    }
    s->test = NULL;
    s->test_share = share;
    return share > 0.0 && share < 1.0
               ? EXIT_DONE
               : usage_error("--test: expected data, or a share above 0 and below 1, got '%s'", text);
}

int train_settings_default(void *settings)
{
    struct train_settings *s = settings;
    *s = (struct train_settings){
        .standardize = -1,
        .optimizer = MLP_OPTIMIZER_OPTIONS_INIT,
        .fit = MLP_FIT_OPTIONS_INIT,
        .schedule = MLP_SCHEDULE_OPTIONS_INIT,
        .checkpoint = MLP_CHECKPOINT_OPTIONS_INIT,
        .regularization = MLP_REGULARIZATION_INIT,
        .average = MLP_AVERAGE_OPTIONS_INIT,
    };
    s->optimizer.rule = MLP_OPTIMIZER_ADAM;
    s->fit.epochs = EPOCHS_AUTOMATIC;
    data_request_default(&s->request);
    return network_settings_default(&s->network);
}

void train_settings_free(struct train_settings *settings)
{
    network_settings_free(&settings->network);
    mlp_network_destroy(&settings->start);
    layer_changes_free(&settings->layers);
    free(settings->milestones);
    free(settings->layer_dropout);
}

enum { NAME_COLUMN = 24 };

static void print_strategy(FILE *stream, const char *name, const char *description)
{
    const int column = fprintf(stream, "  %s", name);
    print_wrapped(stream, description, (size_t)column, NAME_COLUMN);
}

/* A function's own strategy cannot be given on a command line: `custom` is left out. */
#define PRINT_STRATEGIES(stream, title, type, prefix, custom)                                                \
    do {                                                                                                     \
        fprintf(stream, "\n%s:\n", title);                                                                   \
        for (size_t i = 0; i < prefix##_count(); i++) {                                                      \
            if ((int)i != (int)(custom)) {                                                                   \
                print_strategy(stream, prefix##_name((type)i), prefix##_description((type)i));               \
            }                                                                                                \
        }                                                                                                    \
    } while (0)

void print_train_strategies(FILE *stream)
{
    PRINT_STRATEGIES(stream, "Activations", mlp_activation, mlp_activation, MLP_ACTIVATION_CUSTOM);
    PRINT_STRATEGIES(stream, "Initializers", mlp_init, mlp_init, MLP_INIT_CUSTOM);
    PRINT_STRATEGIES(stream, "Losses", mlp_loss, mlp_loss, MLP_LOSS_CUSTOM);
    PRINT_STRATEGIES(stream, "Optimizers", mlp_optimizer_rule, mlp_optimizer, -1);
    PRINT_STRATEGIES(stream, "Schedules", mlp_schedule, mlp_schedule, MLP_SCHEDULE_CUSTOM);
    PRINT_STRATEGIES(stream, "Averages", mlp_average, mlp_average, -1);
    PRINT_STRATEGIES(stream, "Kinds of dropout", mlp_dropout, mlp_dropout, -1);
    PRINT_STRATEGIES(stream, "Clipping rules", mlp_clip, mlp_clip, MLP_CLIP_CUSTOM);
}
