// Memory for arenas and scratch.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>

#include <oxbow/core/large_pages.hpp>

namespace oxbow::on_host {

/// A fixed piece of memory that begins on a large page where it fills one, else on a cache line. Not
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
    auto const size = static_cast<std::size_t>(bytes), align = size >= large_page ? large_page : std::size_t{64};
    void* const p = ::operator new (size, std::align_val_t{align}, std::nothrow);
    if (p == nullptr)
      throw std::runtime_error("no memory for the " + std::string{what} + ": " + std::to_string(bytes / 1'000'000) +
                               " MB were asked for. Use a smaller tile, fewer channels or fewer threads.");
    data_ = std::unique_ptr<std::byte, release>{static_cast<std::byte*>(p), release{align}};
    prefer_large_pages(p, size);
  }
  std::byte* data() const { return data_.get(); }
  float* floats() const { return reinterpret_cast<float*>(data_.get()); }
  std::span<float> span() const { return {floats(), static_cast<std::size_t>(bytes_) / sizeof(float)}; }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::unique_ptr<std::byte, release> data_;
  std::int64_t bytes_ = 0;
};

/// As many floats, all zero.
inline memory zeros(std::int64_t count, char const* what) {
  memory made{count * std::int64_t{sizeof(float)}, what};
  if (count > 0) std::memset(made.data(), 0, static_cast<std::size_t>(made.bytes()));
  return made;
}

}  // namespace oxbow::on_host
