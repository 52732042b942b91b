/* The commands, in the order of `mlp --help`: each is a file of this folder, which defines NAME_command. */
COMMAND(train)
COMMAND(evaluate)
COMMAND(predict)
COMMAND(diagnose)
COMMAND(plot)
COMMAND(study)
COMMAND(inspect)
COMMAND(info)
