/* mlp: trains, evaluates, runs and describes multilayer perceptrons. */
#include "command_main.h"

int main(int argc, char **argv)
{
    return command_main(argc, argv);
}
