// Steps that look at one pixel of each input: norms, their gradients, and whatever else sinks know how to do.
#pragma once
#include <cstddef>

#include <oxbow/cuda/kernel/joined_octets.cuh>
#include <oxbow/cuda/kernel/norm_anchors.cuh>
#include <oxbow/cuda/kernel/pixel_walk.cuh>
#include <oxbow/cuda/kernel/sinks.cuh>

namespace oxbow::on_cuda {

/// y = sink(anchor(x)), octet by octet. The size is an argument: one instantiation per X, anchor and sink.
///
/// A block makes the anchor's factors once, see norm_anchors.cuh. A thread has an octet of its own for all of the
/// block's pixels, and two pixels in hand at once: two rows of a column where the sink pools, else as far apart as the
/// block reaches at once. Neighbouring threads take neighbouring octets, pixel after pixel, whatever their number: a
/// warp reads and writes whole sectors. Where the sink pools, the pixels are counted in pairs, and lane l ^ 4 has the
/// other one of a pair.
///
/// X       joined_octets of what the anchor is applied to
/// cost    reads its tensors once
template <class X, class Anchor, class Sink> struct octet_map {
  static constexpr int threads = 256, resident = 3;
  static constexpr bool pools = Sink::pools;
  static constexpr int units = pools ? threads / 2 : threads;  ///< octets, or pairs of them, that a block does at once
  static constexpr int most_channels = 8 * units;

  struct storage {
    alignas(16) float factors[4];  ///< Anchor::floats for each channel, rounded up to octets; the launch says how many
  };
  struct args {
    X x;
    Anchor anchor;
    Sink sink;
    int height, width, channels;  ///< of x
    int rounds;                   ///< of a block, from rounds_for
  };

  static constexpr __host__ __device__ int octets_of(int channels) { return (channels + 7) / 8; }
  static constexpr std::size_t shared_bytes(int channels) {
    return sizeof(storage) + sizeof(float) * static_cast<std::size_t>(8 * octets_of(channels) * Anchor::floats);
  }
  /// Enough blocks to fill a large device, then longer ones, which make factors less often. No bit depends on it.
  static int rounds_for(int height, int width, int channels) {
    constexpr int enough_blocks = 512, most = 16;
    int const wanted = rounds(height, width, channels) / enough_blocks;
    return wanted < 1 ? 1 : wanted > most ? most : wanted;
  }
  static int blocks(args const& a) { return (rounds(a.height, a.width, a.channels) + a.rounds - 1) / a.rounds; }

  __device__ static void run(args const& a, storage& memory) {
    int const octets = octets_of(a.channels), t = static_cast<int>(threadIdx.x);
    a.anchor.make(memory.factors, a.channels, octets);
    int const unit = pools ? t / 32 * 16 + t % 32 / 8 * 4 + t % 4 : t, odd = pools ? t / 4 % 2 : 0;
    int const group = unit / octets, k = unit % octets * 8, at_once = units / octets;
    bool const busy = group < at_once;
    auto const from = a.x.at(k);
    auto const anchor = a.anchor.at(k, memory.factors, octets);
    auto const sink = a.sink.at(k);
    int const first = static_cast<int>(blockIdx.x) * a.rounds * (pools ? 1 : 2) * at_once + group;
    pixel_walk walk{first, at_once, pools ? (a.width + 1) / 2 : a.width};
#pragma unroll 1
    for (int round = 0; round < a.rounds; ++round) {
      spot here[2];
      if constexpr (pools) {
        int const x = 2 * walk.x + odd;
        here[0] = {2 * walk.y, x, busy && 2 * walk.y < a.height && x < a.width};
        here[1] = {2 * walk.y + 1, x, here[0].inside && 2 * walk.y + 1 < a.height};
      } else {
        here[0] = {walk.y, walk.x, busy && walk.y < a.height};
        walk.advance();
        here[1] = {walk.y, walk.x, busy && walk.y < a.height};
      }
      walk.advance();
      octet v[2];
      from(v[0], here[0]);
      from(v[1], here[1]);
      anchor(v[0], here[0]);
      if constexpr (!pools) sink(v[0], here[0]);
      anchor(v[1], here[1]);
      if constexpr (!pools) sink(v[1], here[1]);
      else sink(v, here[0], here[1].inside);
    }
  }

 private:
  /// Of one block that did all.
  static int rounds(int height, int width, int channels) {
    int const places = pools ? (height + 1) / 2 * ((width + 1) / 2) : height * width;
    int const at_once = units / octets_of(channels) * (pools ? 1 : 2);
    return (places + at_once - 1) / at_once;
  }
};

}  // namespace oxbow::on_cuda
