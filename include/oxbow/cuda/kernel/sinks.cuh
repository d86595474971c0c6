// Where a result goes: to a tensor, to a tensor and its pooling, to both sides of a join, back through a pooling.
#pragma once
#include <oxbow/cuda/kernel/finish.cuh>

namespace oxbow::on_cuda {

/// A part of a result that is stored: pixel (top, left) of the result is the first of `data`.
template <class T> struct part {
  view<T> data;
  int top, left, height, width;
};

// Where in memory a pixel's channels from k on lie; null where they are not stored.
template <class T> __device__ T* place_in(view<T> const& to, spot p, int k) {
  return p.inside && to.data ? to.at(p.y, p.x, k) : nullptr;
}
template <class T> __device__ T* place_in(part<T> const& to, spot p, int k) {
  int const y = p.y - to.top, x = p.x - to.left;
  bool const within = static_cast<unsigned>(y) < static_cast<unsigned>(to.height) &&
                      static_cast<unsigned>(x) < static_cast<unsigned>(to.width);
  return p.inside && within ? to.data.at(y, x, k) : nullptr;
}

/// A sink is a struct with at(k), like a step, and like one may have something to fetch. What at() returns is called
/// with the eight values of a pixel, by all lanes of a warp together. If `pools` is true it is called for the pixels of
/// a column two by two, with rows that start even, and lane l ^ 4 has the neighbour in the row.
///
/// This one stores what the steps give.
template <class T, class Steps = chain<>, class To = view<T>> struct store {
  static constexpr bool pools = false;
  Steps steps;
  To to;
  struct channels {
    using fetched = typename fetched_by<typename Steps::channels>::type;
    typename Steps::channels steps;
    To to;
    int k;
    __device__ fetched fetch(spot p) const { return on_cuda::fetch(steps, p); }
    __device__ void operator()(octet& v, spot p, fetched const& f) const {
      finish_with(steps, v, p, f);
      if (T* const at = place_in(to, p, k)) store_octet(at, v);
    }
    __device__ void operator()(octet& v, spot p) const { (*this)(v, p, fetch(p)); }
  };
  __device__ channels at(int k) const { return {steps.at(k), to, k}; }
};

/// Stores the first `count` channels, at most eight, as floats without padding.
template <class Steps> struct store_floats {
  static constexpr bool pools = false;
  Steps steps;
  float* to;
  int width, count;
  struct channels {
    typename Steps::channels steps;
    float* to;
    int width, count;
    __device__ void operator()(octet& v, spot p) const {
      steps(v, p);
      if (!p.inside) return;
      float* const at = to + (static_cast<std::int64_t>(p.y) * width + p.x) * count;
#pragma unroll
      for (int i = 0; i < 8; ++i)
        if (i < count) at[i] = v[i];
    }
  };
  __device__ channels at(int k) const { return {steps.at(k), to, width, count}; }
};

/// Stores nothing: a side of a join that nobody asks for.
struct discard {
  struct channels {
    __device__ void operator()(octet&, spot) const {}
  };
  __device__ channels at(int) const { return {}; }
};

/// Places of maxima are two bits per channel, so an octet has sixteen; see place_in_row.
struct place_view {
  std::uint16_t* data;
  int octets, width;
  __device__ std::uint16_t* at(int y, int x, int k) const {
    return data + (y * octets * width + place_in_row(octets * 8, width, x, k) / 8);
  }
};

enum class pooling { max, max_with_place, mean };

/// Stores the result and its 2×2 pooling. Pooled are the stored, rounded values. Pixels beyond the last whole window
/// are not pooled. `to.data` may be null: then the result itself is not stored.
template <class T, pooling Pooling, class Steps = chain<>, class To = view<T>> struct store_and_pool {
  static constexpr bool pools = true;
  Steps steps;
  To to;
  view<T> pooled;
  place_view place;
  int pooled_height, pooled_width;

  struct channels {
    typename Steps::channels steps;
    store_and_pool const& of;
    int k;

    __device__ void operator()(octet (&v)[2], spot p, bool lower_inside) const {
      words_of_octet<T> r[2];
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        spot const here{p.y + row, p.x, row ? lower_inside : p.inside};
        steps(v[row], here);
        round_octet<T>(r[row], v[row]);
        if (T* const at = place_in(of.to, here, k)) store_words(at, r[row]);
      }
      int const y = p.y / 2, x = p.x / 2;
      bool const mine = p.x % 2 == 0 && lower_inside && y < of.pooled_height && x < of.pooled_width;
      words_of_octet<T> best;
      std::uint32_t places = 0;
#pragma unroll
      for (int i = 0; i < octet_words<T>; ++i) {
        std::uint32_t const upper = r[0][i / 4][i % 4], lower = r[1][i / 4][i % 4];
        float2 const a = floats_of<T>(upper), b = floats_of<T>(__shfl_xor_sync(~0u, upper, 4)),
                     c = floats_of<T>(lower), d = floats_of<T>(__shfl_xor_sync(~0u, lower, 4));
        float low, high;
        if constexpr (Pooling == pooling::mean) {
          low = (a.x + b.x + c.x + d.x) * 0.25f, high = (a.y + b.y + c.y + d.y) * 0.25f;
        } else {
          int first, second;
          low = maximum(a.x, b.x, c.x, d.x, first), high = maximum(a.y, b.y, c.y, d.y, second);
          places |= static_cast<unsigned>(first | second << 2) << 2 * numbers_per_word<T> * i;
        }
        best[i / 4][i % 4] = pair_of<T>(low, high);
      }
      if (!mine) return;
      store_words(of.pooled.at(y, x, k), best);
      if constexpr (Pooling == pooling::max_with_place)
        *of.place.at(y, x, k) = static_cast<std::uint16_t>(places);
    }
    /// Of equal maxima the first in row-major order counts.
    static __device__ float maximum(float a, float b, float c, float d, int& place) {
      float const top = b > a ? b : a, bottom = d > c ? d : c;
      place = bottom > top ? 2 + (d > c) : (b > a);
      return bottom > top ? bottom : top;
    }
  };
  __device__ channels at(int k) const { return {steps.at(k), *this, k}; }
};

/// The channels below `split`, a multiple of 8, go one way, the others another: the gradients of a join.
template <class First, class Second> struct sides {
  static constexpr bool pools = false;
  First first;
  Second second;
  int split;
  struct channels {
    using first_channels = decltype(std::declval<First const&>().at(0));
    using second_channels = decltype(std::declval<Second const&>().at(0));
    struct fetched {
      typename fetched_by<first_channels>::type first;
      typename fetched_by<second_channels>::type second;
    };
    sides const& of;
    int k;
    __device__ fetched fetch(spot p) const {
      fetched f{};
      if (k < of.split) f.first = on_cuda::fetch(of.first.at(k), p);
      else f.second = on_cuda::fetch(of.second.at(k - of.split), p);
      return f;
    }
    __device__ void operator()(octet& v, spot p, fetched const& f) const {
      if (k < of.split) finish_with(of.first.at(k), v, p, f.first);
      else finish_with(of.second.at(k - of.split), v, p, f.second);
    }
    __device__ void operator()(octet& v, spot p) const { (*this)(v, p, fetch(p)); }
  };
  __device__ channels at(int k) const { return {*this, k}; }
};

/// The gradient of a 2×2 pooling, scattered: the result, after the steps `before`, is the gradient of a pooled pixel,
/// and each of the four pixels gets it if it held the maximum (or a quarter of it, for a mean), then goes through the
/// steps and is stored. Pixels that lie in no window get zero.
template <class T, pooling Pooling, class Steps = chain<>, class Before = chain<>> struct scatter {
  static constexpr bool pools = false;
  Before before;
  Steps steps;
  view<T> to;
  place_view place;
  int height, width;  ///< of `to`

  struct channels {
    struct fetched {
      unsigned places;
      typename fetched_by<typename Before::channels>::type before;
    };
    typename Before::channels before;
    typename Steps::channels steps;
    scatter const& of;
    int k;

    __device__ fetched fetch(spot p) const {
      return {Pooling == pooling::mean || !p.inside ? 0u : *of.place.at(p.y, p.x, k), on_cuda::fetch(before, p)};
    }
    __device__ void operator()(octet& v, spot p, fetched const& f) const {
      if (!p.inside) return;
      finish_with(before, v, p, f.before);
      int const rows = 2 * p.y + 3 == of.height ? 3 : 2, columns = 2 * p.x + 3 == of.width ? 3 : 2;
      // what two neighbours need is under way together; all four would take too many registers
#pragma unroll 1
      for (int y = 0; y < rows; ++y) {
        spot const left{2 * p.y + y, 2 * p.x, true}, right{left.y, left.x + 1, true};
        auto const of_left = on_cuda::fetch(steps, left), of_right = on_cuda::fetch(steps, right);
        give(v, left, y, 0, f.places, of_left);
        give(v, right, y, 1, f.places, of_right);
        if (columns == 3) {
          spot const last{left.y, left.x + 2, true};
          give(v, last, y, 2, f.places, on_cuda::fetch(steps, last));
        }
      }
    }
    __device__ void operator()(octet& v, spot p) const { (*this)(v, p, fetch(p)); }

    /// To the pixel (y, x) of the window; to one that lies in none, in an odd last row or column, zero.
    __device__ void give(octet const& v, spot here, int y, int x, unsigned places,
                         typename fetched_by<typename Steps::channels>::type const& f) const {
      bool const within = y < 2 && x < 2;
      octet w;
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        if constexpr (Pooling == pooling::mean) w[i] = within ? 0.25f * v[i] : 0.f;
        else w[i] = within && (places >> 2 * i & 3) == static_cast<unsigned>(2 * y + x) ? v[i] : 0.f;
      }
      finish_with(steps, w, here, f);
      store_octet(of.to.at(here.y, here.x, k), w);
    }
  };
  __device__ channels at(int k) const { return {before.at(k), steps.at(k), *this, k}; }
};

}  // namespace oxbow::on_cuda
