// What changes from one run of a program to the next: in device memory, so that a captured graph need not change.
#pragma once
#include <cstdint>

#include <oxbow/core/random_key.hpp>

namespace oxbow::on_cuda {

/// What becomes of a gradient. It is written to its place, or added to what is there; or it is added to the momentum of
/// the step before, which stays as it is, and makes that of this one. These two lie equally far from every place.
///
/// In two calls, so that what is read may be asked for early.
struct gradient_writer {
  bool add;
  float unscale;          ///< 1 / loss_scale(), a power of two
  float momentum;         ///< 0: no momentum
  std::int64_t from, to;  ///< elements from a place to the momentum of the step before, and to that of this one

  __device__ bool reads() const { return add || momentum != 0; }
  /// Where what was there before lies, for a writer that reads.
  __device__ float const* source(float const* place) const { return momentum != 0 ? place + from : place; }
  __device__ float before(float const& place) const { return reads() ? *source(&place) : 0.f; }
  /// Returns the gradient, of which a sum of squares may be made: with momentum that of the step's only tile.
  __device__ float write(float& place, float before, float sum) const {
    float const g = sum * unscale;
    if (momentum == 0) return place = before + g;
    (&place)[to] = fmaf(momentum, before, g);
    return g;
  }
};

struct run_scalars {
  std::uint64_t seed = 0;
  std::uint32_t step = 0, sample = 0;
  float label_factor = 0;        ///< 1 / labelled pixels
  int accumulate = 0;            ///< gradients are added to what is there
  float const* scale = nullptr;  ///< what the gradient of the logits is multiplied by; null: 1
  float momentum = 0;            ///< see gradient_writer
  std::int64_t from = 0, to = 0;

  __device__ random_key key() const { return {seed, step, sample}; }
  __device__ float loss_scale() const { return scale == nullptr ? 1.f : *scale; }
  __device__ gradient_writer writer() const { return {accumulate != 0, 1.f / loss_scale(), momentum, from, to}; }
  /// The same from a sum in double, which is rounded once.
  __device__ float add_gradient(float& place, double sum) const {
    double const g = sum / static_cast<double>(loss_scale());
    if (momentum == 0) return place = static_cast<float>(accumulate ? static_cast<double>(place) + g : g);
    gradient_writer const as_it_is{false, 1.f, momentum, from, to};
    return as_it_is.write(place, as_it_is.before(place), static_cast<float>(g));
  }
};

}  // namespace oxbow::on_cuda
