#include <sys/resource.h>
#include <sys/wait.h>
#include <oxbow/io/image_file.hpp>
#include <oxbow/io/labels.hpp>

#include <csignal>

#include "files.hpp"

using namespace oxbow;
using test::fixture;

TEST_CASE("the content of a file decides how it is read, not its name") {
  test::folder const folder;
  std::filesystem::copy_file(fixture("grey8.png"), folder / "a.tif");
  std::filesystem::copy_file(fixture("pages.tif"), folder / "b.png");
  std::filesystem::copy_file(fixture("bigtiff.tif"), folder / "c");
  test::check_pattern(read_image(folder / "a.tif"), 7, 5, 1, [](auto p) { return p % 256; });
  CHECK(read_images(folder / "b.png").size() == 3);
  CHECK(read_image(folder / "c").size == extent{1, 7, 5});
  CHECK(image_format_of(fixture("u16_big_endian.tif")) == image_format::tiff);
  CHECK_SENTENCE(read_image(folder / "b.png"), "b.png", "3 pages", "read_images");
  CHECK_SENTENCE(read_image(fixture("f32.npy")), "f32.npy", "neither a PNG nor a TIFF");
}

TEST_CASE("absent files, folders and pipes are errors and do not block") {
  test::folder const folder;
  CHECK_SENTENCE(read_image(folder / "absent.png"), "absent.png", "No such file");
  CHECK_SENTENCE(read_tiff(folder / "absent.tif"), "absent.tif", "No such file");
  CHECK_SENTENCE(read_image(folder.path), "not a regular file");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK_SENTENCE(read_image(folder / "pipe"), "pipe", "not a regular file");
  test::put(folder / "empty", "");
  CHECK_SENTENCE(read_image(folder / "empty"), "neither");
  CHECK_SENTENCE(read_png(folder / "empty"), "not a PNG");
  CHECK_SENTENCE(read_tiff(folder / "empty"), "not a TIFF");
}

TEST_CASE("a folder lists its images in the order people count") {
  test::folder const folder;
  for (auto const* name : {"slice10.png", "slice9.png", "slice1.png", "slice01.png", "other.png"})
    std::filesystem::copy_file(fixture("grey8.png"), folder / name);
  std::filesystem::copy_file(fixture("u8.tif"), folder / "slice2.dat");
  test::put(folder / "notes.png", "not an image");
  std::filesystem::create_directory(folder / "slice3.png");
  std::vector<std::string> names;
  for (auto const& path : read_folder(folder.path)) names.push_back(path.filename());
  CHECK(names ==
        std::vector<std::string>{"other.png", "slice01.png", "slice1.png", "slice2.dat", "slice9.png", "slice10.png"});
  CHECK_SENTENCE(read_folder(folder / "nowhere"), "nowhere", "cannot be listed");
  CHECK_SENTENCE(read_folder(folder / "slice3.png"), "no PNG or TIFF");
}

TEST_CASE("the natural order is a strict weak order") {
  std::vector<std::string> const names{"",     "0",    "00",  "01", "1",    "1a",    "a",    "a0",
                                       "a00",  "a00b", "a0b", "a1", "a9",   "aa",    "b",    "a10b",
                                       "a010", "a10",  "10",  "2",  "a1b1", "a01b1", "a1b01"};
  for (auto const& a : names)
    for (auto const& b : names) {
      CHECK(detail::natural_less(a, b) + detail::natural_less(b, a) == (a != b));
      for (auto const& c : names)
        if (detail::natural_less(a, b) && detail::natural_less(b, c)) CHECK(detail::natural_less(a, c));
    }
}

TEST_CASE("pages of one size join into a volume") {
  std::vector<image<int>> pages(3, image<int>(extent{1, 2, 3}, 2));
  for (std::size_t z = 0; z < 3; ++z)
    for (std::size_t i = 0; i < 12; ++i) pages[z].data[i] = static_cast<int>(100 * z + i);
  auto const volume = join_pages(pages);
  CHECK(volume.size == extent{3, 2, 3});
  CHECK(volume(2, 1, 2, 1) == 211);
  CHECK(volume(1, 0, 0, 0) == 100);
  pages[1] = image<int>(extent{1, 2, 4}, 2);
  CHECK_THROWS_WITH_AS(join_pages(pages), doctest::Contains("page 1 differs"), std::invalid_argument);
}

TEST_CASE("labels are classes; a value that is none is named with its pixel") {
  auto const labels = read_labels(fixture("palette.png"), 3);
  for (int y = 0; y < 7; ++y)
    for (int x = 0; x < 5; ++x) CHECK(labels(y, x) == test::pattern(y, x) % 3);
  CHECK(read_labels(fixture("palette.tif"), 3).data == labels.data);
  // 12345 % 3 == 0 and 12382 % 3 == 1; the first 2 lies at x 2
  CHECK_SENTENCE(read_labels(fixture("palette.png"), 2), "palette.png", "holds 2 at y 0, x 2", "not a class 0 … 1");
}

TEST_CASE("a label map says what each stored value means") {
  test::folder const folder;
  image<std::uint8_t> stored(extent{1, 2, 3});
  stored.data = {0, 255, 255, 7, 0, 255};
  write_png(folder / "mask.png", stored);
  CHECK_SENTENCE(read_labels(folder / "mask.png", 2), "holds 255 at y 0, x 1", "label_map");
  CHECK_SENTENCE(read_labels(folder / "mask.png", 2, {{0, 0}, {255, 1}}), "holds 7 at y 1, x 0",
                 "not in the label_map");
  auto const labels = read_labels(folder / "mask.png", 2, {{0, 0}, {255, 1}, {7, label_map::ignore}});
  CHECK(labels.data == std::vector<std::uint8_t>{0, 1, 1, ignored, 0, 1});
  CHECK_SENTENCE(read_labels(folder / "mask.png", 2, {{0, 0}, {255, 2}}), "to class 2");
  CHECK_SENTENCE(read_labels(folder / "mask.png", 2, {{0, 0}, {0, 1}}), "names 0 twice");
  CHECK_SENTENCE(read_labels(folder / "mask.png", 0), "0 classes");
  CHECK_SENTENCE(read_labels(folder / "mask.png", 256), "256 classes");
  CHECK_SENTENCE(read_labels(fixture("rgb8.png"), 2), "3 channels", "need one");
}

TEST_CASE("a stack of labels names the page of a wrong value") {
  test::folder const folder;
  std::vector<image<std::int16_t>> stack(3, image<std::int16_t>(extent{1, 2, 2}));
  stack[0](1, 1) = 1;
  write_tiff(folder / "stack.tif", stack);
  auto const labels = read_label_stack(folder / "stack.tif", 2);
  REQUIRE(labels.size() == 3);
  CHECK(labels[0].data == std::vector<std::uint8_t>{0, 0, 0, 1});
  CHECK_SENTENCE(read_labels(folder / "stack.tif", 2), "3 pages", "read_label_stack");
  stack[2](1, 0) = -4;
  write_tiff(folder / "stack.tif", stack);
  CHECK_SENTENCE(read_label_stack(folder / "stack.tif", 2), "holds -4 at page 2, y 1, x 0");
  write_tiff(folder / "soft.tif", image<float>(extent{1, 1, 2}, 1, .5f));
  CHECK_SENTENCE(read_labels(folder / "soft.tif", 2), "holds 0.5", "whole number");
}

TEST_CASE("instances are whole numbers from 0") {
  test::folder const folder;
  image<std::uint32_t> objects(extent{1, 2, 3});
  objects.data = {0, 1, 70000, 0, 2147483647, 3};
  write_tiff(folder / "objects.tif", objects);
  CHECK(read_instances(folder / "objects.tif").data == std::vector<std::int32_t>{0, 1, 70000, 0, 2147483647, 3});
  objects(1, 2) = 2147483648u;
  write_tiff(folder / "objects.tif", objects);
  CHECK_SENTENCE(read_instances(folder / "objects.tif"), "holds 2147483648 at y 1, x 2", "object number");
  image<std::int8_t> negative(extent{1, 1, 2});
  negative(0, 1) = -1;
  write_tiff(folder / "negative.tif", std::vector{negative, negative});
  CHECK_SENTENCE(read_instance_stack(folder / "negative.tif"), "holds -1 at page 0, y 0, x 1");
}

TEST_CASE("a write that the disk refuses throws and leaves the old file and nothing else") {
  test::folder const folder;
  image<std::uint16_t> small(extent{1, 2, 2}, 1, 9), big(extent{1, 300, 300});
  for (std::size_t i = 0; i < big.data.size(); ++i) big.data[i] = static_cast<std::uint16_t>(i * i * 40503u >> 7);
  write_tiff(folder / "a.tif", small);
  write_png(folder / "a.png", small);
  // A limit on the size of files stands for a full disk; in a child, since it cannot be raised again.
  pid_t const child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit const limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto const refused = [](std::string const& sentence) {
      return test::contains(sentence, "cannot be written") && test::contains(sentence, "File too large");
    };
    bool good = refused(test::sentence_of([&] { write_png(folder / "a.png", big); }));
    std::string const tiff = test::sentence_of([&] { write_tiff(folder / "a.tif", big); });
    good = good && test::contains(tiff, "a.tif: cannot be written (libtiff says: ");
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK(read_image<std::uint16_t>(folder / "a.tif").data == small.data);
  CHECK(read_image<std::uint16_t>(folder / "a.png").data == small.data);
  CHECK(test::files_in(folder.path) == 2);
}
