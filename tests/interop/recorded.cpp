// The parts of the comparison that do not depend on the network's type.
#include "recorded.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include <oxbow/io/safetensors.hpp>
#include <oxbow/lower/names.hpp>
#include <oxbow/ops/interpret.hpp>

namespace oxbow::testing {
namespace {

template <class T> std::vector<double> widened(std::span<std::byte const> bytes) {
  std::vector<double> out(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < out.size(); ++i) {
    T number;
    std::memcpy(&number, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<double>(number);
  }
  return out;
}

std::vector<double> widened(tensor_view const& t) {
  switch (t.type) {
    case dtype::f32: return widened<float>(t.bytes);
    case dtype::f64: return widened<double>(t.bytes);
    case dtype::u8: return widened<std::uint8_t>(t.bytes);
    default: FAIL("fixtures have F32, F64 and U8 tensors, but ", t.name, " is ", name_of(t.type));
  }
  return {};
}

double largest(std::vector<double> const& numbers) {
  double most = 0;
  for (double const x : numbers) most = std::max(most, std::abs(x));
  return most;
}

/// "[2, 0, 1]": the i-th element of a tensor in row-major order.
std::string element_text(std::vector<std::int64_t> const& shape, std::size_t i) {
  auto rest = static_cast<std::int64_t>(i);
  std::vector<std::int64_t> at(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0; rest /= shape[axis]) at[axis] = rest % shape[axis];
  return shape_text(at);
}

template <class T>
std::string compare(std::string const& name, std::span<T const> got, recorded_tensor const& wanted, double tolerance,
                    double scale) {
  if (got.size() != wanted.data.size())
    return name + ": " + std::to_string(wanted.data.size()) + " elements expected, " + std::to_string(got.size()) +
           " got";
  if (scale == 0) scale = largest(wanted.data);
  double worst = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    double const off = std::abs(static_cast<double>(got[i]) - wanted.data[i]);
    if (off <= worst) continue;
    worst = std::isnan(off) ? HUGE_VAL : off, at = i;
    if (std::isinf(worst)) break;
  }
  if (worst <= tolerance * scale) return {};
  char numbers[200];
  std::snprintf(numbers, sizeof numbers, "expected %.9g, got %.9g: off by %.3g of %.6g, allowed are %.3g",
                wanted.data[at], static_cast<double>(got[at]), worst / scale, scale, tolerance);
  return name + element_text(wanted.shape, at) + ": " + numbers;
}

ops::tensor<double> tensor_of(image<float> const& from) {
  return ops::make_tensor<double>(from.size, from.channels, [&](int c, ops::pixel p) {
    return static_cast<double>(from(p.z, p.y, p.x, c));
  });
}
std::vector<double> channels_last(ops::tensor<double> const& t) {
  std::vector<double> out;
  ops::for_each_pixel(t.size, [&](ops::pixel p) {
    for (int c = 0; c < t.channels; ++c) out.push_back(t(c, p));
  });
  return out;
}

std::vector<std::int64_t> shape_of(flat_graph const& net, parameter const& p) {
  std::vector<std::int64_t> shape{p.rows};
  if (p.is != role::weight) return shape;
  shape.push_back(p.columns);
  for (int a = net.first_axis; a < 3; ++a) shape.push_back(p.window[a]);
  return shape;
}

}  // namespace

recorded::recorded(std::string const& file) : name{file} {
  auto const path = std::filesystem::path{__FILE__}.parent_path() / "data" / (file + ".safetensors");
  safetensors const stored = read_safetensors(path);
  for (auto const& t : stored.tensors()) tensors[t.name] = {t.shape, widened(t)};
}

recorded_tensor const& recorded::at(std::string const& tensor) const {
  auto const found = tensors.find(tensor);
  if (found == tensors.end()) FAIL(name, ".safetensors has no tensor ", tensor);
  return found->second;
}

image<float> recorded::image_of(std::string const& tensor) const {
  auto const& t = at(tensor);
  auto const axes = t.shape.size() - 1;
  auto const size = [&](std::size_t from_last) {
    return from_last > axes ? 1 : static_cast<int>(t.shape[axes - from_last]);
  };
  image<float> out{{size(3), size(2), size(1)}, size(0)};
  std::transform(t.data.begin(), t.data.end(), out.data.begin(), [](double x) { return static_cast<float>(x); });
  return out;
}

label_image recorded::labels() const {
  auto const& t = at("labels");
  auto const n = t.shape.size();
  label_image out{{n > 2 ? static_cast<int>(t.shape[0]) : 1, static_cast<int>(t.shape[n - 2]),
                   static_cast<int>(t.shape[n - 1])}};
  std::transform(t.data.begin(), t.data.end(), out.data.begin(), [](double x) { return static_cast<std::uint8_t>(x); });
  return out;
}

std::string disagreement(std::string const& name, std::span<double const> got, recorded_tensor const& wanted,
                         double tolerance, double scale) {
  return compare(name, got, wanted, tolerance, scale);
}
std::string disagreement(std::string const& name, std::span<float const> got, recorded_tensor const& wanted,
                         double tolerance, double scale) {
  return compare(name, got, wanted, tolerance, scale);
}

double gradient_scale(recorded const& file, std::string const& tensor) {
  double all = 0;
  for (auto const& [name, t] : file.tensors)
    if (name.starts_with("grad.")) all = std::max(all, largest(t.data));
  double const own = largest(file.at("grad." + tensor).data);
  return own < 1e-9 * all ? all : own;
}

std::vector<double> const& parameter_of(recorded const& file, std::string const& name,
                                        std::vector<std::int64_t> const& shape) {
  auto const& t = file.at(name);
  if (t.shape != shape)
    FAIL(file.name, ".safetensors has ", name, " of shape ", shape_text(t.shape), ", but the network's is ",
         shape_text(shape));
  return t.data;
}

void check_no_other_parameters(recorded const& file, std::size_t count) {
  std::size_t have = 0;
  for (auto const& [name, t] : file.tensors) {
    bool const result = name.starts_with("grad.") || name.starts_with("after.");
    have += !result && name.find('.') != name.npos;
  }
  CHECK(have == count);
}

void check_oracle(recorded const& file, flat_graph const& forward, flat_graph const& predicting,
                  flat_graph const& differentiated) {
  // The oracle and PyTorch both compute in double, so what remains is that the file rounds to single precision, by at
  // most 2^−24 = 6e-8 of an element; the elements' own errors in double are far below.
  constexpr double tolerance = 1e-7;
  std::vector<double> parameters(static_cast<std::size_t>(forward.parameter_count));
  for (auto const& p : forward.parameters)
    std::ranges::copy(parameter_of(file, parameter_name(forward, p), shape_of(forward, p)),
                      parameters.begin() + static_cast<std::ptrdiff_t>(p.offset));
  check_no_other_parameters(file, static_cast<std::size_t>(forward.parameters.size()));
  auto const tile = tensor_of(file.image_of("input"));
  auto const labels = file.labels();

  ops::context<double> context{.training = false, .key = recorded_key};
  for (flat_graph const* net : {&forward, &predicting}) {
    auto const logits = channels_last(ops::interpret(*net, tile, parameters, context).output());
    CHECK(disagreement("logits", logits, file.at("logits"), tolerance) == "");
  }

  context.training = true;
  context.labels = labels.data;
  context.weights = {labels.size, 1};
  context.weights.data = file.at("weights_map").data;
  auto const run = ops::interpret(differentiated, tile, parameters, context);
  CHECK(disagreement("loss", std::vector{run.loss()}, file.at("loss"), tolerance) == "");
  for (auto const& p : forward.parameters) {
    auto const name = parameter_name(forward, p);
    auto const& arena = is_trained(p.is) ? run.gradients : run.parameters;
    auto const part = std::span{arena}.subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.count()));
    auto const what = (is_trained(p.is) ? "grad." : "after.") + name;
    double const scale = is_trained(p.is) ? gradient_scale(file, name) : 0;
    CHECK(disagreement(what, part, file.at(what), tolerance, scale) == "");
  }
}

}  // namespace oxbow::testing
