// NPY files, NumPy's own, through xtensor: the only header that includes it.
#pragma once
#include <array>
#include <charconv>
#include <optional>
#include <sstream>
#include <string_view>
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xnpy.hpp>

#include <oxbow/io/stored_image.hpp>

namespace oxbow {
namespace detail {

/// What an NPY header says.
struct npy_header {
  sample_kind kind = sample_kind::real;
  int sample_bytes = 4;
  bool swapped = false, fortran = false;
  std::vector<std::size_t> shape;
  std::size_t data_begin = 0;  ///< in bytes from the file's begin
};

/// Reads the Python dictionary of an NPY header. xtensor's own reader wants the keys in one order and
/// believes what they say, so it only sees headers that passed here and were written anew.
class npy_parser {
 public:
  npy_parser(std::string_view text, std::filesystem::path const& path) : text_{text}, path_{path} {}

  npy_header parse() {
    npy_header header;
    bool seen[3]{};
    need('{');
    while (!accept('}')) {
      std::string_view const key = quoted();
      need(':');
      int const which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : 3;
      if (which == 3 || seen[which]) fail();
      seen[which] = true;
      if (which == 0) describe(header, quoted());
      if (which == 1) header.fortran = boolean();
      if (which == 2) header.shape = tuple();
      if (!accept(',')) {
        need('}');
        break;
      }
    }
    skip();
    if (!text_.empty() || !seen[0] || !seen[1] || !seen[2]) fail();
    return header;
  }

 private:
  [[noreturn]] void fail() const { throw file_error(path_, "has an NPY header that cannot be understood."); }
  void skip() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
  }
  bool accept(char c) {
    skip();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void need(char c) {
    if (!accept(c)) fail();
  }
  std::string_view quoted() {
    skip();
    if (text_.empty() || (text_[0] != '\'' && text_[0] != '"')) fail();
    auto const end = text_.find(text_[0], 1);
    if (end == text_.npos) fail();
    auto const inside = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return inside;
  }
  bool boolean() {
    skip();
    for (std::string_view const word : {"True", "False"})
      if (text_.starts_with(word)) {
        text_.remove_prefix(word.size());
        return word == "True";
      }
    fail();
  }
  std::vector<std::size_t> tuple() {
    std::vector<std::size_t> sizes;
    need('(');
    while (!accept(')')) {
      skip();
      std::size_t size = 0;
      auto const [end, failure] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (failure != std::errc{} || sizes.size() == 32) fail();
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      sizes.push_back(size);
      if (!accept(',')) {
        need(')');
        break;
      }
    }
    return sizes;
  }
  void describe(npy_header& header, std::string_view descr) const {
    static constexpr std::string_view known[] = {"u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8", "b1"};
    bool supported = descr.size() == 3 && (descr[0] == '<' || descr[0] == '>' || descr[0] == '|' || descr[0] == '=');
    supported = supported && std::find(std::begin(known), std::end(known), descr.substr(1)) != std::end(known);
    if (!supported)
      throw file_error(path_, "holds elements of type \"" + std::string(descr) +
                                  "\", which is not supported. Save integers, float32, float64 or bool.");
    header.kind = descr[1] == 'i'   ? sample_kind::integer
                  : descr[1] == 'f' ? sample_kind::real
                                    : sample_kind::natural;  // bool: 0 and 1
    header.sample_bytes = descr[2] - '0';
    header.swapped = descr[0] == '>' && std::endian::native == std::endian::little;
  }

  std::string_view text_;
  std::filesystem::path const& path_;
};

/// The header of the file in `bytes`, checked against the file's length.
inline npy_header parse_npy(std::span<std::byte const> bytes, std::filesystem::path const& path) {
  auto const byte = [&](std::size_t i) { return std::to_integer<std::size_t>(bytes[i]); };
  std::string_view const text{reinterpret_cast<char const*>(bytes.data()), bytes.size()};
  if (bytes.size() < 12 || !text.starts_with("\x93NUMPY")) throw file_error(path, "is not an NPY file.");
  if (byte(6) < 1 || byte(6) > 3)
    throw file_error(path, "is an NPY file of version " + std::to_string(byte(6)) + ". Versions 1 to 3 are supported.");
  bool const wide = byte(6) > 1;
  std::size_t const begin = wide ? 12 : 10;
  std::size_t const length = byte(8) | byte(9) << 8 | (wide ? byte(10) << 16 | byte(11) << 24 : 0);
  if (length > bytes.size() - begin)
    throw file_error(path, "claims a header of " + std::to_string(length) + " bytes and is shorter. It is cut short.");
  npy_header header = npy_parser{text.substr(begin, length), path}.parse();
  header.data_begin = begin + length;
  std::uint64_t claimed = static_cast<unsigned>(header.sample_bytes);
  for (auto const size : header.shape) claimed = saturating_product(claimed, size);
  if (claimed != bytes.size() - header.data_begin)
    throw file_error(path, "claims " + std::to_string(claimed) + " bytes of elements and holds " +
                               std::to_string(bytes.size() - header.data_begin) + ". It is damaged or cut short.");
  return header;
}

/// A header as xtensor reads it: version 1, the keys in order, this machine's byte order.
inline std::string plain_npy_header(npy_header const& header) {
  std::string text = std::string("{'descr': '") +
                     (header.sample_bytes == 1                     ? '|'
                      : std::endian::native == std::endian::little ? '<'
                                                                   : '>') +
                     "u" + std::to_string(header.sample_bytes) +
                     "', 'fortran_order': " + (header.fortran ? "True" : "False") + ", 'shape': (";
  for (auto const size : header.shape) text += std::to_string(size) + ",";
  text += "), }";
  // xtensor reads the two bytes of the length as signed numbers, which goes wrong where the low one
  // is 128 or more. 1024 has a low byte of 0, and 32 axes of 20 digits fit.
  text.resize(1023, ' ');
  return std::string("\x93NUMPY\1\0\0\4", 10) + text + '\n';
}

/// Elements as unsigned numbers of their size: xtensor only moves them, and each type of its costs
/// seconds of compile time.
template <class Bits>
void load_npy_elements(npy_header const& header, std::span<std::byte const> data, std::span<std::byte> out) {
  std::stringstream stream;
  stream << plain_npy_header(header);
  stream.write(reinterpret_cast<char const*>(data.data()), static_cast<std::streamsize>(data.size()));
  xt::xarray<Bits, xt::layout_type::row_major> const array = xt::load_npy<Bits>(stream);
  std::memcpy(out.data(), array.data(), out.size());
}

/// The elements in row-major order, read by xtensor.
inline std::vector<std::byte> npy_elements(npy_header const& header, std::span<std::byte> data) {
  std::vector<std::byte> out(data.size());
  if (data.empty()) return out;
  auto const size = static_cast<std::size_t>(header.sample_bytes);
  for (std::size_t i = 0; header.swapped && i < data.size(); i += size) {
    auto const element = data.subspan(i, size);
    std::reverse(element.begin(), element.end());
  }
  switch (size) {
    case 1:
      load_npy_elements<std::uint8_t>(header, data, out);
      break;
    case 2:
      load_npy_elements<std::uint16_t>(header, data, out);
      break;
    case 4:
      load_npy_elements<std::uint32_t>(header, data, out);
      break;
    default:
      load_npy_elements<std::uint64_t>(header, data, out);
  }
  return out;
}

template <class T> void write_npy_array(std::filesystem::path const& path, std::span<T const> values,
                                        std::vector<std::size_t> const& shape) {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8, "write_npy: elements are numbers.");
  std::string const bytes = xt::dump_npy(xt::adapt(values.data(), values.size(), xt::no_ownership(), shape));
  file_writer file{path};
  file.write(std::as_bytes(std::span{bytes}));
  file.commit();
}

}  // namespace detail

/// An array of two axes (height, width), three (height, width, channels) or four (depth, height,
/// width, channels), of any integers, float32, float64 or bool, in either byte and axis order.
///
/// errors  file_error; for an integer T also a value that it cannot hold, with its pixel
template <class T = float> image<T> read_npy(std::filesystem::path const& path, read_options const& options = {}) {
  std::vector<std::byte> bytes = detail::read_file(path, options.most_bytes);
  detail::npy_header const header = detail::parse_npy(bytes, path);
  std::vector<std::size_t> shape = header.shape;
  if (shape.size() < 2 || shape.size() > 4)
    throw file_error(path, "has " + std::to_string(shape.size()) +
                               " axes where an image has 2 to 4: height and "
                               "width, then channels, and depth in front of all.");
  if (shape.size() == 2) shape.push_back(1);
  if (shape.size() == 3) shape.insert(shape.begin(), 1);
  std::uint64_t memory = sizeof(T);
  for (auto const size : shape) {
    if (size == 0 || size > std::numeric_limits<int>::max())
      throw file_error(path, "has an axis of " + std::to_string(size) + " where an image has 1 to 2^31 - 1.");
    memory = detail::saturating_product(memory, size);
  }
  detail::check_claim(memory, bytes.size(), sizeof(T), options, path);

  std::vector<std::byte> const elements = detail::npy_elements(header, std::span{bytes}.subspan(header.data_begin));
  int const size[] = {static_cast<int>(shape[0]), static_cast<int>(shape[1]), static_cast<int>(shape[2]),
                      static_cast<int>(shape[3])};
  image<T> out(extent{size[0], size[1], size[2]}, size[3]);
  std::size_t const slice = elements.size() / shape[0];
  for (std::size_t z = 0; z < shape[0]; ++z) {
    detail::stored_image stored{size[1], size[2], size[3], header.kind, 8 * header.sample_bytes, header.sample_bytes,
                                {}};
    auto const first = elements.begin() + static_cast<std::ptrdiff_t>(z * slice);
    stored.bytes.assign(first, first + static_cast<std::ptrdiff_t>(slice));
    image<T> const one = detail::convert<T>(stored, options, path, z, shape[0] > 1);
    std::copy(one.data.begin(), one.data.end(), out.data.begin() + static_cast<std::ptrdiff_t>(z * one.data.size()));
  }
  return out;
}

/// An array of one axis.
template <class T> std::vector<T> read_npy_vector(std::filesystem::path const& path, read_options const& options = {}) {
  std::vector<std::byte> bytes = detail::read_file(path, options.most_bytes);
  detail::npy_header const header = detail::parse_npy(bytes, path);
  if (header.shape.size() != 1 || header.shape[0] > std::numeric_limits<int>::max())
    throw file_error(path, "has " + std::to_string(header.shape.size()) +
                               " axes where a vector has one, of at most 2^31 - 1 elements.");
  detail::stored_image stored{
      1, static_cast<int>(header.shape[0]), 1, header.kind, 8 * header.sample_bytes, header.sample_bytes, {}};
  stored.bytes = detail::npy_elements(header, std::span{bytes}.subspan(header.data_begin));
  return detail::convert<T>(stored, options, path, 0, false).data;
}

/// Writes (height, width), or (height, width, channels) where there are several channels, or all
/// four axes where there is depth. The file appears under its name only when it is complete.
template <class T> void write_npy(std::filesystem::path const& path, image<T> const& picture) {
  auto const size = [](int n) { return static_cast<std::size_t>(n); };
  std::vector<std::size_t> shape{size(picture.size.height), size(picture.size.width)};
  bool const deep = picture.size.depth != 1;
  if (deep) shape.insert(shape.begin(), size(picture.size.depth));
  if (deep || picture.channels != 1) shape.push_back(size(picture.channels));
  if (picture.data.empty() ||
      picture.data.size() != size(picture.size.depth) * shape[deep] * shape[deep + 1u] * size(picture.channels))
    throw file_error(path, "cannot be written: the image has no pixels, or not as many as its size says.");
  detail::write_npy_array(path, std::span<T const>{picture.data}, shape);
}
template <class T> void write_npy(std::filesystem::path const& path, std::vector<T> const& values) {
  detail::write_npy_array(path, std::span<T const>{values}, {values.size()});
}

}  // namespace oxbow
