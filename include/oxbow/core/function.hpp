// An activation as a value, so that a flat graph can point at a type it has never seen.
#pragma once
#include <oxbow/core/activations.hpp>

namespace oxbow {

struct function {
  float (*value)(float);
  float (*derivative)(float);  ///< of the output if of_output, else of the input
  bool of_output;
};

template <activation A> struct function_of {
  static constexpr bool of_output = requires(at_output a) { A::derivative(a); };
  static constexpr OXBOW_DEVICE float derivative(float t) {
    if constexpr (of_output) return A::derivative(at_output{t});
    else return A::derivative(at_input{t});
  }
  // A static member, not a variable template: nvcc 13.0 misspells a pointer to the latter in a kernel's name.
  static constexpr function self{&A::value, &derivative, of_output};
};

/// Stands where there is no activation: nvcc 13.0 drops null pointers from a kernel's name.
struct identity {
  static constexpr OXBOW_DEVICE float value(float x) { return x; }
  static constexpr OXBOW_DEVICE float derivative(at_output) { return 1; }
};

}  // namespace oxbow
