// Sums over the pixels of stored octets, per channel: what channel_sums computes, for tensors with channels last.
#pragma once
#include <oxbow/core/extent.hpp>
#include <oxbow/cuda/kernel/joined_octets.cuh>
#include <oxbow/cuda/kernel/pixel_walk.cuh>

namespace oxbow::on_cuda {

/// out(sum, channel) = Terms over all pixels, in double: for the kernels that finish channel_sums, a single part.
///
/// A block does one part of the pixels of a chunk of octets; a thread one octet, eight channels of it, every so many
/// pixels. Neighbouring threads take neighbouring octets, pixel by pixel: a warp reads whole sectors where octets come
/// in pairs. Then the threads of an octet are added, half to the others until one is left. The last block of a chunk to
/// arrive adds the parts. All of this in an order that the shape alone decides: the same bits whoever comes last.
///
/// Terms   has `sums`, `inputs`, and at(k), which returns a struct with
///         void load(octet (&v)[inputs], spot) const
///         void add(octet const (&v)[inputs], double (&sum)[sums][8]) const
/// cost    reads its tensors once; inputs, sums: one or two operations in double per element and sum
template <class Terms> struct octet_sums {
  static constexpr int threads = 512, sums = Terms::sums, inputs = Terms::inputs;
  static constexpr int ahead = 4 / inputs;  ///< pixels whose loads are on their way together
  struct storage {
    double sum[8 * sums][threads / 2];
    unsigned arrived;
  };
  struct args {
    Terms terms;
    int height, width, channels, parts;
    double* out;        ///< parts × sums × channels, of which the first part is the result
    unsigned* arrived;  ///< blocks of each chunk; zero before and after
  };

  /// Octets of a block: all of a pixel, or 128 bytes of 16-bit numbers, so that pieces begin with a sector.
  static constexpr __host__ __device__ int chunk_of(int octets) { return octets < 16 ? octets : 8; }
  static constexpr int chunks(int channels) {
    int const octets = (channels + 7) / 8, chunk = chunk_of(octets);
    return (octets + chunk - 1) / chunk;
  }
  /// Not quite the 108 multiprocessors of an A100, each of which holds a block: a function of the chip that runs would
  /// make sums one, too.
  static constexpr int most_blocks = 104;
  /// Parts of the pixels, as a function of the shape alone: two pixels or more for each thread, and blocks that all run
  /// at once.
  static constexpr int parts_of(extent size, int channels) {
    int const at_once = threads / chunk_of((channels + 7) / 8), most = most_blocks / chunks(channels);
    std::int64_t const wanted = size.volume() / (2 * at_once);
    return wanted < 1 || most < 1 ? 1 : wanted > most ? most : static_cast<int>(wanted);
  }
  static int blocks(args const& a) { return chunks(a.channels) * a.parts; }

  __device__ static void run(args const& a, storage& memory) {
    int const all = (a.channels + 7) / 8, chunk = chunk_of(all), t = static_cast<int>(threadIdx.x);
    int const part = static_cast<int>(blockIdx.x) % a.parts, first = static_cast<int>(blockIdx.x) / a.parts * chunk;
    int const octets = min(chunk, all - first), at_once = threads / octets, group = t / octets, own = t % octets;

    double sum[sums][8] = {};
    if (group < at_once) sum_pixels(a, sum, 8 * (first + own), part, group, at_once);
    for (int left = at_once; left > 1;) {
      int const half = (left + 1) / 2;
      if (group >= half && group < left)
#pragma unroll
        for (int i = 0; i < 8 * sums; ++i) memory.sum[i][(group - half) * octets + own] = sum[i / 8][i % 8];
      __syncthreads();
      if (group + half < left)
#pragma unroll
        for (int i = 0; i < 8 * sums; ++i) sum[i / 8][i % 8] += memory.sum[i][t];
      __syncthreads();
      left = half;
    }
    if (group == 0)
#pragma unroll
      for (int i = 0; i < 8 * sums; ++i) memory.sum[i][own] = sum[i / 8][i % 8];
    __syncthreads();

    int const channels = min(8 * octets, a.channels - 8 * first), n = sums * channels;  // n ≤ 2 · 8 · 15
    int const c = t % n % channels, s = t % n / channels;
    double* const out = a.out + s * a.channels + 8 * first + c;
    std::int64_t const part_size = std::int64_t{sums} * a.channels;
    if (t < n) out[part_size * part] = memory.sum[8 * s + c % 8][c / 8];
    if (a.parts == 1 || !is_last(a.arrived + first / chunk, a.parts, memory.arrived)) return;
    add_parts(out, part_size, a.parts, n, &memory.sum[0][0]);
  }

 private:
  __device__ static void sum_pixels(args const& a, double (&sum)[sums][8], int k, int part, int group, int at_once) {
    std::int64_t const pixels = std::int64_t{a.height} * a.width;
    int const begin = static_cast<int>(pixels * part / a.parts), end = static_cast<int>(pixels * (part + 1) / a.parts);
    auto const terms = a.terms.at(k);
    pixel_walk walk{begin + group, at_once, a.width};
    int left = (end - begin - group + at_once - 1) / at_once;  // pixels of this thread
#pragma unroll 1
    for (; left >= ahead; left -= ahead) {
      octet v[ahead][inputs];
#pragma unroll
      for (int i = 0; i < ahead; ++i) terms.load(v[i], spot{walk.y, walk.x, true}), walk.advance();
#pragma unroll
      for (int i = 0; i < ahead; ++i) terms.add(v[i], sum);
    }
    octet v[ahead - 1][inputs];
#pragma unroll
    for (int i = 0; i < ahead - 1; ++i)
      if (i < left) terms.load(v[i], spot{walk.y, walk.x, true}), walk.advance();
#pragma unroll
    for (int i = 0; i < ahead - 1; ++i)
      if (i < left) terms.add(v[i], sum);
  }

  /// Makes what the block has written visible, and counts it in. True for the last one.
  __device__ static bool is_last(unsigned* arrived, int parts, unsigned& flag) {
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) flag = atomicAdd(arrived, 1u);
    __syncthreads();
    if (flag != static_cast<unsigned>(parts - 1)) return false;
    __threadfence();
    if (threadIdx.x == 0) *arrived = 0;
    return true;
  }

  /// n threads, as often as the block has them, each add a share of the parts; then the first n add the shares.
  __device__ static void add_parts(double* out, std::int64_t part_size, int parts, int n, double* shared) {
    int const t = static_cast<int>(threadIdx.x), share = t / n, shares = threads / n;
    double sum = 0;
    if (share < shares) {
#pragma unroll 8
      for (int p = parts * share / shares; p < parts * (share + 1) / shares; ++p) sum += __ldcg(out + part_size * p);
    }
    shared[t] = sum;
    __syncthreads();
    if (t >= n) return;
    for (int i = 1; i < shares; ++i) sum += shared[i * n + t];
    *out = sum;
  }
};

/// dy, joined_octets.
template <class X> struct bias_octets {
  static constexpr int sums = 1, inputs = 1;
  X dy;
  struct channels {
    typename X::channels dy;
    __device__ void load(octet (&v)[1], spot p) const { dy(v[0], p); }
    __device__ void add(octet const (&v)[1], double (&sum)[1][8]) const {
#pragma unroll
      for (int i = 0; i < 8; ++i) sum[0][i] += static_cast<double>(v[0][i]);
    }
  };
  __device__ channels at(int k) const { return {dy.at(k)}; }
};

// A difference of two numbers of at most 24 bits loses 2^-24 of itself in single precision, and nothing where they are
// within a factor of two of one another: like a last bit of what was read. Sums and products are taken in double.

/// Deviations from the channel's first pixel, and their squares: values may be large where deviations are not.
template <class X> struct moment_octets {
  static constexpr int sums = 2, inputs = 1;
  X x;
  struct channels {
    typename X::channels x;
    octet first;
    __device__ void load(octet (&v)[1], spot p) const { x(v[0], p); }
    __device__ void add(octet const (&v)[1], double (&sum)[2][8]) const {
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        double const d = static_cast<double>(v[0][i] - first[i]);
        sum[0][i] += d, sum[1][i] += d * d;
      }
    }
  };
  __device__ channels at(int k) const {
    channels c{x.at(k), {}};
    c.x(c.first, {0, 0, true});
    return c;
  }
};

/// dy · (x − mean), and dy.
template <class Dy, class X> struct norm_grad_octets {
  static constexpr int sums = 2, inputs = 2;
  Dy dy;
  X x;
  float const* statistics;  ///< the means of the groups first
  int members, channels_all;
  struct channels {
    typename Dy::channels dy;
    typename X::channels x;
    octet mean;
    __device__ void load(octet (&v)[2], spot p) const {
      dy(v[0], p);
      x(v[1], p);
    }
    __device__ void add(octet const (&v)[2], double (&sum)[2][8]) const {
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        double const d = static_cast<double>(v[0][i]);
        sum[0][i] += d * static_cast<double>(v[1][i] - mean[i]), sum[1][i] += d;
      }
    }
  };
  __device__ channels at(int k) const {
    channels c{dy.at(k), x.at(k), {}};
    if (members == 1 && k + 8 <= channels_all) {
      load_floats(c.mean, statistics + k);
    } else {
#pragma unroll
      for (int i = 0; i < 8; ++i) c.mean[i] = k + i < channels_all ? statistics[(k + i) / members] : 0.f;
    }
    return c;
  }
};

}  // namespace oxbow::on_cuda
