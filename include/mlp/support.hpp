/** @file
 * What mlp/mlp.hpp stands on: spans, errors, lambdas, owners, names of enums. Include mlp/mlp.hpp. */
#ifndef MLP_SUPPORT_HPP
#define MLP_SUPPORT_HPP

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__has_include) && __cplusplus >= 202002L
#if __has_include(<span>)
#include <span>
#endif
#endif

#include <mlp/mlp.h>

namespace mlp
{

// ---- spans ----

#ifdef __cpp_lib_span
using std::span;
#else
/** std::span of C++20 as far as it is needed: a pointer and a length; borrows. */
template <typename T> class span
{
  public:
    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size)
    {
    }
    template <std::size_t N> constexpr span(T (&array)[N]) noexcept : data_(array), size_(N)
    {
    }
    /** Of anything contiguous: std::vector, std::array, another span. */
    template <typename C, typename = std::enable_if_t<std::is_convertible_v<
                              std::remove_pointer_t<decltype(std::declval<C &>().data())> (*)[], T (*)[]>>>
    constexpr span(C &&container) noexcept : data_(container.data()), size_(container.size())
    {
    }
    constexpr T *data() const noexcept
    {
        return data_;
    }
    constexpr std::size_t size() const noexcept
    {
        return size_;
    }
    constexpr bool empty() const noexcept
    {
        return size_ == 0;
    }
    constexpr T *begin() const noexcept
    {
        return data_;
    }
    constexpr T *end() const noexcept
    {
        return data_ + size_;
    }
    constexpr T &operator[](std::size_t i) const noexcept
    {
        return data_[i];
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};
#endif

// ---- errors ----

/** What failed: a status that is not MLP_OK, and what mlp_last_error() said of it. */
class error : public std::runtime_error
{
  public:
    error(mlp_status status, const std::string &text) : std::runtime_error(text), status_(status)
    {
    }
    mlp_status status() const noexcept
    {
        return status_;
    }

  private:
    mlp_status status_;
};

/** Whether a call succeeded, and why not. */
class ending
{
  public:
    ending() = default;
    ending(mlp_status status, std::string text) : status_(status), text_(std::move(text))
    {
    }
    explicit operator bool() const noexcept
    {
        return status_ == MLP_OK;
    }
    mlp_status status() const noexcept
    {
        return status_;
    }
    const std::string &text() const noexcept
    {
        return text_;
    } /**< Empty for MLP_OK. */

  private:
    mlp_status status_ = MLP_OK;
    std::string text_;
};

/** A value, or why there is none. */
template <typename T> class [[nodiscard]] result : public ending
{
  public:
    result(T value) : value_(std::move(value))
    {
    }
    using ending::ending;
    /** The value; only where there is one. */
    T &operator*() &noexcept
    {
        return *value_;
    }
    const T &operator*() const &noexcept
    {
        return *value_;
    }
    T &&operator*() &&noexcept
    {
        return std::move(*value_);
    }
    T *operator->() noexcept
    {
        return &*value_;
    }
    const T *operator->() const noexcept
    {
        return &*value_;
    }

  private:
    std::optional<T> value_;
};

/** Success, or why not. */
template <> class [[nodiscard]] result<void> : public ending
{
  public:
    using ending::ending;
};

#ifdef MLP_NO_EXCEPTIONS
template <typename T> using outcome = result<T>;
#else
/** What a function that can fail returns: a T, after an exception where it failed; with MLP_NO_EXCEPTIONS a
 * result<T>. */
template <typename T> using outcome = T;
#endif

namespace detail
{

#ifdef MLP_NO_EXCEPTIONS
template <typename T> outcome<T> failed(mlp_status status, std::string text)
{
    return result<T>(status, std::move(text));
}
#else
template <typename T> [[noreturn]] outcome<T> failed(mlp_status status, const std::string &text)
{
    throw error(status, text);
}
#endif

template <typename T> outcome<T> finish(mlp_status status, T value)
{
    return status == MLP_OK ? outcome<T>(std::move(value)) : failed<T>(status, mlp_last_error());
}

inline outcome<void> finish(mlp_status status)
{
    return status == MLP_OK ? outcome<void>() : failed<void>(status, mlp_last_error());
}

/** The lambdas that an object of the library calls, at addresses that stay, and the first exception that left
 * one of them. */
class lambdas
{
  public:
    template <typename F> struct held {
        F function;
        lambdas *owner;
    };
    /** Keeps a lambda; the pointer is what trampolines get as context. */
    template <typename F> void *keep(F function)
    {
        auto kept = std::make_shared<held<F>>(held<F>{ std::move(function), this });
        void *context = kept.get();
        kept_.push_back(std::move(kept));
        return context;
    }
    /** Runs `body`, which no exception leaves; `fallback` when one would have. */
    template <typename R, typename Body> R run(R fallback, Body &&body) noexcept
    {
#ifdef MLP_NO_EXCEPTIONS
        (void)fallback;
        return body();
#else
        try {
            return body();
        } catch (...) {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (!thrown_) {
                thrown_ = std::current_exception();
                full_.store(true, std::memory_order_release);
            }
            return fallback;
        }
#endif
    }
    /** Throws what was caught, once. */
    void rethrow()
    {
#ifndef MLP_NO_EXCEPTIONS
        if (full_.load(std::memory_order_acquire)) {
            std::unique_lock<std::mutex> lock(mutex_);
            const std::exception_ptr thrown = std::exchange(thrown_, nullptr);
            full_.store(false, std::memory_order_release);
            lock.unlock();
            if (thrown) {
                std::rethrow_exception(thrown);
            }
        }
#endif
    }

  private:
    std::vector<std::shared_ptr<void>> kept_;
    std::mutex mutex_;
    std::exception_ptr thrown_;
    std::atomic<bool> full_{ false };
};
using shared_lambdas = std::shared_ptr<lambdas>;

template <typename F> lambdas::held<F> &held(void *context)
{
    return *static_cast<lambdas::held<F> *>(context);
}

inline shared_lambdas &made(shared_lambdas &owner)
{
    if (owner == nullptr) {
        owner = std::make_shared<lambdas>();
    }
    return owner;
}

inline void rethrow(const shared_lambdas &owner)
{
    if (owner != nullptr) {
        owner->rethrow();
    }
}

/** An owner of a handle of the C interface: moves, does not copy. */
template <typename T, void (*destroy)(T **)> class owner
{
  public:
    owner() noexcept = default;
    explicit owner(T *handle) noexcept : handle_(handle)
    {
    }
    owner(owner &&other) noexcept : handle_(other.release())
    {
    }
    owner &operator=(owner &&other) noexcept
    {
        if (this != &other) {
            destroy(&handle_);
            handle_ = other.release();
        }
        return *this;
    }
    owner(const owner &) = delete;
    owner &operator=(const owner &) = delete;
    ~owner()
    {
        destroy(&handle_);
    }
    /** The handle, borrowed, for functions of the C interface; nullptr after a move. */
    T *get() const noexcept
    {
        return handle_;
    }
    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }

  private:
    T *release() noexcept
    {
        return std::exchange(handle_, nullptr);
    }
    T *handle_ = nullptr;
};

inline std::string size_text(const char *what, std::size_t size, std::size_t expected)
{
    return std::string(what) + " has " + std::to_string(size) + " entries, expected " +
           std::to_string(expected);
}

template <typename T> T *data_or_null(span<T> values) noexcept
{
    return values.empty() ? nullptr : values.data();
}

} // namespace detail

// ---- enums and their names ----

namespace detail
{
template <typename Enum> struct names; // defined for every enum that has names
} // namespace detail

#define MLP_DETAIL_NAMES(type, prefix)                                                                       \
    template <> struct detail::names<type> {                                                                 \
        static const char *of(type value) noexcept                                                           \
        {                                                                                                    \
            return prefix##_name(value);                                                                     \
        }                                                                                                    \
        static mlp_status find(const char *name, type *value) noexcept                                       \
        {                                                                                                    \
            return prefix##_from_name(name, value);                                                          \
        }                                                                                                    \
    };
MLP_DETAIL_NAMES(mlp_activation, mlp_activation)
MLP_DETAIL_NAMES(mlp_average, mlp_average)
MLP_DETAIL_NAMES(mlp_checkpoint_failure, mlp_checkpoint_failure)
MLP_DETAIL_NAMES(mlp_class_targets, mlp_class_targets)
MLP_DETAIL_NAMES(mlp_clip, mlp_clip)
MLP_DETAIL_NAMES(mlp_clip_norm, mlp_clip_norm)
MLP_DETAIL_NAMES(mlp_data_format, mlp_data_format)
MLP_DETAIL_NAMES(mlp_data_init, mlp_data_init)
MLP_DETAIL_NAMES(mlp_decay, mlp_decay)
MLP_DETAIL_NAMES(mlp_distribution, mlp_distribution)
MLP_DETAIL_NAMES(mlp_dropout, mlp_dropout)
MLP_DETAIL_NAMES(mlp_fan, mlp_fan)
MLP_DETAIL_NAMES(mlp_finding, mlp_finding)
MLP_DETAIL_NAMES(mlp_gain, mlp_gain)
MLP_DETAIL_NAMES(mlp_init, mlp_init)
MLP_DETAIL_NAMES(mlp_loss, mlp_loss)
MLP_DETAIL_NAMES(mlp_nonfinite, mlp_nonfinite)
MLP_DETAIL_NAMES(mlp_optimizer_rule, mlp_optimizer)
MLP_DETAIL_NAMES(mlp_reduction, mlp_reduction)
MLP_DETAIL_NAMES(mlp_schedule, mlp_schedule)
#undef MLP_DETAIL_NAMES

/** Name of an enum's value ("leaky-relu"); empty for an unknown one. Static text. */
template <typename Enum> std::string_view name(Enum value) noexcept
{
    const char *text = detail::names<Enum>::of(value);
    return text == nullptr ? std::string_view() : std::string_view(text);
}

/** The value of a name: mlp::from_name<mlp_activation>("leaky-relu"). */
template <typename Enum> outcome<Enum> from_name(std::string_view name)
{
    std::string text(name);
    std::replace(text.begin(), text.end(), '\0', '?'); // no name has either
    Enum value{};
    const mlp_status status = detail::names<Enum>::find(text.c_str(), &value);
    return detail::finish(status, value);
}

} // namespace mlp

#endif
