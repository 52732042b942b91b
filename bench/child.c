/* Another program at the end of a pipe. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts it with `far` as its descriptor `descriptor`. Both ends close when a program is executed: only this
 * child, and no later one, has this copy. */
static int spawn(const char *program, const char *const *arguments, int far, int descriptor, pid_t *process)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, far, descriptor);
        if (error == 0) {
            error = posix_spawnp(process, program, &actions, NULL, (char *const *)arguments,
                                 environ); /* writes to none */
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    return error;
}

int child_start(const char *program, const char *const *arguments, const char *mode, struct child *child)
{
    const int write_to = mode[0] == 'w';
    int ends[2];
    *child = (struct child){ 0, NULL };
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return errno;
    }
    const int near = ends[write_to ? 1 : 0], far = ends[write_to ? 0 : 1];
    int error = 0;
    child->pipe = fdopen(near, mode);
    if (child->pipe == NULL) {
        error = errno;
        close(near);
    } else {
        error = spawn(program, arguments, far, write_to ? STDIN_FILENO : STDOUT_FILENO, &child->process);
    }
    close(far);
    if (error != 0 && child->pipe != NULL) {
        fclose(child->pipe);
        *child = (struct child){ 0, NULL };
    }
    return error;
}

int child_end(struct child *child)
{
    int status = 0;
    if (child->process == 0) {
        return 0;
    }
    fclose(child->pipe);
    while (waitpid(child->process, &status, 0) < 0) {
        if (errno != EINTR) {
            return 255;
        }
    }
    *child = (struct child){ 0, NULL };
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
