/* The studies, in the order of `mlp study --all`. */
STUDY(zeros)
STUDY(vanishing)
STUDY(exploding)
STUDY(activations)
STUDY(scaling)
STUDY(clipping)
STUDY(biases)
STUDY(depth)
