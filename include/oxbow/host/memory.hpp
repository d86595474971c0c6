// Memory for arenas and scratch.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace oxbow::on_host {

/// A fixed piece of memory that begins on a page of 2 MB where it is that large, else on a cache line. Not
/// initialised: plans never read what nothing wrote.
class memory {
  struct release {
    std::size_t align;
    release() : align{64} {}
    explicit release(std::size_t a) : align{a} {}
    void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{align}); }
  };

 public:
  memory() = default;
  /// what: for the sentence of the error.
  explicit memory(std::int64_t bytes, char const* what) : bytes_{bytes} {
    if (bytes <= 0) return;
    std::size_t const align = bytes >= large ? large : 64;
    void* const p = ::operator new (static_cast<std::size_t>(bytes), std::align_val_t{align}, std::nothrow);
    if (p == nullptr)
      throw std::runtime_error("no memory for the " + std::string{what} + ": " + std::to_string(bytes / 1'000'000) +
                               " MB were asked for. Use a smaller tile, fewer channels or fewer threads.");
    data_ = std::unique_ptr<std::byte, release>{static_cast<std::byte*>(p), release{align}};
#if defined(__linux__)
    if (bytes >= large) ::madvise(p, static_cast<std::size_t>(bytes), MADV_HUGEPAGE);  // a hint: fewer page faults
#endif
  }
  std::byte* data() const { return data_.get(); }
  float* floats() const { return reinterpret_cast<float*>(data_.get()); }
  std::int64_t bytes() const { return bytes_; }

 private:
  static constexpr std::int64_t large = std::int64_t{1} << 21;
  std::unique_ptr<std::byte, release> data_;
  std::int64_t bytes_ = 0;
};

}  // namespace oxbow::on_host
