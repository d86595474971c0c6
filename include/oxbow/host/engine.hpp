// A program that runs, whatever instruction set it was compiled for.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include <oxbow/core/random_key.hpp>
#include <oxbow/host/instruction_set.hpp>
#include <oxbow/host/simd.hpp>
#include <oxbow/host/threads.hpp>

namespace oxbow {
namespace on_host {

class engine {
 public:
  engine() = default;
  engine(engine const&) = delete;
  engine& operator=(engine const&) = delete;
  virtual ~engine() = default;

  /// The activations; tables<Program> says what lies where.
  virtual std::byte* arena() const = 0;
  /// Bytes of everything that was allocated.
  virtual std::int64_t bytes() const = 0;
  /// The weights have changed: pack them all before the next run.
  virtual void pack_all(float const* parameters) = 0;
  virtual void run(float* parameters, float* gradients, random_key key, float label_factor, bool accumulate) = 0;
};

/// What this very file is being compiled for.
inline constexpr instruction_set compiled_for = width_of<native> >= 16  ? instruction_set::avx512
                                                : width_of<native> >= 8 ? instruction_set::avx2
                                                                        : instruction_set::baseline;

/// f.operator()<Set>() with the set that this machine gets.
template <class F> auto with_best_set(F const& f) {
  if constexpr (has_many_instruction_sets) {
    instruction_set const best = best_instruction_set();
    if (best == instruction_set::avx512) return f.template operator()<instruction_set::avx512>();
    if (best == instruction_set::avx2) return f.template operator()<instruction_set::avx2>();
  }
  return f.template operator()<instruction_set::baseline>();
}

}  // namespace on_host

/// Are a model's kernels compiled in a file of their own, once for each instruction set? Specialise it where the model
/// is named; docs/portable-binaries.md.
template <class Model> inline constexpr bool multiarch = false;

/// Kernels that host/kernels.hpp defines. A file that is compiled for several sets instantiates them explicitly; all
/// others only call them.
namespace kernels {

template <class Model, instruction_set Set = on_host::compiled_for> struct inference {
  static std::unique_ptr<on_host::engine> make(on_host::thread_pool& pool, bool repack);
};
template <class Model, instruction_set Set = on_host::compiled_for> struct training {
  static std::unique_ptr<on_host::engine> make(on_host::thread_pool& pool);
};

}  // namespace kernels
}  // namespace oxbow
