// TIFF in: all pages, any layout and compression that libtiff decodes.
#pragma once
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <span>

#include <oxbow/io/half.hpp>
#include <oxbow/io/stored_image.hpp>

static_assert(TIFFLIB_VERSION >= 20221213, "tiff: libtiff 4.5 or newer is needed, for error texts per file.");

namespace oxbow {
namespace detail {

/// libtiff's first complaint about one open file. Later ones follow from it.
struct tiff_errors {
  std::string first;

  static int collect(TIFF*, void* self, char const* module, char const* format, va_list values) {
    auto& first = static_cast<tiff_errors*>(self)->first;
    if (!first.empty()) return 1;
    char text[400];
    std::vsnprintf(text, sizeof text, format, values);
    first = module ? std::string(module) + ": " + text : text;
    return 1;
  }
  static int ignore(TIFF*, void*, char const*, char const*, va_list) { return 1; }

  std::string because() const { return first.empty() ? "." : " (libtiff says: " + first + ")."; }
};

using tiff_handle = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

/// `mode` as in TIFFOpen. The handle owns `fd`; nothing is ever printed.
inline tiff_handle open_tiff(descriptor fd, char const* mode, tiff_errors& errors, std::uint64_t most_bytes,
                             std::filesystem::path const& path) {
  std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> const options{TIFFOpenOptionsAlloc(),
                                                                                 &TIFFOpenOptionsFree};
  // libtiff's own needs, such as a page's directory, come beside the pixels.
  constexpr std::uint64_t least = 1 << 24, most = std::numeric_limits<tmsize_t>::max();
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), static_cast<tmsize_t>(std::clamp(most_bytes, least, most)));
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), tiff_errors::collect, &errors);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), tiff_errors::ignore, nullptr);
  tiff_handle handle{TIFFFdOpenExt(fd.get(), path.filename().c_str(), mode, options.get()), &TIFFClose};
  if (handle) fd.release();
  return handle;
}

/// One page of a TIFF file, from its directory to its pixels.
class tiff_page {
 public:
  tiff_page(TIFF* tiff, tiff_errors const& errors, std::filesystem::path const& path, std::size_t page)
      : tiff_{tiff}, errors_{errors}, path_{path}, page_{page} {
    std::uint32_t width = 0, height = 0, depth = 1;
    if (!TIFFGetField(tiff_, TIFFTAG_IMAGEWIDTH, &width) || !TIFFGetField(tiff_, TIFFTAG_IMAGELENGTH, &height))
      fail("has no width or height");
    TIFFGetFieldDefaulted(tiff_, TIFFTAG_IMAGEDEPTH, &depth);
    TIFFGetFieldDefaulted(tiff_, TIFFTAG_BITSPERSAMPLE, &bits_);
    TIFFGetFieldDefaulted(tiff_, TIFFTAG_SAMPLESPERPIXEL, &samples_);
    TIFFGetFieldDefaulted(tiff_, TIFFTAG_SAMPLEFORMAT, &format_);
    TIFFGetFieldDefaulted(tiff_, TIFFTAG_COMPRESSION, &compression_);
    TIFFGetFieldDefaulted(tiff_, TIFFTAG_PLANARCONFIG, &planar_);
    TIFFGetField(tiff_, TIFFTAG_PHOTOMETRIC, &photometric_);
    constexpr std::uint32_t most = std::numeric_limits<int>::max();
    if (width == 0 || height == 0 || samples_ == 0) fail("has no pixels");
    if (width > most || height > most) fail("has more than 2^31 - 1 rows or columns");
    if (depth != 1) fail("is a volume in one page, which is not supported. Store a page per slice");
    if (!TIFFIsCODECConfigured(compression_) || compression_ == COMPRESSION_OJPEG)
      fail("is compressed by a method (number " + std::to_string(compression_) + ") that cannot be read here");
    width_ = width, height_ = height;
    choose_colours();
    choose_samples();
  }

  /// Bytes that the strips or tiles claim to decode to.
  std::uint64_t decoded_bytes() const {
    if (TIFFIsTiled(tiff_)) return saturating_product(TIFFNumberOfTiles(tiff_), TIFFTileSize64(tiff_));
    std::uint64_t const planes = planar_ == PLANARCONFIG_SEPARATE ? samples_ : 1;
    return saturating_product(saturating_product(TIFFScanlineSize64(tiff_), height_), planes);
  }

  /// Bytes of memory that the page needs, as stored or with samples of `wanted_bytes`.
  std::uint64_t memory_bytes(std::size_t wanted_bytes) const {
    std::uint64_t const sample = std::max<std::uint64_t>(wanted_bytes, static_cast<unsigned>(sample_bytes_));
    return saturating_product(std::uint64_t{width_} * height_, samples_ * sample);
  }

  /// The greatest expansion of the compression: a byte each for none, 128 bytes of two for PackBits, the
  /// formats' longest matches for LZW (below 3838 bytes of 12 bits) and deflate (258 bytes of two bits).
  /// The others have no useful bound below the limit on bytes.
  std::uint64_t most_per_byte() const {
    switch (compression_) {
      case COMPRESSION_NONE:
        return 1;
      case COMPRESSION_PACKBITS:
        return 64;
      case COMPRESSION_LZW:
      case COMPRESSION_DEFLATE:
      case COMPRESSION_ADOBE_DEFLATE:
        return 4096;
      default:
        return std::numeric_limits<std::uint64_t>::max();
    }
  }

  stored_image read() const {
    stored_image out;
    out.height = static_cast<int>(height_), out.width = static_cast<int>(width_), out.channels = samples_;
    out.kind = kind_, out.bits = bits_, out.sample_bytes = sample_bytes_;
    out.bytes.resize(std::size_t{width_} * height_ * samples_ * static_cast<std::size_t>(sample_bytes_));
    std::vector<std::byte> piece(static_cast<std::size_t>(piece_bytes()));
    bool const planes = planar_ == PLANARCONFIG_SEPARATE;
    bool const tiled = TIFFIsTiled(tiff_) != 0;
    std::uint32_t columns = width_, rows = height_;  // of one strip or tile
    if (tiled) {
      TIFFGetField(tiff_, TIFFTAG_TILEWIDTH, &columns);
      TIFFGetField(tiff_, TIFFTAG_TILELENGTH, &rows);
    } else {
      TIFFGetFieldDefaulted(tiff_, TIFFTAG_ROWSPERSTRIP, &rows);
      rows = std::min(rows, height_);
    }
    if (columns == 0 || rows == 0) fail("has strips or tiles without pixels");
    for (std::uint16_t plane = 0; plane < (planes ? samples_ : 1); ++plane)
      for (std::uint64_t y = 0; y < height_; y += rows)
        for (std::uint64_t x = 0; x < width_; x += columns) {
          auto const x0 = static_cast<std::uint32_t>(x), y0 = static_cast<std::uint32_t>(y);
          std::uint32_t const high = std::min(rows, height_ - y0), wide = std::min(columns, width_ - x0);
          std::size_t const row_bytes = static_cast<std::size_t>(tiled ? TIFFTileRowSize64(tiff_)  //
                                                                       : TIFFScanlineSize64(tiff_));
          // The last strip ends with the image; a tile is always whole.
          auto const expected = static_cast<tmsize_t>(row_bytes * (tiled ? rows : high));
          if (expected <= 0 || static_cast<std::size_t>(expected) > piece.size())
            fail("contradicts itself in its sizes");
          tmsize_t const got =
              tiled ? TIFFReadEncodedTile(tiff_, TIFFComputeTile(tiff_, x0, y0, 0, plane), piece.data(), expected)
                    : TIFFReadEncodedStrip(tiff_, TIFFComputeStrip(tiff_, y0, plane), piece.data(), expected);
          if (got != expected)
            fail("cannot be decoded at " + place_text(0, false, static_cast<int>(y0), static_cast<int>(x0), 0, 1));
          unpack(out, piece, row_bytes, y0, x0, high, wide, plane, planes);
        }
    return out;
  }

  bool indexed() const { return photometric_ == PHOTOMETRIC_PALETTE && samples_ == 1 && bits_ <= 8; }

  /// Palette numbers replaced by their colours, 8-bit red, green and blue.
  stored_image colours(stored_image const& numbers) const {
    std::uint16_t* map[3]{};
    if (!TIFFGetField(tiff_, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2])) fail("has a palette without colours");
    stored_image out = numbers;
    out.channels = 3, out.bits = 8;
    out.bytes.resize(numbers.bytes.size() * 3);
    int const entries = 1 << bits_;
    bool narrow = true;  // some writers store 8-bit colours in the 16-bit map
    for (auto const* one : map) narrow = narrow && std::all_of(one, one + entries, [](auto v) { return v < 256; });
    for (std::size_t i = 0; i < numbers.bytes.size(); ++i)
      for (std::size_t c = 0; c < 3; ++c) {
        unsigned const value = map[c][std::to_integer<std::size_t>(numbers.bytes[i])];
        out.bytes[3 * i + c] = static_cast<std::byte>(narrow ? value : value >> 8);
      }
    return out;
  }

  [[noreturn]] void fail(std::string const& what) const {
    throw file_error(path_, "page " + std::to_string(page_) + " " + what + errors_.because());
  }

 private:
  void choose_colours() {
    if (photometric_ == PHOTOMETRIC_YCBCR && compression_ == COMPRESSION_JPEG && samples_ == 3) {
      TIFFSetField(tiff_, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    } else if (photometric_ == PHOTOMETRIC_YCBCR || photometric_ == PHOTOMETRIC_LOGL ||
               photometric_ == PHOTOMETRIC_LOGLUV) {
      fail("stores its colours as YCbCr or LogLuv, which is not supported. Convert it to grey or RGB");
    }
  }

  void choose_samples() {
    bool const whole = bits_ == 8 || bits_ == 16 || bits_ == 32 || bits_ == 64;
    if (format_ == SAMPLEFORMAT_UINT || format_ == SAMPLEFORMAT_VOID) {
      kind_ = sample_kind::natural;
      if (whole || bits_ == 1 || bits_ == 2 || bits_ == 4) return set_bytes(std::max(bits_ / 8, 1));
    } else if (format_ == SAMPLEFORMAT_INT) {
      kind_ = sample_kind::integer;
      if (whole) return set_bytes(bits_ / 8);
    } else if (format_ == SAMPLEFORMAT_IEEEFP) {
      kind_ = sample_kind::real;
      if (bits_ == 16 || bits_ == 32 || bits_ == 64) return set_bytes(std::max(bits_ / 8, 4));
    }
    fail("has samples of format " + std::to_string(format_) + " with " + std::to_string(bits_) +
         " bits, which is not supported. Integers of 1, 2, 4, 8, 16, 32 or 64 bits and floats of 16, 32 or 64 are");
  }
  void set_bytes(int bytes) { sample_bytes_ = bytes; }

  std::uint64_t piece_bytes() const { return TIFFIsTiled(tiff_) ? TIFFTileSize64(tiff_) : TIFFStripSize64(tiff_); }

  /// Copies a decoded strip or tile to its place, sample by sample where they are packed or in planes.
  void unpack(stored_image& out, std::span<std::byte const> piece, std::size_t row_bytes, std::uint32_t y0,
              std::uint32_t x0, std::uint32_t high, std::uint32_t wide, std::size_t plane, bool planes) const {
    std::size_t const size = static_cast<std::size_t>(sample_bytes_);
    std::size_t const per_pixel = planes ? 1 : samples_;
    if ((std::size_t{wide} * per_pixel * bits_ + 7) / 8 > row_bytes) fail("contradicts itself in its sizes");
    bool const plain = bits_ == 8 * sample_bytes_;
    for (std::size_t y = 0; y < high; ++y) {
      std::byte const* const from = piece.data() + y * row_bytes;
      std::byte* const to = out.bytes.data() + ((y0 + y) * width_ + x0) * samples_ * size;
      if (plain && !planes) {
        std::memcpy(to, from, std::size_t{wide} * per_pixel * size);
        continue;
      }
      for (std::size_t i = 0; i < wide * per_pixel; ++i) {
        std::byte* const at = to + (planes ? i * samples_ + plane : i) * size;
        if (plain) {
          std::memcpy(at, from + i * size, size);
        } else if (bits_ == 16) {
          std::uint16_t half;
          std::memcpy(&half, from + 2 * i, 2);
          float const value = half_to_float(half);
          std::memcpy(at, &value, 4);
        } else {  // the leftmost pixel lies in the high bits
          unsigned const shift = 8u - bits_ - static_cast<unsigned>(i * bits_ % 8);
          *at = from[i * bits_ / 8] >> shift & std::byte((1u << bits_) - 1);
        }
      }
    }
  }

  TIFF* tiff_;
  tiff_errors const& errors_;
  std::filesystem::path const& path_;
  std::size_t page_;
  std::uint32_t width_ = 0, height_ = 0;
  std::uint16_t bits_ = 1, samples_ = 1, format_ = SAMPLEFORMAT_UINT, compression_ = COMPRESSION_NONE;
  std::uint16_t planar_ = PLANARCONFIG_CONTIG, photometric_ = PHOTOMETRIC_MINISBLACK;
  sample_kind kind_ = sample_kind::natural;
  int sample_bytes_ = 1;
};

/// All pages as they are stored.
inline std::vector<stored_image> read_stored_tiff(std::filesystem::path const& path, std::size_t wanted_bytes,
                                                  read_options const& options) {
  open_file file = open_to_read(path);
  std::uint64_t const file_bytes = file.bytes;
  tiff_errors errors;
  // "m": without a memory map, so that a file that shrinks meanwhile is an error and not a signal.
  tiff_handle const tiff = open_tiff(std::move(file.fd), "rm", errors, options.most_bytes, path);
  if (!tiff) throw file_error(path, "is not a TIFF file that can be read" + errors.because());
  std::vector<stored_image> pages;
  constexpr std::uint64_t unbounded = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t claimed = 0;  // bytes of all pages so far
  do {
    std::uint32_t subfile = 0;
    TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SUBFILETYPE, &subfile);
    if (subfile & FILETYPE_REDUCEDIMAGE) continue;  // a thumbnail of another page
    tiff_page const page{tiff.get(), errors, path, pages.size()};
    check_claim(page.decoded_bytes(), file_bytes, page.most_per_byte(), options, path);
    bool const as_colours = page.indexed() && !options.palette_numbers;
    std::uint64_t const memory = saturating_product(page.memory_bytes(wanted_bytes), as_colours ? 3 : 1);
    check_claim(memory, file_bytes, unbounded, options, path);
    claimed += memory;
    check_claim(claimed, file_bytes, unbounded, options, path);
    stored_image stored = page.read();
    pages.push_back(as_colours ? page.colours(stored) : std::move(stored));
    if (!errors.first.empty()) page.fail("is damaged");
  } while (TIFFReadDirectory(tiff.get()));
  if (!errors.first.empty())
    throw file_error(path, "is damaged after " + std::to_string(pages.size()) + " pages" + errors.because());
  if (pages.empty()) throw file_error(path, "holds only thumbnails.");
  return pages;
}

}  // namespace detail

/// The pages of a TIFF file, in order, each with its own size and channels.
///
/// values   the stored numbers, or 0 … 1 with options.scaled; palettes give their colours
/// ignored  orientation, and the sense of grey (white-is-zero is not inverted)
/// errors   file_error, naming the page and, for a value that T cannot hold, the pixel
template <class T = float>
std::vector<image<T>> read_tiff(std::filesystem::path const& path, read_options const& options = {}) {
  std::vector<detail::stored_image> const stored = detail::read_stored_tiff(path, sizeof(T), options);
  std::vector<image<T>> pages;
  for (auto const& page : stored)
    pages.push_back(detail::convert<T>(page, options, path, pages.size(), stored.size() > 1));
  return pages;
}

}  // namespace oxbow
