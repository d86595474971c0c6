// safetensors files: named tensors with a JSON header.
// source  https://github.com/huggingface/safetensors, section Format
#pragma once
#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <oxbow/io/file.hpp>
#include <oxbow/io/half.hpp>

namespace oxbow {

static_assert(std::endian::native == std::endian::little, "safetensors: the format stores little-endian numbers.");

enum class dtype { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

namespace detail {

struct dtype_facts {
  dtype type;
  char const* name;
  int bytes;
};
inline constexpr dtype_facts dtypes[] = {{dtype::f64, "F64", 8},     {dtype::f32, "F32", 4}, {dtype::f16, "F16", 2},
                                         {dtype::bf16, "BF16", 2},   {dtype::i64, "I64", 8}, {dtype::i32, "I32", 4},
                                         {dtype::i16, "I16", 2},     {dtype::i8, "I8", 1},   {dtype::u64, "U64", 8},
                                         {dtype::u32, "U32", 4},     {dtype::u16, "U16", 2}, {dtype::u8, "U8", 1},
                                         {dtype::boolean, "BOOL", 1}};

/// The dtype of a C++ number.
template <class T> inline constexpr dtype dtype_of = [] {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8, "safetensors: tensors hold numbers or bool.");
  if constexpr (std::is_same_v<T, bool>) return dtype::boolean;
  else if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 8 ? dtype::f64 : dtype::f32;
  else if constexpr (std::is_signed_v<T>)
    return sizeof(T) == 8 ? dtype::i64 : sizeof(T) == 4 ? dtype::i32 : sizeof(T) == 2 ? dtype::i16 : dtype::i8;
  else return sizeof(T) == 8 ? dtype::u64 : sizeof(T) == 4 ? dtype::u32 : sizeof(T) == 2 ? dtype::u16 : dtype::u8;
}();

}  // namespace detail

/// The format's name of a dtype, such as "F32".
constexpr char const* name_of(dtype type) { return detail::dtypes[static_cast<int>(type)].name; }
constexpr int bytes_of(dtype type) { return detail::dtypes[static_cast<int>(type)].bytes; }

/// "[64, 3, 3]"
inline std::string shape_text(std::vector<std::int64_t> const& shape) {
  std::string text = "[";
  for (auto const extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

/// A tensor whose bytes belong to somebody else.
/// invariant  bytes.size() == product of shape · bytes_of(type)
struct tensor_view {
  std::string name;
  dtype type = dtype::f32;
  std::vector<std::int64_t> shape;
  std::span<std::byte const> bytes;

  tensor_view() = default;
  tensor_view(std::string name, dtype type, std::vector<std::int64_t> shape, std::span<std::byte const> bytes)
      : name{std::move(name)}, type{type}, shape{std::move(shape)}, bytes{bytes} {}
  template <class T> tensor_view(std::string name, std::vector<std::int64_t> shape, std::span<T const> values)
      : tensor_view{std::move(name), detail::dtype_of<T>, std::move(shape), std::as_bytes(values)} {}
};

using tensor_metadata = std::map<std::string, std::string>;

namespace detail {

/// The bytes that a shape and dtype need, or nothing where a size is negative or the product overflows.
inline std::optional<std::uint64_t> tensor_bytes(std::vector<std::int64_t> const& shape, dtype type) {
  std::uint64_t product = static_cast<std::uint64_t>(bytes_of(type));
  bool empty = false;
  for (std::int64_t const size : shape) {
    if (size < 0) return std::nullopt;
    empty = empty || size == 0;
    auto const factor = static_cast<std::uint64_t>(size == 0 ? 1 : size);
    if (product > std::numeric_limits<std::uint64_t>::max() / factor) return std::nullopt;
    product *= factor;
  }
  return empty ? 0 : product;
}

/// Everything before the tensors' bytes: length, JSON, spaces up to a multiple of 8.
inline std::string safetensors_header(std::span<tensor_view const> tensors, tensor_metadata const& metadata,
                                      std::filesystem::path const& path) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  std::set<std::string_view> names;
  for (auto const& tensor : tensors) {
    if (tensor.name == "__metadata__" || !names.insert(tensor.name).second)
      throw file_error(path, "cannot be written: the name \"" + tensor.name + "\" is reserved or used twice.");
    if (tensor_bytes(tensor.shape, tensor.type) != tensor.bytes.size())
      throw file_error(path, "cannot be written: tensor \"" + tensor.name + "\" has " +
                                 std::to_string(tensor.bytes.size()) + " bytes, which do not make the shape " +
                                 shape_text(tensor.shape) + " of " + name_of(tensor.type) + ".");
    std::uint64_t const end = offset + tensor.bytes.size();
    // push_back: operator[] would search all earlier names.
    header.push_back(
        {tensor.name, nlohmann::ordered_json{
                          {"dtype", name_of(tensor.type)}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}}});
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (nlohmann::json::exception const&) {
    throw file_error(path, "cannot be written: a tensor's name or the metadata is not UTF-8.");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::uint64_t const length = text.size();
  text.insert(0, reinterpret_cast<char const*>(&length), sizeof length);
  return text;
}

}  // namespace detail

/// Writes the tensors in the order given. The file appears under its name only when it is complete
/// and on the disk.
///
/// errors  file_error: names used twice or not UTF-8, bytes that do not fit the shape, the disk's reasons
inline void write_safetensors(std::filesystem::path const& path, std::span<tensor_view const> tensors,
                              tensor_metadata const& metadata = {}) {
  std::string const header = detail::safetensors_header(tensors, metadata, path);
  file_writer file{path};
  file.write(std::as_bytes(std::span{header}));
  for (auto const& tensor : tensors) file.write(tensor.bytes);
  file.commit();
}

/// A safetensors file in memory, checked whole.
class safetensors {
 public:
  safetensors() = default;
  safetensors(safetensors&&) = default;
  safetensors& operator=(safetensors&&) = default;
  safetensors(safetensors const&) = delete;  // the views would be the original's
  safetensors& operator=(safetensors const&) = delete;

  tensor_metadata const& metadata() const { return metadata_; }
  std::vector<tensor_view> const& tensors() const { return tensors_; }  ///< in the order of their bytes
  std::filesystem::path const& path() const { return path_; }
  std::span<std::byte const> file_bytes() const { return bytes_; }

  tensor_view const* find(std::string_view name) const {
    auto const at = index_.find(name);
    return at == index_.end() ? nullptr : &tensors_[at->second];
  }
  tensor_view const& at(std::string_view name) const {
    if (auto const* found = find(name)) return *found;
    throw file_error(path_, "has no tensor \"" + std::string(name) + "\".");
  }
  /// The metadata's value for a key, if it has one.
  std::optional<std::string> note(std::string const& key) const {
    auto const at = metadata_.find(key);
    return at == metadata_.end() ? std::nullopt : std::optional{at->second};
  }

  /// The numbers of a tensor whose dtype is exactly T's, bit for bit.
  template <class T> std::vector<T> values(std::string_view name) const {
    static_assert(!std::is_same_v<T, bool>, "values: BOOL tensors are bytes. Take them from at(name).bytes.");
    tensor_view const& tensor = at(name);
    if (tensor.type != detail::dtype_of<T>) wrong_type(tensor, name_of(detail::dtype_of<T>));
    std::vector<T> out(tensor.bytes.size() / sizeof(T));
    if (!out.empty()) std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());  // they may be unaligned
    return out;
  }

  /// The numbers of an F32, F16, BF16 or F64 tensor as float; F64 is rounded to nearest.
  std::vector<float> floats(std::string_view name) const {
    tensor_view const& tensor = at(name);
    switch (tensor.type) {
      case dtype::f32:
        return values<float>(name);
      case dtype::f64:
        return converted<double>(tensor, [](double v) { return static_cast<float>(v); });
      case dtype::f16:
        return converted<std::uint16_t>(tensor, half_to_float);
      case dtype::bf16:
        return converted<std::uint16_t>(tensor, bfloat_to_float);
      default:
        wrong_type(tensor, "F32, F16, BF16 or F64");
    }
  }

 private:
  friend safetensors read_safetensors(std::filesystem::path const&, std::uint64_t);

  template <class Stored, class Convert>
  static std::vector<float> converted(tensor_view const& tensor, Convert const& convert) {
    std::vector<float> out(tensor.bytes.size() / sizeof(Stored));
    for (std::size_t i = 0; i < out.size(); ++i) {
      Stored value;
      std::memcpy(&value, tensor.bytes.data() + i * sizeof(Stored), sizeof(Stored));
      out[i] = convert(value);
    }
    return out;
  }
  [[noreturn]] void wrong_type(tensor_view const& tensor, std::string const& expected) const {
    throw file_error(
        path_, "tensor \"" + tensor.name + "\" is " + name_of(tensor.type) + " where " + expected + " is expected.");
  }

  std::filesystem::path path_;
  std::vector<std::byte> bytes_;  // a move keeps their address, and so the views
  tensor_metadata metadata_;
  std::vector<tensor_view> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

namespace detail {

/// The JSON of a header. Refuses what the format does not allow and the parser would let pass:
/// names used twice, and nesting without end.
inline nlohmann::json parse_tensor_header(std::string_view text, std::filesystem::path const& path) {
  std::vector<std::set<std::string>> keys;
  auto const watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using kind = nlohmann::json::parse_event_t;
    if (depth > 4) throw file_error(path, "has a header nested deeper than the format allows.");
    if (event == kind::object_start) keys.emplace_back();
    if (event == kind::object_end) keys.pop_back();
    if (event == kind::key && !keys.back().insert(value.get<std::string>()).second)
      throw file_error(path, "has a header that names \"" + value.get<std::string>() + "\" twice.");
    return true;
  };
  try {
    return nlohmann::json::parse(text, watch);
  } catch (nlohmann::json::parse_error const& error) {
    throw file_error(path, "has a header that is not JSON in UTF-8, at its byte " + std::to_string(error.byte) +
                               ". It is damaged or not a safetensors file.");
  } catch (nlohmann::json::exception const&) {  // such as a number beyond double
    throw file_error(path, "has a header with a number that is out of range. It is damaged.");
  }
}

/// One entry of the header. Offsets are checked against the other entries by the caller.
inline tensor_view parse_tensor(std::string const& name, nlohmann::json const& entry, std::span<std::byte const> data,
                                std::filesystem::path const& path) {
  auto const fail = [&](std::string const& what) { throw file_error(path, "tensor \"" + name + "\" " + what + "."); };
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets"))
    fail("is not described by dtype, shape and data_offsets alone");
  tensor_view tensor;
  tensor.name = name;
  auto const& type = entry["dtype"];
  auto const* known = std::begin(dtypes);
  while (known != std::end(dtypes) && type != known->name) ++known;
  if (known == std::end(dtypes)) fail("has the dtype " + type.dump() + ", which is not supported");
  tensor.type = known->type;
  if (!entry["shape"].is_array()) fail("has a shape that is not an array");
  for (auto const& size : entry["shape"]) {
    if (!size.is_number_unsigned() || size.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
      fail("has a size in its shape that is not a whole number from 0 to 2^63 - 1");
    tensor.shape.push_back(size.get<std::int64_t>());
  }
  auto const& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned())
    fail("has data_offsets that are not two whole numbers");
  auto const begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
  if (begin > end || end > data.size())
    fail("claims the bytes " + std::to_string(begin) + " to " + std::to_string(end) + " of " +
         std::to_string(data.size()) + ". The file is cut short or damaged");
  if (tensor_bytes(tensor.shape, tensor.type) != end - begin)
    fail("has " + std::to_string(end - begin) + " bytes, which do not make the shape " + shape_text(tensor.shape) +
         " of " + name_of(tensor.type));
  tensor.bytes = data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
  return tensor;
}

}  // namespace detail

/// Reads and checks a whole file: header, names, dtypes, shapes, and that the tensors cover the data
/// without gap or overlap. Nothing is allocated on the word of the header alone.
///
/// errors  file_error, naming the tensor at fault
inline safetensors read_safetensors(std::filesystem::path const& path,
                                    std::uint64_t most_bytes = std::uint64_t{1} << 36) {
  constexpr std::uint64_t most_header = 100'000'000;  // the reference implementation's limit
  safetensors file;
  file.path_ = path;
  {
    detail::open_file const source = detail::open_to_read(path);
    std::uint64_t header_bytes = 0;
    if (source.bytes < sizeof header_bytes)
      throw file_error(path, "is too short for a safetensors file: it has " + std::to_string(source.bytes) + " bytes.");
    detail::read_exactly(source, std::as_writable_bytes(std::span{&header_bytes, 1}), path);
    if (header_bytes > source.bytes - sizeof header_bytes || header_bytes > most_header)
      throw file_error(path, "claims a header of " + std::to_string(header_bytes) + " bytes, but the file has " +
                                 std::to_string(source.bytes) + ". It is damaged or not a safetensors file.");
  }
  file.bytes_ = detail::read_file(path, most_bytes);
  std::uint64_t length = 0;
  if (file.bytes_.size() >= sizeof length) std::memcpy(&length, file.bytes_.data(), sizeof length);
  if (file.bytes_.size() < sizeof length || length > file.bytes_.size() - sizeof length)
    throw file_error(path, "changed while it was read.");
  std::span<std::byte const> const all{file.bytes_};
  auto const header = all.subspan(sizeof length, static_cast<std::size_t>(length));
  auto const data = all.subspan(sizeof length + header.size());
  std::string_view const text{reinterpret_cast<char const*>(header.data()), header.size()};
  if (!text.starts_with('{')) throw file_error(path, "is not a safetensors file: its header is not a JSON object.");

  nlohmann::json const json = detail::parse_tensor_header(text, path);
  for (auto const& [name, entry] : json.items()) {
    if (name != "__metadata__") {
      file.tensors_.push_back(detail::parse_tensor(name, entry, data, path));
      continue;
    }
    if (!entry.is_object()) throw file_error(path, "has metadata that is not an object.");
    for (auto const& [key, value] : entry.items()) {
      if (!value.is_string()) throw file_error(path, "has the metadata \"" + key + "\", which is not a string.");
      file.metadata_[key] = value.get<std::string>();
    }
  }
  // Empty tensors share their offset with the next one and come first.
  std::sort(file.tensors_.begin(), file.tensors_.end(), [](auto const& a, auto const& b) {
    return std::pair{a.bytes.data(), a.bytes.size()} < std::pair{b.bytes.data(), b.bytes.size()};
  });
  std::byte const* next = data.data();
  for (auto const& tensor : file.tensors_) {
    if (tensor.bytes.data() != next)
      throw file_error(path, "tensor \"" + tensor.name + "\" overlaps the one before it or leaves a gap.");
    next += tensor.bytes.size();
    file.index_.emplace(tensor.name, file.index_.size());
  }
  if (next != data.data() + data.size())
    throw file_error(path, "has " + std::to_string(data.data() + data.size() - next) +
                               " bytes after its last tensor. It is damaged.");
  return file;
}

}  // namespace oxbow
