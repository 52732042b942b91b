/* The options of `mlp train`, their defaults and the lists of names they take. */
#include <math.h>
#include <stdio.h>

#include "command.h"
#include "training/train.h"

#define FIELD(member) offsetof(struct train_settings, member)
#define MANY 1e18
/* What a saved model brings along: refused with --from. */
#define OF_A_MODEL FIELD(option_of_model)

/* clang-format off */
const struct option_row train_rows[] = {
    { .kind = OPTION_GROUP, .help = "Data:" },
    { .kind = OPTION_TEXT, .name = "data", .letter = 'd', .argument = "DATA", .offset = FIELD(data),
      .help = "Required. " DATA_SPEC_HELP },
    { .kind = OPTION_TEXT, .name = "test", .argument = "DATA", .offset = FIELD(test),
      .help = "Data to evaluate the trained model on (default: the set's own test part, where it has one)." },
    { .kind = OPTION_SIZE, .name = "train-first", .argument = "N", .offset = FIELD(train_first), .low = 1,
      .high = MANY,
      .help = "Train on the first N samples alone, counted after validation samples are taken away." },
    { .kind = OPTION_REAL, .name = "validation", .argument = "FRACTION",
      .offset = FIELD(validation_fraction), .low = 0,
      .high = 1,
      .help = "Share of the samples, drawn by the seed, to validate on after each epoch; above 0, below 1." },
    { .kind = OPTION_SIZE, .name = "validation-last", .argument = "N", .offset = FIELD(validation_last),
      .low = 1,
      .high = MANY, .help = "Validate on the last N samples instead." },
    { .kind = OPTION_TEXT, .name = "validation-data", .argument = "DATA", .offset = FIELD(validation_data),
      .help = "Validate on this data instead." },
    { .kind = OPTION_SIZE, .name = "folds", .argument = "K", .offset = FIELD(folds), .low = 2, .high = MANY,
      .help = "Cross-validation: deal the samples into K parts by the seed, train K networks, each "
              "validated on the part it was "
              "not trained on, and tell the figures. No model is saved." },
    { .kind = OPTION_FLAG, .name = "stratified", .offset = FIELD(stratified), .flag = 1,
      .help = "With --validation and --folds: deal every class out evenly." },
    { .kind = OPTION_FLAG, .name = "standardize", .note = OF_A_MODEL, .offset = FIELD(standardize), .flag = 1,
      .help = "Give every feature mean 0 and deviation 1, learnt on the training samples and kept with the "
              "model "
              "(default for CSV files)." },
    { .kind = OPTION_FLAG, .name = "no-standardize", .note = OF_A_MODEL, .offset = FIELD(standardize),
      .flag = 0,
      .help = "Leave the features as they are (default for IDX files, whose bytes are scaled to 0...1)." },
    DATA_STREAM_ROW,
    DATA_CSV_ROWS("Column of the label: its name, its number from 0, or last (default: last)."),
    { .kind = OPTION_FLAG, .name = "regression", .offset = FIELD(request.regression), .flag = 1,
      .help = "The label is a number to predict, not a class." },
    { .kind = OPTION_GROUP, .help = "Network:" },
    { .kind = OPTION_TEXT, .name = "from", .argument = "MODEL", .offset = FIELD(from),
      .help = "Start from this saved model (fine-tuning). Its layers, loss, standardization and class "
              "names stay in force, and "
              "options that say otherwise are refused; labels must be its class names." },
    { .kind = OPTION_PARSED, .name = "hidden", .note = OF_A_MODEL, .argument = "UNITS,...",
      .parse = parse_hidden,
      .help = "Units of each hidden layer, or none (default: 128)." },
    { .kind = OPTION_PARSED, .name = "activation", .note = OF_A_MODEL, .argument = "NAME[:P],...",
      .parse = parse_activation,
      .help = "Activation of the hidden layers, with its parameter: one for all, or one for each (default: "
              "relu)." },
    { .kind = OPTION_PARSED, .name = "output-activation", .note = OF_A_MODEL, .argument = "NAME",
      .parse = parse_output_activation,
      .help = "Activation of the output (default: softmax for classes, sigmoid with binary-cross-entropy, "
              "identity for "
              "numbers)." },
    { .kind = OPTION_SIZE, .name = "output-units", .note = OF_A_MODEL, .argument = "N",
      .offset = FIELD(network.output_units), .low = 1, .high = 2147483583,
      .help = "Units of the output (default: one for each class or number; one for two classes under a "
              "sigmoid)." },
    { .kind = OPTION_PARSED, .name = "init", .note = OF_A_MODEL, .argument = "NAME[:A[,B]],...",
      .parse = parse_init,
      .help = "Initializer of the weights: one for all layers, or one for each hidden layer (and one more "
              "for the "
              "output). Numbers follow a colon: normal:0.05, uniform:-0.1,0.1, he-normal:gain=1.5,fan=out "
              "(default: "
              "automatic)." },
    { .kind = OPTION_PARSED, .name = "output-init", .note = OF_A_MODEL, .argument = "NAME[:A[,B]]",
      .parse = parse_output_init,
      .help = "Initializer of the output's weights, when it differs." },
    { .kind = OPTION_REAL, .name = "init-gain", .note = OF_A_MODEL, .argument = "G",
      .offset = FIELD(network.common.numbers.gain), .low = 0, .high = INFINITY,
      .help = "Gain of the initializers of --init that do not state theirs; above 0." },
    { .kind = OPTION_PARSED, .name = "init-fan", .note = OF_A_MODEL, .argument = "MODE",
      .parse = parse_init_fan,
      .help = "Their fan: in, out, average, geometric or automatic." },
    { .kind = OPTION_PARSED, .name = "init-distribution", .note = OF_A_MODEL, .argument = "NAME",
      .parse = parse_init_distribution,
      .help = "Distribution of variance-scaling: normal, uniform or truncated." },
    { .kind = OPTION_PARSED, .name = "bias-init", .note = OF_A_MODEL, .argument = "NAME[:A[,B]],...",
      .parse = parse_bias_init,
      .help = "Initializer of the biases: zeros, constant:A, normal:A, uniform:A,B or truncated-normal:A "
              "(default: "
              "zeros)." },
    { .kind = OPTION_PARSED, .name = "output-bias-init", .note = OF_A_MODEL, .argument = "NAME[:A[,B]]",
      .parse = parse_output_bias_init,
      .help = "Initializer of the output's biases, when it differs." },
    { .kind = OPTION_PARSED, .name = "data-init", .note = OF_A_MODEL, .argument = "METHOD",
      .parse = parse_data_init,
      .help = "Then fit the start to the data (at most 1000 training samples): lsuv (orthonormal, each "
              "layer scaled to unit "
              "variance) or weight-norm (each unit scaled and shifted to mean 0 and variance 1)." },
    { .kind = OPTION_REAL, .name = "mup", .argument = "WIDTH", .offset = FIELD(mup), .low = 1,
      .high = INFINITY, .ends = ENDS_LOW,
      .help = "Maximal update parametrization: initializer mup in every layer (not with --from), and the "
              "learning rate, tuned "
              "at this width of at least 1, scaled to each layer's." },
    { .kind = OPTION_GROUP, .help = "Loss:" },
    { .kind = OPTION_PARSED, .name = "loss", .note = OF_A_MODEL, .argument = "NAME", .parse = parse_loss,
      .help = "Loss (default: what suits the output's activation)." },
    { .kind = OPTION_PARSED, .name = "reduction", .note = OF_A_MODEL, .argument = "NAME",
      .parse = parse_reduction,
      .help = "How the losses of a batch become one: mean, sum or sample-mean (default: mean)." },
    { .kind = OPTION_REAL, .name = "label-smoothing", .note = OF_A_MODEL, .argument = "E",
      .offset = FIELD(network.options.label_smoothing), .low = 0, .high = 1, .ends = ENDS_LOW,
      .help = "Move this share of each target to all classes evenly; of at least 0, below 1; cross-entropy "
              "only (default: 0)." },
    { .kind = OPTION_REAL, .name = "huber-delta", .note = OF_A_MODEL, .argument = "D",
      .offset = FIELD(network.options.huber_delta), .low = 0, .high = INFINITY,
      .help = "Where the Huber loss turns straight; above 0 (default: 1)." },
    { .kind = OPTION_PARSED, .name = "class-weights", .note = OF_A_MODEL, .argument = "W,...",
      .parse = parse_class_weights,
      .help = "One weight of at least 0 for each class, or balanced: weights by which all classes count "
              "alike; cross-entropy "
              "only." },
    { .kind = OPTION_GROUP, .help = "Optimizer:" },
    { .kind = OPTION_PARSED, .name = "optimizer", .argument = "NAME", .parse = parse_optimizer,
      .help = "Update rule (default: adam)." },
    { .kind = OPTION_REAL, .name = "learning-rate", .argument = "RATE",
      .offset = FIELD(optimizer.learning_rate),
      .low = 0, .high = INFINITY, .help = "Above 0 (default: the rule's)." },
    { .kind = OPTION_PARSED, .name = "schedule", .argument = "NAME[:KEY=VALUE,...]", .parse = parse_schedule,
      .help = "How the learning rate goes on (default: constant). Keys: period, factor, minimum, power, "
              "growth, share, patience, "
              "milestones=N+N..., per=step|epoch; lengths are in steps, or epochs with per=epoch." },
    { .kind = OPTION_SIZE, .name = "warmup", .argument = "N", .offset = FIELD(schedule.warmup), .low = 1,
      .high = MANY,
      .help = "Let the learning rate rise over the first N steps (epochs with per=epoch), in front of any "
              "schedule but one-cycle." },
    { .kind = OPTION_REAL, .name = "momentum", .argument = "M", .offset = FIELD(optimizer.momentum), .low = 0,
      .high = 1, .help = "Of momentum, nesterov and muon; above 0, below 1 (default: 0.9; muon 0.95)." },
    { .kind = OPTION_REAL, .name = "beta1", .argument = "B", .offset = FIELD(optimizer.beta1), .low = 0,
      .high = 1,
      .help = "Of adam, its kin and lion; above 0, below 1 (default: 0.9)." },
    { .kind = OPTION_REAL, .name = "beta2", .argument = "B", .offset = FIELD(optimizer.beta2), .low = 0,
      .high = 1,
      .help = "Of adam, its kin, rmsprop, lion and adadelta; above 0, below 1 (default: 0.999; rmsprop and "
              "lion 0.99, adadelta "
              "0.9)." },
    { .kind = OPTION_REAL, .name = "epsilon", .argument = "E", .offset = FIELD(optimizer.epsilon), .low = 0,
      .high = INFINITY, .help = "Of adam, its kin, rmsprop, adagrad and adadelta; above 0 (default: 1e-8; "
                                "adagrad 1e-10, "
              "adadelta and lamb 1e-6)." },
    { .kind = OPTION_PARSED, .name = "weight-decay", .argument = "L", .parse = parse_weight_decay,
      .help = "Decay of the weights; of at least 0 (default: 0; adamw, lamb and muon 0.01)." },
    { .kind = OPTION_PARSED, .name = "decay", .argument = "MODE", .parse = parse_decay,
      .help = "How it enters: l2, decoupled or automatic (default: decoupled for adamw, lion, lamb and "
              "muon, l2 for the "
              "others)." },
    { .kind = OPTION_PARSED, .name = "l2", .argument = "L", .parse = parse_l2,
      .help = "The same as --weight-decay L --decay l2." },
    { .kind = OPTION_FLAG, .name = "decay-biases", .offset = FIELD(optimizer.decay_biases), .flag = 1,
      .help = "Biases decay too." },
    { .kind = OPTION_REAL, .name = "l1", .argument = "L", .offset = FIELD(optimizer.l1), .low = 0,
      .high = INFINITY,
      .ends = ENDS_LOW, .help = "L1 penalty on the weights, of at least 0 (default: 0); with --l2 an "
                                "elastic net." },
    { .kind = OPTION_REAL, .name = "max-norm", .argument = "C", .offset = FIELD(optimizer.max_norm),
      .low = 0, .high = INFINITY,
      .help = "Keep the norm of the weights into each unit at C or less; above 0 (default: no constraint)." },
    { .kind = OPTION_PARSED, .name = "clip", .argument = "RULE[:THRESHOLD]", .parse = parse_clip,
      .help = "Clip the gradient, at a threshold above 0 (default: none; threshold 1, or the rule's own)." },
    { .kind = OPTION_PARSED, .name = "clip-norm", .argument = "P", .parse = parse_clip_norm,
      .help = "The norm that tensor-norm, layer-norm and global-norm clip by: 1, 2 or max (default: 2)." },
    { .kind = OPTION_PARSED, .name = "update-clip", .argument = "RULE[:THRESHOLD]",
      .parse = parse_update_clip,
      .help = "Clip what the optimizer changes the parameters by, too: value, a norm or block-rms "
              "(default: none)." },
    { .kind = OPTION_FLAG, .name = "centralize", .offset = FIELD(optimizer.centralize), .flag = 1,
      .help = "Before clipping, take each unit's mean over its incoming weights from the gradient." },
    { .kind = OPTION_PARSED, .name = "freeze", .argument = "LAYER,...", .parse = parse_freeze,
      .help = "Leave these layers as they are; counted from 0, the output last." },
    { .kind = OPTION_PARSED, .name = "layer-rate", .argument = "LAYER:FACTOR[:BIASFACTOR],...",
      .parse = parse_layer_rate,
      .help = "Multiply the learning rate of these layers, or of their weights and their biases; factors "
              "of at least 0." },
    { .kind = OPTION_PARSED, .name = "layer-decay", .argument = "LAYER:FACTOR,...",
      .parse = parse_layer_decay,
      .help = "Multiply the decay and the L1 penalty of these layers; factors of at least 0." },
    { .kind = OPTION_PARSED, .name = "layer-clip", .argument = "LAYER:RULE[:THRESHOLD],...",
      .parse = parse_layer_clip,
      .help = "Clip these layers by a rule of their own, or by none: --clip then leaves them alone. Not "
              "global-norm, auto "
              "or z." },
    { .kind = OPTION_PARSED, .name = "nonfinite", .argument = "POLICY", .parse = parse_nonfinite,
      .help = "What a NaN or an infinity in the gradient leads to: error, zero, skip, or skip:K for at "
              "most K steps in "
              "a row (default: error; K 10)." },
    { .kind = OPTION_GROUP, .help = "Noise in training:" },
    { .kind = OPTION_REAL, .name = "dropout", .argument = "P",
      .offset = FIELD(regularization.hidden_dropout), .low = 0,
      .high = 1, .ends = ENDS_LOW, .help = "Drop each hidden unit with this probability; of at least 0, "
                                           "below 1 (default: 0)." },
    { .kind = OPTION_REAL, .name = "input-dropout", .argument = "P",
      .offset = FIELD(regularization.input_dropout), .low = 0,
      .high = 1, .ends = ENDS_LOW, .help = "Drop each input with this probability; of at least 0, below 1 "
                                           "(default: 0)." },
    { .kind = OPTION_PARSED, .name = "dropout-kind", .argument = "NAME", .parse = parse_dropout_kind,
      .help = "Of hidden units (default: automatic)." },
    { .kind = OPTION_REAL, .name = "input-noise", .argument = "S",
      .offset = FIELD(regularization.input_noise), .low = 0,
      .high = INFINITY, .ends = ENDS_LOW,
      .help = "Add normal noise of this deviation to each input, after standardization (default: 0)." },
    { .kind = OPTION_REAL, .name = "mixup", .argument = "A", .offset = FIELD(regularization.mixup),
      .low = 0, .high = INFINITY,
      .ends = ENDS_LOW,
      .help = "Mix samples and targets of a batch, with shares of Beta(A, A); of at least 0 (default: 0, "
              "none)." },
    { .kind = OPTION_GROUP, .help = "Training:" },
    { .kind = OPTION_SIZE, .name = "epochs", .argument = "N", .offset = FIELD(fit.epochs), .low = 1,
      .high = 1e6,
      .help = "Times the data is gone through (default: 10)." },
    { .kind = OPTION_SIZE, .name = "batch", .argument = "N", .offset = FIELD(fit.batch), .low = 1,
      .high = MANY,
      .help = "Samples of a step (default: 64)." },
    { .kind = OPTION_SEED, .name = "seed", .argument = "N", .offset = FIELD(seed),
      .help = "Of initial parameters, shuffling, noise, the validation share and folds (default: 0). The "
              "same seed gives the "
              "same model, bit for bit, on any number of threads." },
    { .kind = OPTION_SIZE, .name = "patience", .argument = "N", .offset = FIELD(fit.patience), .low = 0,
      .high = MANY,
      .help = "Stop after N epochs without a better validation loss and keep the best parameters; 0: never "
              "(default)." },
    { .kind = OPTION_REAL, .name = "minimum-improvement", .argument = "X",
      .offset = FIELD(fit.minimum_improvement),
      .low = 0, .high = INFINITY, .ends = ENDS_LOW,
      .help = "How much lower the validation loss must get to count as better; of at least 0 (default: 0)." },
    { .kind = OPTION_PARSED, .name = "average", .argument = "NAME[:X]", .parse = parse_average,
      .help = "End with averaged parameters: ema:DECAY over the steps (0.999), or swa:START over the ends "
              "of the epochs from "
              "this share on (0.75)." },
    { .kind = OPTION_FLAG, .name = "keep-last", .offset = FIELD(fit.keep_last), .flag = 1,
      .help = "With --patience, keep the last parameters, not the best." },
    { .kind = OPTION_FLAG, .name = "keep-order", .offset = FIELD(fit.keep_order), .flag = 1,
      .help = "Do not shuffle." },
    { .kind = OPTION_SIZE, .name = "shuffle-window", .argument = "N", .offset = FIELD(fit.shuffle_window),
      .low = 1, .high = MANY,
      .help = "Shuffle N samples at a time, drawn as 64 runs of neighbours from all over the data "
              "(default: all; with --stream as "
              "many as are 128 MiB)." },
    { .kind = OPTION_SIZE, .name = "top-k", .argument = "K", .offset = FIELD(fit.top_k), .low = 1,
      .high = MANY,
      .help = "K of the top-k accuracy (default: 5)." },
    { .kind = OPTION_COUNT, .name = "threads", .argument = "N", .offset = FIELD(fit.threads), .low = 1,
      .high = 1024,
      .help = "Threads to work with (default: OpenMP's, see `mlp info`)." },
    { .kind = OPTION_FLAG, .name = "monitor", .offset = FIELD(monitor), .flag = 1,
      .help = "Watch the layers every 100 steps: warn when one vanishes, explodes, dies or saturates, and "
              "print a table of "
              "the last look at the end." },
    { .kind = OPTION_SIZE, .name = "monitor-interval", .argument = "N",
      .offset = FIELD(fit.monitor_interval), .low = 1,
      .high = MANY, .help = "Watch every N steps; implies --monitor." },
    { .kind = OPTION_TEXT, .name = "monitor-history", .argument = "FILE", .offset = FIELD(monitor_history),
      .help = "Write what the monitor saw here, as CSV: a line for each layer of each look; implies "
              "--monitor." },
    { .kind = OPTION_GROUP, .help = "Checkpoints:" },
    { .kind = OPTION_TEXT, .name = "checkpoint", .argument = "FOLDER", .offset = FIELD(checkpoint.folder),
      .help = "Write checkpoints into this folder, from which --resume goes on: every minute, and when the "
              "training ends or is "
              "stopped. The network of the best validation loss is kept there too, in best.safetensors." },
    { .kind = OPTION_FLAG, .name = "resume", .offset = FIELD(checkpoint.resume), .flag = 1,
      .help = "Go on from the folder's newest checkpoint, or from the start where it holds none. "
              "Everything else on the command "
              "line must be as it was, but for --threads, --patience, --keep-last and, where the schedule "
              "does not hang on "
              "them, --epochs; the model is then the same, bit for bit, as without the interruption." },
    { .kind = OPTION_SIZE, .name = "checkpoint-steps", .argument = "N", .offset = FIELD(checkpoint.steps),
      .low = 1, .high = MANY,
      .help = "Write one every N steps, not every minute." },
    { .kind = OPTION_REAL, .name = "checkpoint-minutes", .argument = "X",
      .offset = FIELD(checkpoint_minutes), .low = 0,
      .high = 1e6, .help = "Write one every X minutes; above 0 (default: 1, or never with "
                           "--checkpoint-steps)." },
    { .kind = OPTION_SIZE, .name = "checkpoint-keep", .argument = "N", .offset = FIELD(checkpoint.keep),
      .low = 1, .high = MANY,
      .help = "Keep the newest N (default: 3)." },
    { .kind = OPTION_PARSED, .name = "checkpoint-failure", .argument = "POLICY",
      .parse = parse_checkpoint_failure,
      .help = "What a checkpoint that cannot be written leads to: continue, with a warning, or stop "
              "(default: continue)." },
    { .kind = OPTION_GROUP, .help = "Output:" },
    { .kind = OPTION_TEXT, .name = "output", .letter = 'o', .argument = "FILE", .offset = FIELD(output),
      .help = "Save the model here, as safetensors. Ctrl-C saves what was reached; a second one ends at "
              "once." },
    { .kind = OPTION_TEXT, .name = "history", .argument = "FILE", .offset = FIELD(history),
      .help = "Write the figures of every epoch here, as CSV." },
    { .kind = OPTION_TEXT, .name = "log", .argument = "FILE", .offset = FIELD(log),
      .help = "Write a line of figures here as each epoch ends, for `mlp plot`: JSON for a name that ends "
              "in .jsonl, else CSV. "
              "With --resume it goes on from where the checkpoint stands." },
    { .kind = OPTION_SIZE, .name = "log-steps", .argument = "N", .offset = FIELD(log_interval), .low = 1,
      .high = MANY,
      .help = "Write a line every N steps, too." },
    { .kind = OPTION_FLAG, .name = "find-learning-rate", .offset = FIELD(find_learning_rate), .flag = 1,
      .help = "Do not train, but try some hundred steps at a growing rate, tell how the loss goes, and "
              "suggest a rate." },
    { .kind = OPTION_FLAG, .name = "clip-survey", .offset = FIELD(clip_survey), .flag = 1,
      .help = "Train for one epoch only, tell how the norms of the gradient are distributed, and propose a "
              "threshold." },
    { .kind = OPTION_TEXT, .name = "plot", .argument = "FILE", .offset = FIELD(plot),
      .help = "Write the curve of --find-learning-rate here, as SVG or PNG (default: in the terminal)." },
    { .kind = OPTION_FLAG, .name = "json", .offset = FIELD(json), .flag = 1,
      .help = "Print the result as JSON on standard output." },
    { .kind = OPTION_FLAG, .name = "quiet", .letter = 'q', .offset = FIELD(quiet), .flag = 1,
      .help = "No progress on standard error." },
    { .kind = OPTION_END },
};
/* clang-format on */

int train_settings_default(struct train_settings *settings)
{
    *settings = (struct train_settings){
        .request = DATA_REQUEST_INIT,
        .standardize = -1,
        .optimizer = MLP_OPTIMIZER_OPTIONS_INIT,
        .fit = MLP_FIT_OPTIONS_INIT,
        .schedule = MLP_SCHEDULE_OPTIONS_INIT,
        .checkpoint = MLP_CHECKPOINT_OPTIONS_INIT,
        .regularization = MLP_REGULARIZATION_INIT,
        .average = MLP_AVERAGE_OPTIONS_INIT,
    };
    settings->optimizer.rule = MLP_OPTIMIZER_ADAM;
    settings->fit.epochs = 10;
    return network_settings_default(&settings->network);
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
