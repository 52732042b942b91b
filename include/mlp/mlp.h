/** @file
 * libmlp: multilayer perceptrons on BLAS. This header includes all the others. */
#ifndef MLP_MLP_H
#define MLP_MLP_H

#include <mlp/activation.h>
#include <mlp/average.h>
#include <mlp/checkpoint.h>
#include <mlp/clip.h>
#include <mlp/data.h>
#include <mlp/diagnose.h>
#include <mlp/exchange.h>
#include <mlp/export.h>
#include <mlp/gradient_check.h>
#include <mlp/importance.h>
#include <mlp/info.h>
#include <mlp/init.h>
#include <mlp/loss.h>
#include <mlp/mean_field.h>
#include <mlp/metrics.h>
#include <mlp/model_file.h>
#include <mlp/monitor.h>
#include <mlp/network.h>
#include <mlp/optimizer.h>
#include <mlp/pass.h>
#include <mlp/rate_test.h>
#include <mlp/regularize.h>
#include <mlp/schedule.h>
#include <mlp/schema.h>
#include <mlp/status.h>
#include <mlp/stopping.h>
#include <mlp/train.h>
#include <mlp/version.h>
#include <mlp/workspace.h>

#endif
