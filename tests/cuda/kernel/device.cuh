// What the tests of kernels share: memory on the device, launches, tensors of 16-bit elements, and how far results may
// lie from sums in double.
#pragma once
#include <cmath>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <oxbow/core/layout.hpp>
#include <oxbow/core/random.hpp>
#include <oxbow/cuda/arch/enter.cuh>
#include <oxbow/cuda/kernel/finish_gradients.cuh>
#include <oxbow/cuda/kernel/pack_weights.cuh>
#include <oxbow/cuda/tile/layout.cuh>
#include <oxbow/cuda/tile/packing.hpp>
#include <oxbow/ops/convolution.hpp>

namespace oxbow::testing {

inline void must(cudaError_t error, char const* call) {
  if (error != cudaSuccess) throw std::runtime_error(std::string{call} + ": " + cudaGetErrorString(error));
}

/// Memory on the device. Every byte is 0xff at first: NaN for a float and for a 16-bit number.
template <class T> struct device_array {
  T* data = nullptr;
  std::size_t size = 0;

  explicit device_array(std::size_t n, bool poison = true) : size{n} {
    must(cudaMalloc(&data, n * sizeof(T) + 16), "cudaMalloc");
    if (poison && n > 0) this->poison();
  }
  explicit device_array(std::vector<T> const& v) : device_array(v.size(), false) {
    if (size > 0) must(cudaMemcpy(data, v.data(), size * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  device_array(device_array const&) = delete;
  ~device_array() { cudaFree(data); }

  void poison() const { must(cudaMemset(data, 0xff, size * sizeof(T)), "cudaMemset"); }
  std::vector<T> host() const {
    std::vector<T> v(size);
    if (size > 0) must(cudaMemcpy(v.data(), data, size * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return v;
  }
};

template <class Kernel> void launch(typename Kernel::args const& a, int blocks) {
  constexpr auto bytes = on_cuda::storage_bytes<Kernel>;
  if (bytes > 48 * 1024)
    must(cudaFuncSetAttribute(on_cuda::enter<Kernel>, cudaFuncAttributeMaxDynamicSharedMemorySize, int{bytes}),
         "cudaFuncSetAttribute");
  on_cuda::enter<Kernel><<<static_cast<unsigned>(blocks), Kernel::threads, bytes>>>(a);
  must(cudaGetLastError(), "launch");
  must(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
}

template <class Kernel> void launch(typename Kernel::args const& a) { launch<Kernel>(a, Kernel::blocks(a)); }

template <class T> float rounded(float x) {
  if constexpr (std::is_same_v<T, __half>) return __half2float(__float2half_rn(x));
  else return __bfloat162float(__float2bfloat16_rn(x));
}
template <class T> T narrow(float x) {
  if constexpr (std::is_same_v<T, __half>) return __float2half_rn(x);
  else return __float2bfloat16_rn(x);
}
template <class T> double wide(T x) {
  if constexpr (std::is_same_v<T, __half>) return double{__half2float(x)};
  else return double{__bfloat162float(x)};
}
/// Half the distance between neighbouring numbers, relative to the number; and below the normal ones, absolute.
template <class T> constexpr double half_step = std::is_same_v<T, __half> ? 0x1p-11 : 0x1p-8;
template <class T> constexpr double half_least = std::is_same_v<T, __half> ? 0x1p-25 : 0x1p-134;

using doubles = ops::tensor<double>;

/// Numbers that T can hold, in (−scale, scale).
template <class T> doubles random_16(extent size, int channels, std::uint64_t seed, float scale = 1) {
  random_stream const stream{seed, purpose::noise, 1, 0};
  doubles x{size, channels};
  for (std::size_t i = 0; i < x.data.size(); ++i)
    x.data[i] = double{rounded<T>(scale * stream.uniform(i, -1, 1))};
  return x;
}
template <class T> ops::filter<double> random_weights(int rows, int columns, extent window, std::uint64_t seed,
                                                      float scale) {
  random_stream const stream{seed, purpose::noise, 2, 0};
  ops::filter<double> w{rows, columns, window};
  for (std::size_t i = 0; i < w.data.size(); ++i)
    w.data[i] = double{rounded<T>(scale * stream.uniform(i, -1, 1))};
  return w;
}
inline std::vector<double> random_bias(int n, std::uint64_t seed) {
  random_stream const stream{seed, purpose::noise, 3, 0};
  std::vector<double> b;
  for (int i = 0; i < n; ++i) b.push_back(double{stream.uniform(static_cast<std::uint64_t>(i), -0.5f, 0.5f)});
  return b;
}

/// A 2-D tensor on the device; channels that rounding up adds hold 1000, which must not matter. `outer` more pixels
/// lie around it, which hold NaN and must not be read.
template <class T> struct device_tensor {
  int height, width, channels, padded, outer;
  device_array<T> memory;

  /// With NaN everywhere, to be written.
  device_tensor(extent size, int channels, int outer = 0)
      : height{size.height},
        width{size.width},
        channels{channels},
        padded{layout_of_octets::padded(channels)},
        outer{outer},
        memory(static_cast<std::size_t>((height + 2 * outer) * (width + 2 * outer) * padded)) {}

  explicit device_tensor(doubles const& x, int outer = 0)
      : height{x.size.height},
        width{x.size.width},
        channels{x.channels},
        padded{layout_of_octets::padded(x.channels)},
        outer{outer},
        memory(filled(x, outer)) {}

  static std::vector<T> filled(doubles const& x, int outer) {
    int const padded = layout_of_octets::padded(x.channels), wide_row = x.size.width + 2 * outer;
    std::vector<T> v(static_cast<std::size_t>((x.size.height + 2 * outer) * wide_row * padded), narrow<T>(NAN));
    for (int y = 0; y < x.size.height; ++y)
      for (int px = 0; px < x.size.width; ++px)
        for (int c = 0; c < padded; ++c)
          v[static_cast<std::size_t>(((y + outer) * wide_row + px + outer) * padded + c)] =
              narrow<T>(c < x.channels ? static_cast<float>(x(c, {0, y, px})) : 1000.f);
    return v;
  }

  int row() const { return (width + 2 * outer) * padded; }
  on_cuda::view<T> view() { return {memory.data + outer * row() + outer * padded, padded, row()}; }
  on_cuda::source<T const> source() { return {view(), height, width}; }

  /// What it holds; channels that rounding up adds are checked to be finite. Pixels around it to be NaN still.
  doubles read() const {
    auto const v = memory.host();
    doubles x{{1, height, width}, channels};
    int broken = 0;
    for (int y = -outer; y < height + outer; ++y)
      for (int px = -outer; px < width + outer; ++px)
        for (int c = 0; c < padded; ++c) {
          double const e = wide(v[static_cast<std::size_t>((y + outer) * row() + (px + outer) * padded + c)]);
          bool const within = y >= 0 && y < height && px >= 0 && px < width;
          if (within && c < channels) x(c, {0, y, px}) = e;
          else broken += within ? !std::isfinite(e) : !std::isnan(e);
        }
    CHECK_MESSAGE(broken == 0, "padding channels that are not finite, or something written beyond the edge");
    return x;
  }
};

/// Which of the words of places has those of channel c's octet at a pooled pixel: rows of 32 channels each.
inline std::size_t place_word(int octets, int width, ops::pixel p, int c) {
  int const group = c / 32 * 4, together = octets - group < 4 ? octets - group : 4;
  return static_cast<std::size_t>(p.y * width * octets + group * width + p.x * together + c / 8 % 4);
}

/// Where two tensors differ by more than `allowed(c, p)`; empty if nowhere.
template <class F> std::string mismatch(doubles const& is, doubles const& should, F&& allowed) {
  int wrong = 0;
  std::string first;
  if (!(is.size == should.size) || is.channels != should.channels) return "another shape";
  for (int c = 0; c < is.channels; ++c)
    ops::for_each_pixel(is.size, [&](ops::pixel p) {
      double const a = is(c, p), b = should(c, p);
      if (std::fabs(a - b) <= allowed(c, p)) return;
      if (wrong++ == 0)
        first = "channel " + std::to_string(c) + " at (" + std::to_string(p.y) + ", " + std::to_string(p.x) + "): " +
                std::to_string(a) + ", not " + std::to_string(b);
    });
  return wrong ? first + " and " + std::to_string(wrong - 1) + " more" : "";
}

inline doubles magnitudes(doubles x) {
  for (double& e : x.data) e = std::fabs(e);
  return x;
}
inline ops::filter<double> magnitudes(ops::filter<double> w) {
  for (double& e : w.data) e = std::fabs(e);
  return w;
}

/// How far a sum of `terms` products of 16-bit numbers may lie from the exact one, where `sum` is that of the
/// magnitudes: products are exact in fp32 (two significands of at most 11 bits), and every addition, in whatever order,
/// errs by at most 2^−23 of the magnitudes so far (tensor cores may truncate). Then half a step for storing it.
template <class T> double sum_tolerance(double terms, double sum) { return terms * 0x1p-23 * sum; }
template <class T> double store_tolerance(double y) { return half_step<T> * std::fabs(y) + half_least<T>; }

/// Parameters on the device with the tables of what becomes of them.
struct parameters_on_device {
  std::vector<on_cuda::parameter_job> jobs;
  std::vector<on_cuda::packed_copy> copies;

  /// A tensor, and where its copies lie.
  void add(on_cuda::parameter_job job, std::vector<on_cuda::packed_copy> const& of_job) {
    job.first_copy = static_cast<int>(copies.size()), job.copies = static_cast<int>(of_job.size());
    job.first_block = blocks;
    blocks += job.blocks();
    jobs.push_back(job);
    for (on_cuda::packed_copy c : of_job) {
      c.octets = c.width == 0 && job.in_octets_of(c.order);
      copies.push_back(c);
    }
  }
  /// f(the table, its blocks)
  template <class F> void use(float const* parameters, void* packed, F&& f) const {
    device_array<on_cuda::parameter_job> const j(jobs);
    device_array<on_cuda::packed_copy> const c(copies);
    f(on_cuda::parameter_table{j.data, c.data, static_cast<int>(jobs.size()), parameters,
                               static_cast<std::byte*>(packed)},
      blocks);
  }
  int blocks = 0;
};

/// Packs one tensor into one copy, as the kernel does it for all tensors of a network.
template <class T> void pack(on_cuda::parameter_job const& job, on_cuda::packed_copy const& copy,
                             float const* parameters, void* to) {
  must(cudaMemset(to, 0, static_cast<std::size_t>(copy.bytes<T>(job.rows))), "cudaMemset");
  parameters_on_device p;
  p.add(job, {copy});
  p.use(parameters, to,
        [](on_cuda::parameter_table const& t, int blocks) { launch<on_cuda::pack_weights<T>>(t, blocks); });
}

/// A layer's weights and bias on the device, packed by the kernel that does it in a network.
template <class T> struct packed_layer {
  device_array<T> weights;
  device_array<float> bias;

  packed_layer(on_cuda::packing const& order, ops::filter<double> const& w, std::vector<double> const& b)
      : weights(static_cast<std::size_t>(order.size())),
        bias(static_cast<std::size_t>(layout_of_octets::padded(static_cast<int>(b.size())))) {
    device_array<float> const plain(std::vector<float>(w.data.begin(), w.data.end()));
    pack<T>(on_cuda::parameter_job::of(order), {.order = order}, plain.data, weights.data);
    device_array<float> const plain_bias(std::vector<float>(b.begin(), b.end()));
    if (!b.empty())
      pack<T>({.first = static_cast<int>(b.size())}, {.width = static_cast<int>(bias.size)}, plain_bias.data,
              bias.data);
  }
};

/// Adds what a kernel has left, to what is there or to nothing. Returns the squares of what was written.
inline double finish(on_cuda::finish_job const& job, bool add = false) {
  device_array<on_cuda::finish_job> const jobs(std::vector<on_cuda::finish_job>{job});
  on_cuda::run_scalars scalars;
  scalars.accumulate = add;
  device_array<on_cuda::run_scalars> const run(std::vector<on_cuda::run_scalars>{scalars});
  device_array<double> const squares(static_cast<std::size_t>(job.blocks()));
  launch<on_cuda::finish_gradients>({jobs.data, 1, run.data, squares.data}, job.blocks());
  double sum = 0;
  for (double part : squares.host()) sum += part;
  return sum;
}

}  // namespace oxbow::testing
