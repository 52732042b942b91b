/* The table of the studies. */
#include "studies/study.h"

#define STUDY(name) extern const struct study name##_study;
#include "studies/study_rows.h"
#undef STUDY

#define STUDY(name) &name##_study,
const struct study *const studies[] = {
#include "studies/study_rows.h"
};
#undef STUDY

const size_t study_count = sizeof studies / sizeof studies[0];
