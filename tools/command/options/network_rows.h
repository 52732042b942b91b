/* Rows of options that say what a network is, for tables of options whose settings begin with a struct
 * train_settings, which FIELD(member) is about. No guard: every table includes it. */
/* clang-format off */
    PARSED("hidden", "UNITS,...", parse_hidden,
        "Units of each hidden layer, or none (default: 128).", .note = OF_A_MODEL),
    PARSED("activation", "NAME[:P],...", parse_activation, "Activation of the hidden layers, with its "
        "parameter: one for all, or one for each (default: relu).", .note = OF_A_MODEL),
    PARSED("output-activation", "NAME", parse_output_activation, "Activation of the output (default: softmax "
        "for classes, sigmoid with binary-cross-entropy, identity for numbers). With tanh, hard-tanh and "
        "softsign, classes are learnt as 1 and -1, not 1 and 0.", .note = OF_A_MODEL),
    SIZE("output-units", "N", network.output_units, 1, 2147483583, "Units of the output (default: one for "
        "each class or number; one for two classes under a sigmoid).", .note = OF_A_MODEL),
    PARSED("init", "NAME[:A[,B]],...", parse_init, "Initializer of the weights: one for all layers, or one "
        "for each hidden layer (and one more for the output). Numbers follow a colon: normal:0.05, "
        "uniform:-0.1,0.1, he-normal:gain=1.5,fan=out (default: automatic).", .note = OF_A_MODEL),
    PARSED("output-init", "NAME[:A[,B]]", parse_output_init,
        "Initializer of the output's weights, when it differs.", .note = OF_A_MODEL),
    REAL("init-gain", "G", network.common.numbers.gain, 0, INFINITY, ENDS_OPEN,
        "Gain of the initializers of --init that do not state theirs; above 0.", .note = OF_A_MODEL),
    PARSED("init-fan", "MODE", parse_init_fan,
        "Their fan: in, out, average, geometric or automatic.", .note = OF_A_MODEL),
    PARSED("init-distribution", "NAME", parse_init_distribution,
        "Distribution of variance-scaling: normal, uniform or truncated.", .note = OF_A_MODEL),
    PARSED("bias-init", "NAME[:A[,B]],...", parse_bias_init, "Initializer of the biases: zeros, constant:A, "
        "normal:A, uniform:A,B or truncated-normal:A (default: zeros).", .note = OF_A_MODEL),
    PARSED("output-bias-init", "NAME[:A[,B]]", parse_output_bias_init,
        "Initializer of the output's biases, when it differs.", .note = OF_A_MODEL),
    PARSED("data-init", "METHOD", parse_data_init, "Then fit the start to the data (at most 1000 training "
        "samples): lsuv (orthonormal, each layer scaled to unit variance) or weight-norm (each unit scaled "
        "and shifted to mean 0 and variance 1).", .note = OF_A_MODEL),
    GROUP_WITH("Loss:", GROUP_OF_MODEL | GROUP_VARIES),
    PARSED("loss", "NAME", parse_loss,
        "Loss (default: what suits the output's activation).", .note = OF_A_MODEL),
    PARSED("reduction", "NAME", parse_reduction, "How the losses of a batch become one: mean "
        "(over samples, and for losses of single units over the units, too: PyTorch's), sum, or sample-mean "
        "(over samples, summed over the units: the textbooks'; default: mean).", .note = OF_A_MODEL),
    REAL("label-smoothing", "E", network.options.label_smoothing, 0, 1, ENDS_LOW,
        "Move this share of each target to all classes evenly; of at least 0, below 1; cross-entropy only "
        "(default: 0).", .note = OF_A_MODEL),
    REAL("huber-delta", "D", network.options.huber_delta, 0, INFINITY, ENDS_OPEN,
        "Where the Huber loss turns straight; above 0 (default: 1).", .note = OF_A_MODEL),
    PARSED("class-weights", "W,...", parse_class_weights, "One weight of at least 0 for each class, or "
        "balanced: weights by which all classes count alike; cross-entropy only.", .note = OF_A_MODEL),
    /* clang-format on */
