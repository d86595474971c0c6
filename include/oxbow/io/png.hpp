// PNG files, read and written.
#pragma once
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <span>

#include <oxbow/io/stored_image.hpp>

namespace oxbow {
namespace detail {

/// What libpng's callbacks see: where bytes come from or go to, and libpng's last words.
struct png_stream {
  std::span<std::byte const> source{};       ///< not yet read
  std::vector<std::byte>* target = nullptr;  ///< written so far
  char complaint[120] = "no reason";

  static png_stream& of(png_structp png) { return *static_cast<png_stream*>(png_get_io_ptr(png)); }
  static void read(png_structp png, png_bytep into, std::size_t count) {
    png_stream& self = of(png);
    if (count > self.source.size()) png_error(png, "the file ends early");
    std::memcpy(into, self.source.data(), count);
    self.source = self.source.subspan(count);
  }
  static void write(png_structp png, png_bytep from, std::size_t count) {
    bool grown = true;
    try {
      auto const* bytes = reinterpret_cast<std::byte const*>(from);
      of(png).target->insert(of(png).target->end(), bytes, bytes + count);
    } catch (...) {
      grown = false;  // an exception must not pass through libpng's C frames
    }
    if (!grown) png_error(png, "memory is exhausted");
  }
  static void flush(png_structp) {}
  static void fail(png_structp png, png_const_charp text) {
    auto& complaint = static_cast<png_stream*>(png_get_error_ptr(png))->complaint;
    std::strncpy(complaint, text, sizeof complaint - 1);
    std::longjmp(png_jmpbuf(png), 1);
  }
  static void ignore(png_structp, png_const_charp) {}
};

/// A libpng reader or writer and its information, destroyed together.
struct png_session {
  png_stream stream;
  png_structp png = nullptr;
  png_infop info = nullptr;
  bool writing;

  explicit png_session(bool writing) : writing{writing} {
    png = (writing ? png_create_write_struct : png_create_read_struct)(PNG_LIBPNG_VER_STRING, &stream, png_stream::fail,
                                                                       png_stream::ignore);
    if (png) info = png_create_info_struct(png);
    if (!info) {
      release();
      throw std::runtime_error("png: libpng cannot start. Its headers and its library must be of one version.");
    }
  }
  png_session(png_session const&) = delete;
  png_session& operator=(png_session const&) = delete;
  ~png_session() { release(); }

  /// Runs calls into libpng. False where it gave up: it leaves by longjmp, so `calls` must hold
  /// nothing that has a destructor.
  template <class Calls> bool run(Calls const& calls) {
    if (setjmp(png_jmpbuf(png))) return false;
    calls();
    return true;
  }

 private:
  void release() {
    if (writing) png_destroy_write_struct(&png, &info);
    else png_destroy_read_struct(&png, &info, nullptr);
  }
};

inline stored_image read_stored_png(std::filesystem::path const& path, std::size_t wanted_bytes,
                                    read_options const& options) {
  std::vector<std::byte> const bytes = read_file(path, options.most_bytes);
  png_session session{false};
  png_structp const png = session.png;
  png_infop const info = session.info;
  session.stream.source = bytes;
  auto const give_up = [&] {
    throw file_error(
        path, std::string("is not a PNG file that can be read (libpng says: ") + session.stream.complaint + ").");
  };
  bool const headed = session.run([&] {
    png_set_read_fn(png, &session.stream, png_stream::read);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_claim is the limit
    png_read_info(png, info);
    bool const palette = png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE;
    if (palette && !options.palette_numbers) png_set_palette_to_rgb(png);  // with alpha where it has transparency
    else png_set_packing(png);                                             // 1, 2 and 4 bits to a byte, unscaled
    if (png_get_bit_depth(png, info) == 16 && std::endian::native == std::endian::little) png_set_swap(png);
    png_set_interlace_handling(png);
  });
  if (!headed) give_up();

  // Deflate expands by less than 1032: 258 bytes from two bits.
  std::uint64_t const width = png_get_image_width(png, info), height = png_get_image_height(png, info);
  int const file_bits = png_get_bit_depth(png, info);
  bool const palette = png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE && !options.palette_numbers;
  check_claim(saturating_product(height, png_get_rowbytes(png, info)), bytes.size(), 1032, options, path);
  if (!session.run([&] { png_read_update_info(png, info); })) give_up();
  int const channels = png_get_channels(png, info);
  std::size_t const row_bytes = png_get_rowbytes(png, info);
  std::uint64_t const samples = saturating_product(width * height, static_cast<unsigned>(channels));
  check_claim(saturating_product(samples, std::max<std::size_t>(wanted_bytes, file_bits == 16 ? 2 : 1)), bytes.size(),
              std::numeric_limits<std::uint64_t>::max(), options, path);

  stored_image out;
  out.height = static_cast<int>(height), out.width = static_cast<int>(width), out.channels = channels;
  out.bits = palette ? 8 : file_bits, out.sample_bytes = file_bits == 16 ? 2 : 1;
  out.bytes.resize(static_cast<std::size_t>(height) * row_bytes);
  std::vector<png_bytep> rows(static_cast<std::size_t>(height));
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = reinterpret_cast<png_bytep>(out.bytes.data() + y * row_bytes);
  bool const complete = session.run([&] {
    png_read_image(png, rows.data());
    png_read_end(png, nullptr);
  });
  if (!complete) give_up();
  return out;
}

struct png_layout {
  int height, width, channels, bits;
};

inline void write_png_bytes(std::filesystem::path const& path, std::byte const* pixels, png_layout const& layout,
                            int level) {
  std::vector<std::byte> encoded;
  png_session session{true};
  session.stream.target = &encoded;
  auto const row_bytes = static_cast<std::size_t>(layout.width) * static_cast<std::size_t>(layout.channels) *
                         static_cast<std::size_t>(layout.bits / 8);
  int const kinds[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
  bool const complete = session.run([&] {
    png_structp const png = session.png;
    png_set_write_fn(png, &session.stream, png_stream::write, png_stream::flush);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png, session.info, static_cast<png_uint_32>(layout.width), static_cast<png_uint_32>(layout.height),
                 layout.bits, kinds[layout.channels - 1], PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, level);
    png_write_info(png, session.info);
    if (layout.bits == 16 && std::endian::native == std::endian::little) png_set_swap(png);
    for (std::size_t y = 0; y < static_cast<std::size_t>(layout.height); ++y)
      png_write_row(png, reinterpret_cast<png_const_bytep>(pixels + y * row_bytes));
    png_write_end(png, session.info);
  });
  if (!complete)
    throw file_error(path, std::string("cannot be written (libpng says: ") + session.stream.complaint + ").");
  file_writer file{path};
  file.write(encoded);
  file.commit();
}

}  // namespace detail

/// The image in a PNG file of any kind: 1 to 16 bits, grey, colour, with alpha, palette, interlaced.
///
/// values   the stored numbers (1-bit: 0 and 1), or 0 … 1 with options.scaled; palettes give their
///          colours, with an alpha channel where the palette has transparency; gamma is not applied
/// errors   file_error
template <class T = float> image<T> read_png(std::filesystem::path const& path, read_options const& options = {}) {
  return detail::convert<T>(detail::read_stored_png(path, sizeof(T), options), options, path, 0, false);
}

struct png_options {
  int level = 6;  ///< zlib's: 0 stores, 1 is fast, 9 is small
};

/// Writes 1 to 4 channels: grey, grey and alpha, RGB, RGB and alpha. 8- and 16-bit numbers are
/// written as they are; floats in 0 … 1 become 8-bit, rounded to nearest, and those outside are clamped.
/// The file appears under its name only when it is complete.
///
/// errors  file_error: no pixels, depth, more channels, NaN, or the disk's reasons
template <class T>
void write_png(std::filesystem::path const& path, image<T> const& picture, png_options const& options = {}) {
  static_assert(std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::uint16_t> || std::is_floating_point_v<T>,
                "write_png: pixels are std::uint8_t, std::uint16_t, or floats in 0 … 1.");
  bool const storable = 1 <= picture.channels && 4 >= picture.channels;  // nvcc takes `channels <` for a template here
  if (picture.data.empty() || picture.size.depth != 1 || !storable ||
      picture.data.size() != static_cast<std::size_t>(picture.size.volume() * picture.channels))
    throw file_error(path, "cannot be written: a PNG holds one image of depth 1 with 1 to 4 channels; this has " +
                               std::to_string(picture.size.depth) + " x " + std::to_string(picture.size.height) +
                               " x " + std::to_string(picture.size.width) + " pixels and " +
                               std::to_string(picture.channels) + " channels.");
  detail::png_layout const layout{picture.size.height, picture.size.width, picture.channels, sizeof(T) == 2 ? 16 : 8};
  if constexpr (std::is_integral_v<T>) {
    detail::write_png_bytes(path, reinterpret_cast<std::byte const*>(picture.data.data()), layout, options.level);
  } else {
    std::vector<std::byte> pixels;
    pixels.reserve(picture.data.size());
    for (T const value : picture.data) {
      if (std::isnan(value)) {
        auto const channels = static_cast<std::size_t>(picture.channels);
        auto const width = static_cast<std::size_t>(picture.size.width), i = pixels.size();
        throw file_error(path, "cannot be written: the value at " +
                                   detail::place_text(0, false, static_cast<int>(i / channels / width),
                                                      static_cast<int>(i / channels % width),
                                                      static_cast<int>(i % channels), picture.channels) +
                                   " is not a number.");
      }
      pixels.push_back(static_cast<std::byte>(std::clamp(value, T{0}, T{1}) * 255 + T(0.5)));
    }
    detail::write_png_bytes(path, pixels.data(), layout, options.level);
  }
}

}  // namespace oxbow
