// TIFF out: one image, or a stack of pages.
#pragma once
#include <type_traits>

#include <oxbow/io/tiff_read.hpp>

namespace oxbow {

enum class tiff_compression { none, packbits, lzw, deflate };

struct tiff_options {
  tiff_compression compression = tiff_compression::deflate;
};

namespace detail {

/// What a page looks like to libtiff, without the element type.
struct tiff_layout {
  int height, width, channels;
  sample_kind kind;
  int sample_bytes;
};

inline void write_tiff_page(TIFF* tiff, std::byte const* pixels, tiff_layout const& page,
                            tiff_compression compression) {
  int const code = compression == tiff_compression::none       ? COMPRESSION_NONE
                   : compression == tiff_compression::packbits ? COMPRESSION_PACKBITS
                   : compression == tiff_compression::lzw      ? COMPRESSION_LZW
                                                               : COMPRESSION_ADOBE_DEFLATE;
  bool const colour = page.channels == 3 || page.channels == 4;
  int const extra = page.channels - (colour ? 3 : 1);
  auto const row_bytes = static_cast<std::size_t>(page.width) * static_cast<std::size_t>(page.channels) *
                         static_cast<std::size_t>(page.sample_bytes);
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(page.width));
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(page.height));
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, page.channels);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8 * page.sample_bytes);
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT,
               page.kind == sample_kind::natural   ? SAMPLEFORMAT_UINT
               : page.kind == sample_kind::integer ? SAMPLEFORMAT_INT
                                                   : SAMPLEFORMAT_IEEEFP);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, colour ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  if (extra > 0) {
    std::vector<std::uint16_t> const kinds(static_cast<std::size_t>(extra),
                                           colour ? EXTRASAMPLE_UNASSALPHA : EXTRASAMPLE_UNSPECIFIED);
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, extra, kinds.data());
  }
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, code);
  if (code == COMPRESSION_LZW || code == COMPRESSION_ADOBE_DEFLATE) {
    // libtiff predicts integers of 8 … 64 bits and floats of 16 … 64: neighbours differ little.
    TIFFSetField(tiff, TIFFTAG_PREDICTOR,
                 page.kind == sample_kind::real ? PREDICTOR_FLOATINGPOINT : PREDICTOR_HORIZONTAL);
  }
  // Strips of about 64 KiB, as the specification advises, at least a row.
  std::size_t const rows = std::max<std::size_t>(std::size_t{65536} / row_bytes, 1);
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP,
               static_cast<std::uint32_t>(std::min<std::size_t>(rows, static_cast<std::size_t>(page.height))));
  std::vector<std::byte> strip;  // libtiff predicts in place, and the caller's pixels are const
  for (std::size_t y = 0, number = 0; y < static_cast<std::size_t>(page.height); y += rows, ++number) {
    std::size_t const high = std::min(rows, static_cast<std::size_t>(page.height) - y);
    strip.assign(pixels + y * row_bytes, pixels + (y + high) * row_bytes);
    if (TIFFWriteEncodedStrip(tiff, static_cast<std::uint32_t>(number), strip.data(),
                              static_cast<tmsize_t>(strip.size())) < 0)
      return;  // the error handler has the reason
  }
  TIFFWriteDirectory(tiff);
}

}  // namespace detail

/// Writes the images as the pages of one TIFF file; an image with depth gives a page per slice.
/// Files above 4 GiB become BigTIFF. The file appears under its name only when it is complete.
///
/// errors  file_error for what cannot be written: no images, no pixels, more than 65535 channels, a full disk
template <class T>
void write_tiff(std::filesystem::path const& path, std::span<image<T> const> images, tiff_options const& options = {}) {
  static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool> && sizeof(T) <= 8,
                "write_tiff: pixels are integers, float or double.");
  std::uint64_t bytes = 0;
  for (auto const& one : images) {
    if (one.data.empty() || one.channels > 65535 ||
        one.data.size() != static_cast<std::size_t>(one.size.volume() * one.channels))
      throw file_error(path, "cannot be written: image " + std::to_string(&one - images.data()) +
                                 " has no pixels, or not as many as its size says, or more than 65535 channels.");
    bytes += one.data.size() * sizeof(T);
  }
  if (images.empty()) throw file_error(path, "cannot be written: there are no images.");
  file_writer file{path};
  detail::tiff_errors errors;
  {
    detail::descriptor fd{::dup(file.descriptor())};
    // 4 GiB is the end of plain TIFF; directories and incompressible data need room as well.
    char const* const mode = bytes > (std::uint64_t{3} << 30) ? "w8" : "w";
    auto const most = std::numeric_limits<std::uint64_t>::max();
    detail::tiff_handle const tiff = detail::open_tiff(std::move(fd), mode, errors, most, path);
    if (!tiff) throw file_error(path, "cannot be written" + errors.because());
    for (auto const& one : images)
      for (int z = 0; z < one.size.depth && errors.first.empty(); ++z) {
        auto const kind = std::is_floating_point_v<T> ? sample_kind::real
                          : std::is_signed_v<T>       ? sample_kind::integer
                                                      : sample_kind::natural;
        constexpr int bytes_each = static_cast<int>(sizeof(T));
        detail::tiff_layout const page{one.size.height, one.size.width, one.channels, kind, bytes_each};
        detail::write_tiff_page(tiff.get(), reinterpret_cast<std::byte const*>(&one(z, 0, 0, 0)), page,
                                options.compression);
      }
  }  // closing writes what libtiff still holds
  if (!errors.first.empty()) throw file_error(path, "cannot be written" + errors.because());
  file.commit();
}

template <class T> void write_tiff(std::filesystem::path const& path, std::vector<image<T>> const& images,
                                   tiff_options const& options = {}) {
  write_tiff(path, std::span<image<T> const>{images}, options);
}

template <class T>
void write_tiff(std::filesystem::path const& path, image<T> const& one, tiff_options const& options = {}) {
  write_tiff(path, std::span<image<T> const>{&one, 1}, options);
}

}  // namespace oxbow
