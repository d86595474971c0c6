// A part of a tensor in a block's shared memory: what a step works on.
#pragma once
#include <oxbow/core/box.hpp>
#include <oxbow/cuda/kernel/stored.cuh>

namespace oxbow::on_cuda {

/// Some channels of a box of a value, channels last. It does not own its memory.
struct patch {
  float* data = nullptr;
  box where{};               ///< pixels, in the coordinates of the value
  int first = 0, count = 0;  ///< channels of the value
  int pitch = 0;             ///< floats from one pixel to the next
  box memory{};              ///< the box that the memory was laid out for, in the same coordinates
  int unused = 0;            ///< where the compiler would leave a hole that nothing writes

  static __device__ patch over(float* data, box where, int first, int count) {
    return {data, where, first, count, count, where, 0};
  }
  __device__ std::int64_t floats() const { return memory.size.volume() * pitch; }
  /// Channel c of the value at the value's pixel (z, y, x), which the patch contains.
  __device__ float& operator()(int c, int z, int y, int x) const {
    return data[memory.size.index(z - memory.origin.depth, y - memory.origin.height, x - memory.origin.width) * pitch +
                c - first];
  }
  __device__ bool contains(int c, int z, int y, int x) const {
    return c >= first && c < first + count &&
           where.size.contains(z - where.origin.depth, y - where.origin.height, x - where.origin.width);
  }
  /// The same memory in coordinates that begin at `border`.
  __device__ patch cropped(extent border) const {
    patch p = *this;
    for (int a = 0; a < 3; ++a) p.where.origin[a] -= border[a], p.memory.origin[a] -= border[a];
    return p;
  }
  /// The channels from `from` on, `channels` of them, those of which the patch has.
  __device__ patch sliced(int from, int channels) const {
    patch p = *this;
    int const begin = first > from ? first : from, mine = first + count, its = from + channels;
    int const end = mine < its ? mine : its;
    p.data += begin - first, p.first = begin - from, p.count = end > begin ? end - begin : 0;
    return p;
  }
};

/// Calls f(c, z, y, x) for all elements of a box of channels, shared out among the block's threads: channels run
/// fastest, so that neighbouring threads meet neighbouring memory.
template <class F> __device__ void for_each(box const& where, int first, int count, F&& f) {
  if (count < 1 || where.empty()) return;
  int const n = static_cast<int>(where.size.volume()) * count;
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) {
    int const c = i % count, p = i / count;
    int const x = p % where.size.width, row = p / where.size.width;
    f(first + c, where.origin.depth + row / where.size.height, where.origin.height + row % where.size.height,
      where.origin.width + x);
  }
}

/// Fills a patch with what joined tensors show.
inline __noinline__ __device__ void gather(patch const& to, joined const& from, std::byte const* arena) {
  for_each(to.where, to.first, to.count, [&](int c, int z, int y, int x) { to(c, z, y, x) = from(arena, c, z, y, x); });
}

/// Writes the pixels and channels of a patch that lie within the tensor, and zeros behind its last channel where the
/// layout has room there.
inline __noinline__ __device__ void store_patch(patch const& from, stored const& to, std::byte* arena) {
  int const end = from.first + from.count < to.channels ? from.first + from.count : to.channels;
  int const last = end == to.channels ? to.memory_channels() : end;
  for_each(intersection(from.where, {{0, 0, 0}, to.size}), from.first, last - from.first,
           [&](int c, int z, int y, int x) {
             save_number(arena + to.offset, to.type, to.index(c, z, y, x), c < end ? from(c, z, y, x) : 0.f);
           });
}

/// What lies beyond an image is zero for whoever reads it.
inline __noinline__ __device__ void zero_beyond(patch const& p, extent size) {
  if (intersection(p.where, {{0, 0, 0}, size}) == p.where) return;
  for_each(p.where, p.first, p.count, [&](int c, int z, int y, int x) {
    if (!size.contains(z, y, x)) p(c, z, y, x) = 0;
  });
}

}  // namespace oxbow::on_cuda
