/* A folder of checkpoints: checkpoint-STEP.safetensors, and best.safetensors. */
#ifndef SESSION_CHECKPOINT_FOLDER_H
#define SESSION_CHECKPOINT_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include <mlp/status.h>

struct checkpoint_folder {
    const char *path; /* borrowed */
    int lock;         /* descriptor; -1: not open */
    bool is_forked;   /* this process is a child of the one that holds the folder, and must not write */
    struct checkpoint_folder *next; /* of those held by this process */
    size_t *steps;                  /* of the checkpoints there, ascending; owned */
    size_t count;
    size_t room;
};

/* Opens the folder, which must stay where it is in memory, and makes it where it is missing (not those
 * above it); takes it for this fit alone, clears away what a killed fit left half-written, and lists its
 * checkpoints. checkpoint_folder_close() afterwards in any case. IO (also when another fit uses the
 * folder), MEMORY. */
mlp_status checkpoint_folder_open(const char *path, struct checkpoint_folder *folder);
void checkpoint_folder_close(struct checkpoint_folder *folder);

/* The path of a step's checkpoint, or of the best parameters; the caller's (memory_free). NULL when memory is
 * short. */
char *checkpoint_path(const struct checkpoint_folder *folder, size_t step);
char *checkpoint_best_path(const struct checkpoint_folder *folder);

/* Notes that a step's checkpoint is there now, and removes the oldest ones beyond the last `keep` (≥ 1). */
mlp_status checkpoint_folder_add(struct checkpoint_folder *folder, size_t step, size_t keep);

#endif
