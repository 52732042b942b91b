/** @file
 * Optimizers, training, evaluation and diagnosis in C++. Include mlp/mlp.hpp. */
#ifndef MLP_TRAINING_HPP
#define MLP_TRAINING_HPP

#include <mlp/network.hpp>

namespace mlp
{

/** An optimizer (mlp/optimizer.h). */
class optimizer : public detail::owner<mlp_optimizer, mlp_optimizer_destroy>
{
  public:
    optimizer() noexcept = default;
    /** Takes a handle of the C interface over. */
    explicit optimizer(mlp_optimizer *handle, detail::shared_lambdas lambdas = nullptr) noexcept
        : owner(handle), lambdas_(std::move(lambdas))
    {
    }
    /** For networks of this one's layer sizes. */
    static outcome<optimizer> create(const network &of, const mlp_optimizer_options &options)
    {
        mlp_optimizer *handle = nullptr;
        const mlp_status status = mlp_optimizer_create(of.get(), &options, &handle);
        return detail::finish(status, optimizer(handle));
    }
    /** With a rule's defaults; learning rate 0: the rule's. */
    static outcome<optimizer> create(const network &of, mlp_optimizer_rule rule, double learning_rate = 0.0)
    {
        mlp_optimizer_options options = MLP_OPTIMIZER_OPTIONS_INIT;
        options.rule = rule;
        options.learning_rate = learning_rate;
        return create(of, options);
    }
    /** With a clipping rule of the caller's own: void clip(span<const double> norms, span<const double>
     * largest, span<float> scale), see mlp_clip_callback. */
    template <typename Clip>
    static outcome<optimizer> create(const network &of, mlp_optimizer_options options, Clip clip)
    {
        auto lambdas = std::make_shared<detail::lambdas>();
        options.clip = MLP_CLIP_CUSTOM;
        options.custom_clip_context = lambdas->keep(std::move(clip));
        options.custom_clip = [](const double *norms, const double *largest, std::size_t tensors,
                                 float *scale, void *context) {
            auto &held = detail::held<Clip>(context);
            return held.owner->run(MLP_ERROR_STATE, [&] {
                held.function(span<const double>(norms, tensors), span<const double>(largest, tensors),
                              span<float>(scale, tensors));
                return MLP_OK;
            });
        };
        mlp_optimizer *handle = nullptr;
        const mlp_status status = mlp_optimizer_create(of.get(), &options, &handle);
        return detail::finish(status, optimizer(handle, std::move(lambdas)));
    }
    /** The options in force, with every default resolved. */
    mlp_optimizer_options options() const noexcept
    {
        mlp_optimizer_options in_force = MLP_OPTIMIZER_OPTIONS_INIT;
        mlp_optimizer_get_options(get(), &in_force);
        return in_force;
    }
    outcome<void> set_learning_rate(double rate)
    {
        return detail::finish(mlp_optimizer_set_learning_rate(get(), rate));
    }
    /** Applies what a backward pass left in the workspace. */
    outcome<mlp_step_report> step(network &of, workspace &in)
    {
        mlp_step_report report{};
        const mlp_status status = mlp_optimizer_step(get(), of.get(), in.get(), &report);
        detail::rethrow(lambdas_);
        return detail::finish(status, report);
    }
    std::uint64_t updates() const noexcept
    {
        return mlp_optimizer_updates(get());
    }
    void reset() noexcept
    {
        mlp_optimizer_reset(get());
    }
    const detail::shared_lambdas &lambdas() const noexcept
    {
        return lambdas_;
    }

  private:
    detail::shared_lambdas lambdas_;
};

/** Writes a checkpoint of a loop by hand, with `own` in it: mlp_checkpoint_save(). */
template <typename Own>
outcome<void> save_checkpoint(const std::string &path, const network &of, const optimizer &by, const Own &own)
{
    static_assert(std::is_trivially_copyable_v<Own> && !std::is_pointer_v<Own>);
    return detail::finish(mlp_checkpoint_save(path.c_str(), of.get(), by.get(), &own, sizeof own));
}

/** Puts network, optimizer and `own` where save_checkpoint() found them: mlp_checkpoint_load(). */
template <typename Own>
outcome<void> load_checkpoint(const std::string &path, network &of, optimizer &by, Own &own)
{
    static_assert(std::is_trivially_copyable_v<Own> && !std::is_pointer_v<Own>);
    return detail::finish(mlp_checkpoint_load(path.c_str(), of.get(), by.get(), &own, sizeof own));
}

/** One training step: forward, loss, backward, clip, update. No allocation. */
inline outcome<mlp_step_report> train_step(network &of, optimizer &by, workspace &in, span<const float> x,
                                           const targets &with)
{
    std::string text;
    const std::size_t count = x.size() / of.inputs();
    if (of.check_batch(x.size(), text) != MLP_OK || of.check_targets(with, count, text) != MLP_OK) {
        return detail::failed<mlp_step_report>(MLP_ERROR_SHAPE, text);
    }
    mlp_step_report report{};
    const mlp_targets given = with.get();
    const mlp_status status = mlp_train_step(of.get(), by.get(), in.get(), x.data(), &given, count, &report);
    detail::rethrow(of.lambdas());
    detail::rethrow(by.lambdas());
    return detail::finish(status, report);
}

/** Loss and accuracy over a data set; see mlp_evaluate(). */
inline outcome<mlp_metrics> evaluate(const network &of, const data &on, std::size_t top_k = 0,
                                     std::size_t batch = 0, int threads = 0)
{
    mlp_metrics metrics{};
    const mlp_status status = mlp_evaluate(of.get(), on.get(), batch, threads, top_k, &metrics, nullptr);
    detail::rethrow(of.lambdas());
    return detail::finish(status, metrics);
}

/** What a fit did. */
class report : public detail::owner<mlp_report, mlp_report_destroy>
{
  public:
    using owner::owner;
    std::size_t epochs() const noexcept
    {
        return mlp_report_epochs(get());
    }
    outcome<mlp_epoch> epoch(std::size_t index) const
    {
        mlp_epoch figures{};
        const mlp_status status = mlp_report_epoch(get(), index, &figures);
        return detail::finish(status, figures);
    }
    std::size_t best_epoch() const noexcept
    {
        return mlp_report_best_epoch(get());
    }
    bool restored() const noexcept
    {
        return mlp_report_restored(get()) != 0;
    }
    bool stopped() const noexcept
    {
        return mlp_report_stopped(get()) != 0;
    }
    bool stopped_early() const noexcept
    {
        return mlp_report_stopped_early(get()) != 0;
    }
    /** A line for each warning; empty when there was none. Borrowed. */
    std::string_view warnings() const noexcept
    {
        const char *text = mlp_report_warnings(get());
        return text == nullptr ? std::string_view() : std::string_view(text);
    }
};

/** Describes a training, and runs it: mlp::fit().epochs(20).batch(64).validation(test).run(network,
 * optimizer, train). What it is given is borrowed until run() returns. */
class fit
{
  public:
    fit &epochs(std::size_t epochs)
    {
        options_.epochs = epochs;
        return *this;
    }
    fit &batch(std::size_t batch)
    {
        options_.batch = batch;
        return *this;
    }
    fit &seed(std::uint64_t seed)
    {
        options_.seed = seed;
        return *this;
    }
    fit &validation(const data &set)
    {
        options_.validation = set.get();
        return *this;
    }
    fit &parts(std::size_t parts)
    {
        options_.parts = parts;
        return *this;
    }
    fit &patience(std::size_t epochs)
    {
        options_.patience = epochs;
        return *this;
    }
    fit &schedule(const mlp_schedule_options &options)
    {
        schedule_ = options;
        return *this;
    }
    /** A schedule of the caller's own: double factor(size_t t, size_t total). */
    template <typename Factor,
              typename = std::enable_if_t<std::is_invocable_v<Factor, std::size_t, std::size_t>>>
    fit &schedule(Factor factor)
    {
        mlp_schedule_options options = MLP_SCHEDULE_OPTIONS_INIT;
        options.rule = MLP_SCHEDULE_CUSTOM;
        options.context = detail::made(lambdas_)->keep(std::move(factor));
        options.custom = [](std::size_t t, std::size_t total, void *context) {
            auto &held = detail::held<Factor>(context);
            return held.owner->run(std::numeric_limits<double>::quiet_NaN(),
                                   [&] { return static_cast<double>(held.function(t, total)); });
        };
        schedule_ = options;
        return *this;
    }
    /** Called after every step and epoch: void or bool progress(const mlp_progress &now); true stops the fit.
     * */
    template <typename Progress> fit &progress(Progress progress)
    {
        options_.progress_context = detail::made(lambdas_)->keep(std::move(progress));
        options_.progress = [](const mlp_progress *now, void *context) {
            auto &held = detail::held<Progress>(context);
            return held.owner->run(1, [&] {
                if constexpr (std::is_void_v<std::invoke_result_t<Progress &, const mlp_progress &>>) {
                    held.function(*now);
                    return 0;
                } else {
                    return held.function(*now) ? 1 : 0;
                }
            });
        };
        return *this;
    }
    /** Everything else. */
    mlp_fit_options &options() noexcept
    {
        return options_;
    }
    /** Trains; see mlp_fit(). The report is lost where it fails. */
    outcome<report> run(network &of, optimizer &by, const data &on)
    {
        mlp_fit_options options = options_;
        if (schedule_) {
            options.schedule = &*schedule_;
        }
        mlp_report *handle = nullptr;
        const mlp_status status = mlp_fit(of.get(), by.get(), on.get(), &options, &handle);
        report made(handle);
        detail::rethrow(lambdas_);
        detail::rethrow(of.lambdas());
        detail::rethrow(by.lambdas());
        detail::rethrow(on.lambdas());
        return detail::finish(status, std::move(made));
    }

  private:
    mlp_fit_options options_ = MLP_FIT_OPTIONS_INIT;
    std::optional<mlp_schedule_options> schedule_;
    detail::shared_lambdas lambdas_;
};

/** What a batch does on its way through a network (mlp/diagnose.h). */
class diagnosis : public detail::owner<mlp_diagnosis, mlp_diagnosis_destroy>
{
  public:
    using owner::owner;
    static outcome<diagnosis> of(const network &network, span<const float> x, const targets &with,
                                 const mlp_diagnose_options *options = nullptr)
    {
        std::string text;
        const std::size_t count = x.size() / network.inputs();
        if (network.check_batch(x.size(), text) != MLP_OK ||
            network.check_targets(with, count, text) != MLP_OK) {
            return detail::failed<diagnosis>(MLP_ERROR_SHAPE, text);
        }
        mlp_diagnosis *handle = nullptr;
        const mlp_targets given = with.get();
        const mlp_status status = mlp_diagnose(network.get(), x.data(), &given, count, options, &handle);
        diagnosis made(handle);
        detail::rethrow(network.lambdas());
        return detail::finish(status, std::move(made));
    }
    outcome<mlp_signal> layer(std::size_t index) const
    {
        mlp_signal signal{};
        const mlp_status status = mlp_diagnosis_layer(get(), index, &signal);
        return detail::finish(status, signal);
    }
    double loss() const noexcept
    {
        return mlp_diagnosis_loss(get());
    }
    /** The verdict in words; borrowed. */
    std::string_view text() const noexcept
    {
        return mlp_diagnosis_text(get());
    }
};

} // namespace mlp

#endif
