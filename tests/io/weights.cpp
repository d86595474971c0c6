#include <oxbow/io/weights.hpp>

#include "files.hpp"

using namespace oxbow;

namespace {

struct named_tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::span<float> data;
};

/// The least that weights need of a network.
struct fake_net {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> layout{
      {"level 0 / encode / conv 1 / weight", {2, 1, 3}}, {"level 0 / encode / conv 1 / bias", {2}}};
  std::vector<std::vector<float>> storage{{1, 2, 3, 4, 5, 6}, {-0.f, 1e-45f}};
  std::uint64_t number = 0xFEDCBA9876543210u;

  std::vector<named_tensor> tensors() {
    std::vector<named_tensor> all;
    for (std::size_t i = 0; i < layout.size(); ++i) all.push_back({layout[i].first, layout[i].second, storage[i]});
    return all;
  }
  std::uint64_t schema() const { return number; }
};
static_assert(has_weights<fake_net> && !has_weights<int>);

void write(std::filesystem::path const& path, std::vector<tensor_view> const& tensors) {
  write_safetensors(path, tensors);
}

}  // namespace

TEST_CASE("weights come back bit for bit, with their names, shapes and schema in the file") {
  test::folder const folder;
  fake_net net, other;
  save_weights(net, folder / "w.safetensors");
  for (auto& tensor : other.storage) std::fill(tensor.begin(), tensor.end(), 99.f);
  load_weights(other, folder / "w.safetensors");
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(std::memcmp(other.storage[i].data(), net.storage[i].data(), net.storage[i].size() * 4) == 0);
  auto const file = read_safetensors(folder / "w.safetensors");
  CHECK(file.note("schema") == "fedcba9876543210");
  CHECK(file.at("level 0 / encode / conv 1 / weight").shape == std::vector<std::int64_t>{2, 1, 3});
}

TEST_CASE("a file that does not fit names the tensor and both shapes, and changes nothing") {
  test::folder const folder;
  fake_net net;
  auto const before = net.storage;
  auto const path = folder / "w.safetensors";
  std::vector<float> const six(6, 9.f);
  std::string const weight = net.layout[0].first, bias = net.layout[1].first;
  tensor_view const good_weight{weight, {2, 1, 3}, std::span{six}}, good_bias{bias, {2}, std::span{six}.first(2)};

  write(path, {good_weight});
  CHECK_SENTENCE(load_weights(net, path), "w.safetensors", "no tensor \"" + bias + "\" of shape [2]");
  write(path, {good_weight, {bias, {3}, std::span{six}.first(3)}});
  CHECK_SENTENCE(load_weights(net, path), bias, "shape [3]", "expects [2]");
  write(path, {{weight, {3, 1, 2}, std::span{six}}, good_bias});
  CHECK_SENTENCE(load_weights(net, path), weight, "[3, 1, 2]", "expects [2, 1, 3]");
  write(path, {good_weight, good_bias, {"head / bias", {1}, std::span{six}.first(1)}});
  CHECK_SENTENCE(load_weights(net, path), "\"head / bias\" of shape [1]", "does not have");
  std::vector<std::int32_t> const integers(2);
  write(path, {good_weight, {bias, {2}, std::span{integers}}});
  CHECK_SENTENCE(load_weights(net, path), bias, "I32");
  fake_net other;
  other.number = 5;
  save_weights(other, path);
  CHECK_SENTENCE(load_weights(net, path), "schema 0000000000000005", "fedcba9876543210");
  CHECK(net.storage == before);

  write(path, {good_bias, good_weight});  // in another order and without a schema, as other programs write
  load_weights(net, path);
  CHECK(net.storage == std::vector<std::vector<float>>{six, {9.f, 9.f}});
}

TEST_CASE("weights stored as bf16 come back rounded, from a file of half the size") {
  test::folder const folder;
  fake_net net, other;
  net.storage = {{1, -1.00390625f, 1.01171875f, 3e38f, -0.f, 1e-45f}, {0.1f, 1e30f}};  // the second and third are ties
  save_weights(net, folder / "w.safetensors", stored_as::bf16);
  load_weights(other, folder / "w.safetensors");
  CHECK(other.storage[0] == std::vector<float>{1, -1, 1.015625f, bfloat_to_float(0x7F62), 0, 0});
  CHECK(std::signbit(other.storage[0][4]));
  for (std::size_t i = 0; i < 2; ++i)  // 8 significant bits: half a step is 2^-9 of the value at most
    CHECK(std::abs(other.storage[1][i] - net.storage[1][i]) <= 0x1p-9f * net.storage[1][i]);
  auto const file = read_safetensors(folder / "w.safetensors");
  CHECK(file.at("level 0 / encode / conv 1 / weight").type == dtype::bf16);
  CHECK(file.at("level 0 / encode / conv 1 / weight").bytes.size() == 12);
}

TEST_CASE("half-precision and double weights are converted") {
  test::folder const folder;
  fake_net net;
  net.layout = {{"a", {2}}, {"b", {1}}, {"c", {1}}};
  net.storage = {{0, 0}, {0}, {0}};
  std::uint16_t const half[] = {0x3C00, 0xC500}, brain[] = {0x4049};
  double const exact[] = {-0.75};
  std::vector<tensor_view> const tensors{{"a", dtype::f16, {2}, std::as_bytes(std::span{half})},
                                         {"b", dtype::bf16, {1}, std::as_bytes(std::span{brain})},
                                         {"c", {1}, std::span<double const>{exact}}};
  write_safetensors(folder / "w", tensors);
  load_weights(net, folder / "w");
  CHECK(net.storage == std::vector<std::vector<float>>{{1, -5}, {3.140625f}, {-.75f}});
}
