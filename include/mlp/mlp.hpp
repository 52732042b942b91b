/** @file
 * The library in C++17: owners that move, errors as exceptions, lambdas as callbacks. Header-only, over the
 * C interface, to which every owner's get() leads; each function here makes one call and nothing that costs.
 *
 * What the functions compute, shapes, ranges and defaults stand at the C functions of the same names. A
 * batch is a span of count × inputs floats, sample after sample; its length says the count.
 *
 * Errors: ::mlp::error with status and text. Where MLP_NO_EXCEPTIONS is defined (for all files of a program,
 * or none) every function that can fail returns an ::mlp::result instead: mlp::outcome<T> is T, or
 * result<T>.
 *
 * Lambdas: one that throws is caught before the exception would pass through C; the call that it ran in ends
 * as soon as it can and then throws it. Copies of a network share its lambdas; of several calls at once on
 * one of them, one throws. With MLP_NO_EXCEPTIONS a lambda that throws ends the program. A lambda must not
 * destroy what it belongs to. */
#ifndef MLP_MLP_HPP
#define MLP_MLP_HPP

#include <mlp/data.hpp>
#include <mlp/network.hpp>
#include <mlp/network_builder.hpp>
#include <mlp/training.hpp>

#endif
