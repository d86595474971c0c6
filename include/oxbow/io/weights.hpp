// A network's weights to and from a safetensors file.
#pragma once
#include <concepts>
#include <ranges>

#include <oxbow/io/safetensors.hpp>

namespace oxbow {

namespace detail {
template <class Tensor>
concept named_floats = requires(Tensor tensor) {
  { tensor.name } -> std::convertible_to<std::string>;
  { tensor.shape } -> std::convertible_to<std::vector<std::int64_t>>;
  { tensor.data } -> std::convertible_to<std::span<float const>>;
};
}  // namespace detail

/// What weights need of a network: `tensors()`, a range of items with a name, a shape and a span
/// of float `data`, and `schema()`, a number that changes with the names and shapes.
template <class Net>
concept has_weights = requires(Net& net) {
  { net.schema() } -> std::convertible_to<std::uint64_t>;
  requires std::ranges::input_range<decltype(net.tensors())>;
  requires detail::named_floats<std::ranges::range_value_t<decltype(net.tensors())>>;
};

/// Sixteen hexadecimal digits: JSON readers elsewhere round 64-bit numbers.
inline std::string schema_text(std::uint64_t schema) {
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, schema >>= 4) text[static_cast<std::size_t>(i)] = "0123456789abcdef"[schema & 15];
  return text;
}

/// The numbers of a file of weights: as they are, or in half the bytes, rounded to nearest with 8 significant bits.
enum class stored_as { f32, bf16 };

/// Writes every tensor of the network, const or not, and its schema.
template <has_weights Net>
void save_weights(Net& net, std::filesystem::path const& path, stored_as numbers = stored_as::f32) {
  std::vector<tensor_view> tensors;
  std::vector<std::vector<std::uint16_t>> rounded;  // its elements move, their numbers stay where they are
  for (auto&& tensor : net.tensors()) {
    std::span<float const> const data{tensor.data};
    if (numbers == stored_as::f32) {
      tensors.emplace_back(tensor.name, tensor.shape, data);
    } else {
      auto& half = rounded.emplace_back(data.size());
      std::ranges::transform(data, half.begin(), float_to_bfloat);
      tensors.emplace_back(tensor.name, dtype::bf16, tensor.shape, std::as_bytes(std::span{half}));
    }
  }
  write_safetensors(path, tensors, {{"format", "oxbow"}, {"schema", schema_text(net.schema())}});
}

/// Reads every tensor of the network, from F32, F16, BF16 or F64. All is checked first: after an
/// error the network is as it was.
///
/// errors  file_error, naming the tensor that is missing, unexpected, or of another shape, and both shapes
template <has_weights Net> void load_weights(Net& net, std::filesystem::path const& path) {
  safetensors const file = read_safetensors(path);
  std::set<std::string> expected;
  std::vector<std::vector<float>> loaded;
  for (auto&& tensor : net.tensors()) {
    std::string const name = tensor.name;
    tensor_view const* const found = file.find(name);
    if (!found)
      throw file_error(path, "has no tensor \"" + name + "\" of shape " + shape_text(tensor.shape) +
                                 ", which the network needs. Were the weights saved from another network?");
    if (found->shape != tensor.shape)
      throw file_error(path, "tensor \"" + name + "\" has the shape " + shape_text(found->shape) +
                                 " where the network expects " + shape_text(tensor.shape) + ".");
    expected.insert(name);
    loaded.push_back(file.floats(name));
  }
  for (auto const& tensor : file.tensors())
    if (!expected.contains(tensor.name))
      throw file_error(path, "has the tensor \"" + tensor.name + "\" of shape " + shape_text(tensor.shape) +
                                 ", which the network does not have. Were the weights saved from another network?");
  if (auto const schema = file.note("schema"); schema && *schema != schema_text(net.schema()))
    throw file_error(path, "has the schema " + *schema + " where the network's is " + schema_text(net.schema()) +
                               ", although all names and shapes agree. Save the weights again with this version.");
  std::size_t i = 0;
  for (auto&& tensor : net.tensors()) {
    std::ranges::copy(loaded[i], std::ranges::begin(tensor.data));
    ++i;
  }
}

}  // namespace oxbow
