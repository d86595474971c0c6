// What happens to a result between the sums and memory: steps that compute, and the chain that runs them.
#pragma once
#include <utility>

#include <oxbow/core/function.hpp>
#include <oxbow/cuda/kernel/fetch.cuh>
#include <oxbow/cuda/kernel/run_scalars.cuh>
#include <oxbow/cuda/tile/layout.cuh>
#include <oxbow/cuda/tile/octet.cuh>
#include <oxbow/ops/dropout.hpp>

namespace oxbow::on_cuda {

/// A step is a struct of scalars with at(k), which gets it ready for the channels k … k + 7, once for many pixels. What
/// at() returns is called with the eight values of a pixel and changes them; it may have something to fetch first.
template <class S>
concept finishing_step = requires(S const& s, octet& v, spot p) {
  finish_with(s.at(0), v, p, fetch(s.at(0), p));
};

/// + bias[k]. The values lie in memory up to a multiple of 8.
struct add_bias {
  float const* values;
  struct channels {
    octet b;
    __device__ void operator()(octet& v, spot) const {
#pragma unroll
      for (int i = 0; i < 8; ++i) v[i] += b[i];
    }
  };
  __device__ channels at(int k) const {
    channels c;
    load_floats(c.b, values + k);
    return c;
  }
};

/// An activation that a plan names by its address: device code may look through that, but not read it.
template <function const* F> struct called {
  static __device__ float value(float x) {
    constexpr auto f = F->value;
    return f(x);
  }
  static __device__ float derivative(at_output a) requires(F->of_output) {
    constexpr auto f = F->derivative;
    return f(a.y);
  }
  static __device__ float derivative(at_input a) requires(!F->of_output) {
    constexpr auto f = F->derivative;
    return f(a.x);
  }
};

/// F::value: ours or a user's.
template <activation F> struct apply {
  __device__ void operator()(octet& v, spot) const {
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] = F::value(v[i]);
  }
  __device__ apply at(int) const { return {}; }
};

/// · F'(kept): the gradient of an activation. `kept` is its output where the derivative is a function of that, else
/// its input.
template <activation F, class T> struct apply_grad {
  view<T const> kept;
  struct channels {
    view<T const> kept;
    int k;
    struct fetched {
      words_of_octet<T> words;
    };
    __device__ fetched fetch(spot p) const {
      fetched f{};  // unset, it would be kept through the loop of a caller
      if (p.inside) load_words(f.words, kept.at(p.y, p.x, k));
      return f;
    }
    __device__ void operator()(octet& v, spot p, fetched const& f) const {
      if (!p.inside) return;
      octet s;
      floats_of_words<T>(s, f.words);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        if constexpr (requires { F::derivative(at_output{0}); }) v[i] *= F::derivative(at_output{s[i]});
        else v[i] *= F::derivative(at_input{s[i]});
      }
    }
  };
  __device__ channels at(int k) const { return {kept, k}; }
};

/// + another tensor, pixel by pixel; zero where that one ends (a gradient that came back through a crop).
template <class T> struct add_tensor {
  source<T const> other;
  struct channels {
    source<T const> other;
    int k;
    struct fetched {
      words_of_octet<T> words;
    };
    __device__ bool reaches(spot p) const {
      return p.inside && static_cast<unsigned>(p.y + other.shift_y) < static_cast<unsigned>(other.height) &&
             static_cast<unsigned>(p.x + other.shift_x) < static_cast<unsigned>(other.width);
    }
    __device__ fetched fetch(spot p) const {
      fetched f{};  // unset, it would be kept through the loop of a caller
      if (reaches(p)) load_words(f.words, other.data.at(p.y + other.shift_y, p.x + other.shift_x, k));
      return f;
    }
    __device__ void operator()(octet& v, spot, fetched const& f) const {
      octet s;
      floats_of_words<T>(s, f.words);
#pragma unroll
      for (int i = 0; i < 8; ++i) v[i] += s[i];
    }
  };
  __device__ channels at(int k) const { return {other, k}; }
};

/// Stores what has been made so far, and goes on with it: for values that somebody reads between two steps.
template <class T> struct keep {
  view<T> to;
  struct channels {
    view<T> to;
    int k;
    __device__ void operator()(octet& v, spot p) const {
      if (p.inside) store_octet(to.at(p.y, p.x, k), v);
    }
  };
  __device__ channels at(int k) const { return {to, k}; }
};

/// · the random mask of a dropout, forward and backward: a pure function of the place, see ops/dropout.hpp.
struct drop {
  run_scalars const* run;
  int number;               ///< of the layer
  float rate;
  int width, channels_all;  ///< of the tensor that is dropped from, without padding
  struct channels {
    random_stream stream;
    float rate;
    int width, channels_all, k;
    __device__ void operator()(octet& v, spot p) const {
      if (!p.inside) return;
      std::uint64_t const first =
          (static_cast<std::uint64_t>(p.y) * static_cast<unsigned>(width) + static_cast<unsigned>(p.x)) *
              static_cast<unsigned>(channels_all) + static_cast<unsigned>(k);
      if (channels_all % 4 == 0) {  // one draw gives four words
#pragma unroll
        for (int part = 0; part < 2; ++part) {
          random_words const words = stream.words(first / 4 + static_cast<unsigned>(part));
#pragma unroll
          for (int i = 0; i < 4; ++i) v[4 * part + i] *= unit_float(words.word[i]) < rate ? 0.f : 1.f / (1.f - rate);
        }
      } else {
#pragma unroll
        for (int i = 0; i < 8; ++i) v[i] *= ops::drop_factor(stream, first + static_cast<unsigned>(i), rate);
      }
    }
  };
  __device__ channels at(int k) const {
    return {ops::drop_stream(run->key(), number), rate, width, channels_all, k};
  }
};

/// Steps, one after the other.
template <finishing_step... Steps> struct chain {
  struct channels {
    __device__ void operator()(octet&, spot) const {}
  };
  __device__ channels at(int) const { return {}; }
};
template <finishing_step First, finishing_step... Rest> struct chain<First, Rest...> {
  First first;
  chain<Rest...> rest;

  struct channels {
    using first_channels = decltype(std::declval<First const&>().at(0));
    using rest_channels = typename chain<Rest...>::channels;
    first_channels first;
    rest_channels rest;
    struct fetched {
      typename fetched_by<first_channels>::type first;
      typename fetched_by<rest_channels>::type rest;
    };
    __device__ fetched fetch(spot p) const { return {on_cuda::fetch(first, p), on_cuda::fetch(rest, p)}; }
    __device__ void operator()(octet& v, spot p, fetched const& f) const {
      finish_with(first, v, p, f.first);
      finish_with(rest, v, p, f.rest);
    }
    __device__ void operator()(octet& v, spot p) const { (*this)(v, p, fetch(p)); }
  };
  __device__ channels at(int k) const { return {first.at(k), rest.at(k)}; }
};

}  // namespace oxbow::on_cuda
