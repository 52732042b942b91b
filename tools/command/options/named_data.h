/* Data sets that are known by a name, and where their files lie. */
#ifndef TOOLS_NAMED_DATA_H
#define TOOLS_NAMED_DATA_H

/* File names are relative to the folders that are searched. */
struct named_data {
    const char *name;
    const char *features; /* IDX with `labels`, CSV without */
    const char *labels;
    const char *test_features; /* NULL when the set has no test part */
    const char *test_labels;
    const char *const *class_names; /* NULL where the file has them */
    const char *origin;             /* where the files come from */
};

/* NULL when no set has this name. */
const struct named_data *find_known_data(const char *name);
/* The names, for messages. */
const char *known_data_names(void);
/* Path of a file in $MLP_DATA_DIR, beside the program, in the installed data folder or in Debian's folder of
 * data sets, the first that is there; as it is or with .gz. The caller frees it; NULL when there is none. */
char *find_known_file(const char *name);

#endif
