// What a result needs of memory before it goes there: loaded for several pixels at a time.
#pragma once
#include <oxbow/cuda/tile/octet.cuh>

namespace oxbow::on_cuda {

/// A pixel of the result. Where a tile reaches beyond the tensor, `inside` is false: nothing may be read or written.
struct spot {
  int y, x;
  bool inside;
};

/// What of another tensor a step needs for a pixel, as it lies in memory; zero where the pixel is not inside. A step
/// that reads tensors may have
///   fetched      such a type
///   fetch(p)     → fetched: nothing but loads
///   (v, p, f)    the step, with what was fetched
/// so that the loads of several pixels are on their way before the first of them is needed. A load takes as long as
/// some hundred products, and too few warps share a multiprocessor to hide that.
struct nothing_fetched {};
template <class C> concept fetching = requires { typename C::fetched; };
template <class C> struct fetched_by { using type = nothing_fetched; };
template <fetching C> struct fetched_by<C> { using type = typename C::fetched; };
template <class C> __device__ typename fetched_by<C>::type fetch(C const& channels, spot p) {
  if constexpr (fetching<C>) return channels.fetch(p);
  else return {};
}
template <class C>
__device__ void finish_with(C const& channels, octet& v, spot p, typename fetched_by<C>::type const& f) {
  if constexpr (fetching<C>) channels(v, p, f);
  else channels(v, p);
}

/// channels, of a step or a sink, for Count pixels: spot_of(i) says where, values(v, i) gives the eight values. Loads
/// for four pixels, or of 64 bytes per thread, are under way at a time.
template <int Count, class Channels, class SpotOf, class Values>
__device__ void finish_pixels(Channels const& channels, SpotOf const& spot_of, Values const& values) {
  using fetched = typename fetched_by<Channels>::type;
  constexpr int wish = 64 / static_cast<int>(sizeof(fetched)), batch = wish < 1 ? 1 : wish > 4 ? 4 : wish;
#pragma unroll
  for (int first = 0; first < Count; first += batch) {
    fetched f[batch];
#pragma unroll
    for (int i = 0; i < batch; ++i)
      if (first + i < Count) f[i] = fetch(channels, spot_of(first + i));
#pragma unroll
    for (int i = 0; i < batch; ++i)
      if (first + i < Count) {
        octet v;
        values(v, first + i);
        finish_with(channels, v, spot_of(first + i), f[i]);
      }
  }
}

}  // namespace oxbow::on_cuda
