// What a network on the device has learned goes to files and comes back, in a program that nvcc compiles whole: images,
// weights, and checkpoints of the training loop.
#include <oxbow/cuda.cuh>

#include <oxbow/io.hpp>
#include <oxbow/io/npy.hpp>

#include "../../io/files.hpp"
#include "training.hpp"
using namespace oxbow;
using namespace oxbow::testing;

using backend = cuda_f16;  // one alone: the compiler takes a minute over this file

TEST_CASE("weights of a network on the device are saved, and another one predicts the same with them") {
  test::folder const folder;
  network<trained, backend> taught{backend{}, seed{3}};
  image<float> tile(trained::tile), logits(trained::output, trained::classes), again(trained::output, trained::classes);
  random_stream const noise{5, purpose::example_data};
  for (std::size_t i = 0; i < tile.data.size(); ++i) tile.data[i] = noise.uniform(i, -1, 1);
  train(taught, lessons(), how_to_train(1));
  taught.infer(tile.view(), logits.view());
  save_weights(taught, folder / "weights.safetensors");

  network<trained, backend> other{backend{}, seed{4}};
  other.infer(tile.view(), again.view());
  REQUIRE_FALSE(again.data == logits.data);
  load_weights(other, folder / "weights.safetensors");
  other.infer(tile.view(), again.view());
  CHECK(again.data == logits.data);
}

TEST_CASE("a run on the device goes on from its checkpoint in a folder") {
  test::folder const folder;
  samples const data = lessons();
  network<trained, backend> through{backend{}, seed{3}};
  auto const whole = train(through, data, how_to_train(4));
  training_options o = how_to_train(4);
  o.checkpoints = checkpoints{folder.path};
  o.callbacks = {[](step_report const& r) { return r.step == 1 ? after_step::stop : after_step::go_on; }};
  {
    network<trained, backend> first{backend{}, seed{3}};
    train(first, data, o);
  }
  o.callbacks = {};
  network<trained, backend> second{backend{}, seed{8}};
  auto const rest = train(second, data, o);
  CHECK(rest.first_step == 2);
  CHECK(rest.losses == std::vector<float>(whole.losses.begin() + 2, whole.losses.end()));
}

TEST_CASE("images go to files and come back in a program for the device") {
  test::folder const folder;
  image<float> grey({1, 5, 7});
  for (std::size_t i = 0; i < grey.data.size(); ++i) grey.data[i] = static_cast<float>(i) / 255;
  write_tiff(folder / "grey.tif", grey);
  CHECK(read_image(folder / "grey.tif").data == grey.data);
  write_npy(folder / "grey.npy", grey);
  CHECK(read_npy(folder / "grey.npy").data == grey.data);
  image<std::uint8_t> bytes({1, 5, 7}, 3, 200);
  write_png(folder / "bytes.png", bytes);
  CHECK(read_image<std::uint8_t>(folder / "bytes.png").data == bytes.data);
}
