// The sentences of docs/errors.md about files: each is provoked, and the page must have it.
#include <oxbow/io/labels.hpp>
#include <oxbow/io/weights.hpp>

#include "page.hpp"

using namespace oxbow;
using namespace oxbow::testing;
namespace fs = std::filesystem;

namespace {

/// What load_weights needs of a network.
struct two_tensors {
  struct tensor {
    std::string name;
    std::vector<std::int64_t> shape;
    std::span<float> data;
  };
  std::vector<std::vector<float>> storage;
  std::vector<std::string> names;
  std::vector<std::vector<std::int64_t>> shapes;

  two_tensors(std::vector<std::string> n, std::vector<std::vector<std::int64_t>> s)
      : names{std::move(n)}, shapes{std::move(s)} {
    for (auto const& shape : shapes) {
      std::int64_t count = 1;
      for (auto const size : shape) count *= size;
      storage.emplace_back(static_cast<std::size_t>(count), 1.f);
    }
  }
  std::uint64_t schema() const { return names.size(); }
  std::vector<tensor> tensors() {
    std::vector<tensor> all;
    for (std::size_t i = 0; i < names.size(); ++i) all.push_back({names[i], shapes[i], storage[i]});
    return all;
  }
};

}  // namespace

TEST_CASE("files") {
  fresh_folder const here;
  CHECK_SAID(read_image("slices.tif"));
  write_text("notes.txt", "cells, 20 x");
  CHECK_SAID(read_image("notes.txt"));
  write_png("cell.png", image<std::uint8_t>({1, 40, 40}, 1, 7));
  fs::resize_file("cell.png", fs::file_size("cell.png") / 2);
  CHECK_SAID(read_image("cell.png"));
  write_tiff("stack.tif", std::vector<image<float>>(30, image<float>({1, 8, 8})));
  CHECK_SAID(read_image("stack.tif"));
  CHECK_SAID(read_images("stack.tif", {.most_bytes = 1000}));
  write_tiff("depth.tif", image<std::uint16_t>({1, 8, 8}, 1, 300));
  CHECK_SAID(read_image<std::uint8_t>("depth.tif"));
  fs::create_directory("empty");
  CHECK_SAID(read_folder("empty"));
  CHECK_SAID(write_png("missing/cells.png", image<float>({1, 2, 2})));
}

TEST_CASE("labels") {
  fresh_folder const here;
  image<std::uint8_t> mask({1, 8, 8});
  mask(3, 4) = 255;
  write_png("mask.png", mask);
  CHECK_SAID(read_labels("mask.png", 2));
  CHECK_SAID(read_labels("mask.png", 2, {{0, 0}, {254, 1}}));
  CHECK(read_labels("mask.png", 2, {{0, 0}, {255, 1}})(3, 4) == 1);
  write_png("painted.png", image<std::uint8_t>({1, 8, 8}, 3));
  CHECK_SAID(read_labels("painted.png", 2));
}

TEST_CASE("weights") {
  fresh_folder const here;
  two_tensors one({"conv1.weight"}, {{8, 1, 3, 3}}), wider({"conv1.weight"}, {{16, 1, 3, 3}}),
      more({"conv1.weight", "conv1.bias"}, {{8, 1, 3, 3}, {8}});
  save_weights(one, "weights.safetensors");
  CHECK_SAID(load_weights(wider, "weights.safetensors"));
  CHECK_SAID(load_weights(more, "weights.safetensors"));
  save_weights(more, "more.safetensors");
  CHECK_SAID(load_weights(one, "more.safetensors"));
  write_text("weights.bin", std::string(100, 'x'));
  CHECK_SAID(load_weights(one, "weights.bin"));
}
