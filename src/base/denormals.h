/* Denormal numbers count as 0 while the library computes.
 *
 * Gradients and moments that fade, and the tails of a confident softmax, end in numbers below 1.2e-38, whose
 * arithmetic takes Intel's processors 100 cycles and more each. With flush-to-zero a result that would be
 * denormal is 0, with denormals-are-zero an operand that is denormal counts as 0. Both are a setting of the
 * calling thread. */
#ifndef BASE_DENORMALS_H
#define BASE_DENORMALS_H

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

/* The bits of the floating-point control register: MXCSR's FTZ and DAZ, FPCR's or FPSCR's FZ; 0 where the
 * processor has no such setting, and denormal numbers count. */
#if defined(__SSE2__)
#define DENORMAL_BITS 0x8040UL
#elif defined(__aarch64__) || defined(__ARM_FP)
#define DENORMAL_BITS 0x1000000UL
#else
#define DENORMAL_BITS 0UL
#endif

typedef unsigned long denormal_setting;

static inline denormal_setting float_control(void)
{
#if defined(__SSE2__)
    return _mm_getcsr();
#elif defined(__aarch64__)
    denormal_setting control;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(control)::"memory");
    return control;
#elif defined(__ARM_FP)
    denormal_setting control;
    __asm__ __volatile__("vmrs %0, fpscr" : "=r"(control)::"memory");
    return control;
#else
    return 0;
#endif
}

static inline void set_float_control(denormal_setting control)
{
#if defined(__SSE2__)
    _mm_setcsr((unsigned)control);
#elif defined(__aarch64__)
    __asm__ __volatile__("msr fpcr, %0" ::"r"(control) : "memory");
#elif defined(__ARM_FP)
    __asm__ __volatile__("vmsr fpscr, %0" ::"r"(control) : "memory");
#else
    (void)control;
#endif
}

/* Sets both for the calling thread. Returns what denormals_restore() takes. */
static inline denormal_setting denormals_flush(void)
{
    const denormal_setting control = float_control();
    if ((control & DENORMAL_BITS) != DENORMAL_BITS) {
        set_float_control(control | DENORMAL_BITS);
    }
    return control & DENORMAL_BITS;
}

/* Gives the calling thread its setting back; exceptions raised meanwhile stay raised. */
static inline void denormals_restore(const denormal_setting *before)
{
    if (*before != DENORMAL_BITS) {
        set_float_control((float_control() & ~DENORMAL_BITS) | *before);
    }
}

/* Flushes until the end of the enclosing block, however it is left. */
#define FLUSH_DENORMALS                                                                                      \
    const denormal_setting flush_before_ __attribute__((cleanup(denormals_restore), unused)) =               \
        denormals_flush()

#endif
