// Streams, events, graphs and memory, each with an owner.
#pragma once
#include <cstddef>
#include <memory>
#include <utility>

#include <oxbow/cuda/run/error.cuh>

namespace oxbow::on_cuda {

/// A handle of CUDA's that is given back when its owner goes.
template <class Handle, cudaError_t (*Release)(Handle)> class owned {
 public:
  owned() = default;
  explicit owned(Handle h) : handle_{h} {}
  owned(owned&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
  owned& operator=(owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~owned() {
    if (handle_ != nullptr) Release(handle_);
  }
  Handle get() const { return handle_; }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  Handle handle_ = nullptr;
};

using stream = owned<cudaStream_t, cudaStreamDestroy>;
using event = owned<cudaEvent_t, cudaEventDestroy>;
using graph = owned<cudaGraph_t, cudaGraphDestroy>;
using graph_exec = owned<cudaGraphExec_t, cudaGraphExecDestroy>;

inline stream make_stream() {
  cudaStream_t s = nullptr;
  check(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking), "cudaStreamCreateWithFlags", "a stream");
  return stream{s};
}
inline event make_event() {
  cudaEvent_t e = nullptr;
  check(cudaEventCreateWithFlags(&e, cudaEventDisableTiming), "cudaEventCreateWithFlags", "an event");
  return event{e};
}
inline void wait(cudaStream_t s, std::string const& what) {
  check(cudaStreamSynchronize(s), "cudaStreamSynchronize", what);
}

/// Device memory in the order of a stream. Not initialised: plans never read what nothing wrote.
class device_memory {
 public:
  device_memory() = default;
  /// throws  cuda_error; where there is not enough memory it says what was asked for and what is free
  device_memory(std::int64_t bytes, cudaStream_t in_order_of, std::string const& what) : bytes_{bytes} {
    if (bytes <= 0) return;
    void* p = nullptr;
    cudaError_t const code = cudaMallocAsync(&p, static_cast<std::size_t>(bytes), in_order_of);
    if (code == cudaErrorMemoryAllocation) {
      std::size_t free = 0, total = 0;
      cudaGetLastError();
      if (cudaMemGetInfo(&free, &total) != cudaSuccess) free = total = 0, cudaGetLastError();
      throw cuda_error{"cudaMallocAsync", code, what + " of " + megabytes(bytes),
                       "The device has " + megabytes(static_cast<std::int64_t>(free)) + " free of " +
                           megabytes(static_cast<std::int64_t>(total)) +
                           ". Use a smaller tile or fewer channels, give the model a training_memory<>, or a device "
                           "with more memory."};
    }
    check(code, "cudaMallocAsync", what + " of " + megabytes(bytes));
    data_ = std::unique_ptr<std::byte, release>{static_cast<std::byte*>(p), release{in_order_of}};
  }
  std::byte* data() const { return data_.get(); }
  std::int64_t bytes() const { return bytes_; }

 private:
  struct release {
    cudaStream_t in_order_of;
    release() : in_order_of{nullptr} {}
    explicit release(cudaStream_t s) : in_order_of{s} {}
    void operator()(std::byte* p) const { cudaFreeAsync(p, in_order_of); }
  };
  std::unique_ptr<std::byte, release> data_;
  std::int64_t bytes_ = 0;
};

/// Host memory that the device's copy engines reach without a detour.
class pinned_memory {
 public:
  pinned_memory() = default;
  pinned_memory(std::int64_t bytes, std::string const& what) {
    void* p = nullptr;
    check(cudaMallocHost(&p, static_cast<std::size_t>(bytes)), "cudaMallocHost", what + " of " + megabytes(bytes));
    data_.reset(static_cast<std::byte*>(p));
  }
  std::byte* data() const { return data_.get(); }

 private:
  struct release {
    void operator()(std::byte* p) const { cudaFreeHost(p); }
  };
  std::unique_ptr<std::byte, release> data_;
};

inline void copy(void* to, void const* from, std::int64_t bytes, cudaStream_t s, std::string const& what) {
  if (bytes > 0)
    check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDefault, s), "cudaMemcpyAsync", what);
}

/// Hands out parts of one piece of memory, each on a line of its own.
class carver {
 public:
  static constexpr std::int64_t line = 256;
  std::int64_t take(std::int64_t bytes) {
    std::int64_t const at = next_;
    next_ += (bytes + line - 1) / line * line;
    return at;
  }
  std::int64_t bytes() const { return next_; }

 private:
  std::int64_t next_ = 0;
};

}  // namespace oxbow::on_cuda
