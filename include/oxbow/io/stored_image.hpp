// An image just as a file stores it, and its conversion to the element type that was asked for.
#pragma once
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/io/file.hpp>

namespace oxbow {

enum class sample_kind { natural, integer, real };  ///< unsigned, signed, floating point

namespace detail {

/// Samples of 1, 2, 4 and 16-bit real size are unpacked when read; `bits` is what the file has.
/// shape  bytes: height × width × channels, of sample_bytes each, in this machine's order
struct stored_image {
  int height = 0, width = 0, channels = 1;
  sample_kind kind = sample_kind::natural;
  int bits = 8;          ///< per sample in the file
  int sample_bytes = 1;  ///< per sample here
  std::vector<std::byte> bytes;
};

/// Refuses what a file claims before anything is allocated for it.
/// `most_per_byte` is the greatest expansion that the file's compression can reach.
inline void check_claim(std::uint64_t claimed, std::uint64_t file_bytes, std::uint64_t most_per_byte,
                        read_options const& options, std::filesystem::path const& path) {
  if (claimed > options.most_bytes)
    throw file_error(path, "claims " + std::to_string(claimed) + " bytes of pixels, more than the limit of " +
                               std::to_string(options.most_bytes) + ". Raise most_bytes if it is meant.");
  if (claimed / most_per_byte > file_bytes)
    throw file_error(path, "claims " + std::to_string(claimed) + " bytes of pixels, which cannot come from a file of " +
                               std::to_string(file_bytes) + " bytes. It is damaged or cut short.");
}

/// a · b, or the greatest number where that does not fit.
constexpr std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  return b != 0 && a > most / b ? most : a * b;
}

/// Calls f with a value of the type of the samples.
template <class F> void visit_sample_type(sample_kind kind, int sample_bytes, F&& f) {
  if (kind == sample_kind::real) return sample_bytes == 4 ? f(float{}) : f(double{});
  if (kind == sample_kind::natural) switch (sample_bytes) {
      case 1:
        return f(std::uint8_t{});
      case 2:
        return f(std::uint16_t{});
      case 4:
        return f(std::uint32_t{});
      default:
        return f(std::uint64_t{});
    }
  switch (sample_bytes) {
    case 1:
      return f(std::int8_t{});
    case 2:
      return f(std::int16_t{});
    case 4:
      return f(std::int32_t{});
    default:
      return f(std::int64_t{});
  }
}

/// Whether `value` is one of T's numbers. A float must be whole.
template <class T, class S> constexpr bool fits(S value) {
  if constexpr (std::is_floating_point_v<T>) return true;
  else if constexpr (std::is_floating_point_v<S>) {
    // 2^digits is exact in S where max() itself may not be.
    S const bound = std::ldexp(S{1}, std::numeric_limits<T>::digits);
    return value >= (std::is_signed_v<T> ? -bound : S{0}) && value < bound && std::trunc(value) == value;
  } else return std::in_range<T>(value);
}

/// As short as the number can be written, with a point whatever the locale.
template <class S> std::string number_text(S value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

/// "page 2, y 5, x 7"; the page only where there are several, the channel only where there are several.
inline std::string place_text(std::size_t page, bool pages, int y, int x, int c, int channels) {
  return (pages ? "page " + std::to_string(page) + ", " : "") + "y " + std::to_string(y) + ", x " + std::to_string(x) +
         (channels > 1 ? ", channel " + std::to_string(c) : "");
}

/// The image as T. An integer T takes only what it can hold; anything else is an error that names the pixel.
template <class T> image<T> convert(stored_image const& from, read_options const& options,
                                    std::filesystem::path const& path, std::size_t page, bool pages) {
  static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>,
                "read: pixels are numbers. Ask for float, double "
                "or an integer type.");
  if (options.scaled && !std::is_floating_point_v<T>)
    throw file_error(path, "scaled pixels lie in 0 … 1 and do not fit integers. Read them as float or double.");
  image<T> to(extent{1, from.height, from.width}, from.channels);
  visit_sample_type(from.kind, from.sample_bytes, [&]<class S>(S) {
    for (std::size_t i = 0; i < to.data.size(); ++i) {
      S value;
      std::memcpy(&value, from.bytes.data() + i * sizeof(S), sizeof(S));
      if (!fits<T>(value)) {
        auto const channels = static_cast<std::size_t>(from.channels), width = static_cast<std::size_t>(from.width);
        throw file_error(
            path,
            "holds " + number_text(value) + " at " +
                place_text(page, pages, static_cast<int>(i / channels / width), static_cast<int>(i / channels % width),
                           static_cast<int>(i % channels), from.channels) +
                ", which is not a whole number from " + std::to_string(std::numeric_limits<T>::lowest()) + " to " +
                std::to_string(std::numeric_limits<T>::max()) + ". Read it as another type.");
      }
      to.data[i] = static_cast<T>(value);
    }
  });
  if constexpr (std::is_floating_point_v<T>)
    if (options.scaled && from.kind != sample_kind::real) {
      int const digits = from.bits - (from.kind == sample_kind::integer);
      T const most = static_cast<T>(std::ldexp(1.0, digits) - 1);
      for (T& value : to.data) value /= most;
    }
  return to;
}

}  // namespace detail
}  // namespace oxbow
