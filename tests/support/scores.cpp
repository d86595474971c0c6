// What the demonstration shows, against counting by hand; and which images are held out.
#include <doctest/doctest.h>
#include <unistd.h>

#include <oxbow/core/random.hpp>
#include <oxbow/io/png.hpp>
#include <oxbow/io/tiff.hpp>

#include "../../examples/support/folder.hpp"
#include "../../examples/support/membranes_page.hpp"

using namespace support;

namespace {

std::int64_t wrong_pixels(oxbow::label_image const& truth, oxbow::label_image const& seen) {
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < truth.data.size(); ++i)
    wrong += truth.data[i] != oxbow::ignored && truth.data[i] != seen.data[i];
  return wrong;
}

struct temporary_folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("oxbow-scores-" + std::to_string(::getpid()));
  temporary_folder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path / "images");
    std::filesystem::create_directories(path / "labels");
  }
  ~temporary_folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("no threshold, bright or dark, has fewer wrong pixels than the best one") {
  oxbow::random_stream const r{2, oxbow::purpose::example_data};
  std::uint64_t n = 0;
  for (int trial = 0; trial < 60; ++trial) {
    oxbow::extent const size{1, 1 + static_cast<int>(r.below(n++, 4)), 1 + static_cast<int>(r.below(n++, 6))};
    oxbow::image<float> grey(size);
    oxbow::label_image truth(size);
    // Few grey values, so that many pixels share one.
    for (float& v : grey.data) v = static_cast<float>(r.below(n++, 5)) * 0.25f;
    for (auto& t : truth.data)
      t = r.below(n++, 7) == 0 ? oxbow::ignored : static_cast<std::uint8_t>(r.below(n++, 2));
    std::int64_t fewest = 1000;
    for (float const level : {-1.f, 0.1f, 0.3f, 0.6f, 0.8f, 2.f})
      for (bool const bright : {false, true}) {
        oxbow::label_image seen(size);
        for (std::size_t i = 0; i < seen.data.size(); ++i) seen.data[i] = (grey.data[i] >= level) == bright;
        fewest = std::min(fewest, wrong_pixels(truth, seen));
      }
    CHECK(wrong_pixels(truth, best_threshold(grey, truth)) == fewest);
  }
}

TEST_CASE("a found cell bears the number of the true cell it covers most, one on membrane only a number of its own") {
  detail::numbered_cells const truth{[] {
                               oxbow::instance_image t({1, 1, 8});
                               t.data = {1, 1, 0, 2, 2, 2, 0, 0};
                               return t;
                             }(),
                             2};
  detail::numbered_cells const found{[] {
                               oxbow::instance_image f({1, 1, 8});
                               f.data = {0, 1, 1, 1, 1, 0, 0, 2};
                               return f;
                             }(),
                             2};
  CHECK(detail::named_after(truth, found).data == std::vector<std::int32_t>{0, 2, 2, 2, 2, 0, 0, 4});
}

TEST_CASE("a close-up is the middle, or all where there is no more") {
  byte_image whole({1, 3, 6}, 2);
  for (std::size_t i = 0; i < whole.data.size(); ++i) whole.data[i] = static_cast<std::uint8_t>(i);
  byte_image const part = close_up(whole, 2);
  CHECK(part.size == oxbow::extent{1, 2, 2});
  CHECK(part.data == std::vector<std::uint8_t>{4, 5, 6, 7, 16, 17, 18, 19});
  CHECK(close_up(whole, 9).data == whole.data);
}

TEST_CASE("images find their labels in the order of their names, and pages in stacks") {
  temporary_folder const f;
  for (int i : {2, 10}) {
    std::string const name = std::to_string(i) + ".png";
    oxbow::write_png(f.path / "images" / name, oxbow::image<std::uint8_t>({1, 2, 3}, 1, static_cast<std::uint8_t>(i)));
    oxbow::write_png(f.path / "labels" / name, oxbow::label_image({1, 2, 3}, 1, i == 2 ? 255 : 0));
  }
  auto const all = read_pairs(f.path / "images", f.path / "labels", read_membranes);
  CHECK(all.names == std::vector<std::string>{"2", "10"});
  CHECK(all.labels[0](1, 2) == 1);
  CHECK(all.labels[1](1, 2) == 0);
  CHECK(all.images[0](0, 0) < all.images[1](0, 0));

  oxbow::write_png(f.path / "labels" / "10.png", oxbow::label_image({1, 3, 2}));
  CHECK_THROWS_WITH(read_pairs(f.path / "images", f.path / "labels", read_membranes),
                    doctest::Contains("2 x 3 and the labels 3 x 2"));
  std::filesystem::remove(f.path / "labels" / "10.png");
  CHECK_THROWS_WITH(read_pairs(f.path / "images", f.path / "labels", read_membranes),
                    doctest::Contains("2 images and 1 label files"));

  // Maps of some of the slices, in files of another kind, find theirs by name.
  std::filesystem::create_directories(f.path / "maps");
  oxbow::write_tiff(f.path / "maps" / "2.tif", oxbow::image<float>({1, 2, 3}, 1, 0.25f));
  auto const named = read_named_pairs(f.path / "maps", f.path / "labels", read_membranes);
  CHECK(named.names == std::vector<std::string>{"2"});
  CHECK(named.labels[0](1, 2) == 1);
  CHECK(named.images[0](1, 2) == 0.25f);
  oxbow::write_tiff(f.path / "maps" / "3.tif", oxbow::image<float>({1, 2, 3}));
  CHECK_THROWS_WITH(read_named_pairs(f.path / "maps", f.path / "labels", read_membranes),
                    doctest::Contains("no labels called 3"));

  std::vector<oxbow::image<float>> const pages(3, oxbow::image<float>({1, 2, 3}));
  std::vector<oxbow::label_image> const known(3, oxbow::label_image({1, 2, 3}));
  oxbow::write_tiff(f.path / "stack.tif", pages);
  oxbow::write_tiff(f.path / "known.tif", known);
  CHECK(read_pairs(f.path / "stack.tif", f.path / "known.tif", read_membranes).names[2] == "stack:2");
}

TEST_CASE("images are held out by name or number, every fifth if none is named, and never all or none") {
  auto const some = [](int count) {
    labelled_images all;
    for (int i = 0; i < count; ++i) all.add("n" + std::to_string(i), {}, {});
    return all;
  };
  CHECK(split(some(7), {"n3", "0"}).unseen.names == std::vector<std::string>{"n0", "n3"});
  CHECK(split(some(9), {}).unseen.names == std::vector<std::string>{"n2", "n7"});
  CHECK(split(some(9), {}).known.size() == 7);
  CHECK(split(some(9), {}, 3).unseen.names == std::vector<std::string>{"n1", "n4", "n7"});
  CHECK_THROWS_WITH(split(some(2), {"x"}), doctest::Contains("no image \"x\" to hold out"));
  CHECK_THROWS_WITH(split(some(2), {"2"}), doctest::Contains("from n0 to n1"));
  CHECK_THROWS_WITH(split(some(2), {"0", "1"}), doctest::Contains("of 2 images 2 are held out"));
  CHECK_THROWS_WITH(split(some(2), {}), doctest::Contains("of 2 images 0 are held out"));
}
