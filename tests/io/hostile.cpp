#include <zlib.h>
#include <oxbow/io/image_file.hpp>
#include <oxbow/io/safetensors.hpp>

#include <array>
#include <chrono>

#include "damage.hpp"

using namespace oxbow;
using test::fixture;

namespace {

/// A PNG of one deflated byte that claims a size.
std::string lying_png(std::uint32_t width, std::uint32_t height) {
  auto const big = [](std::uint32_t v) {
    return std::string{static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
                       static_cast<char>(v)};
  };
  auto const chunk = [&](std::string const& body) {
    auto const crc = ::crc32_z(0, reinterpret_cast<Bytef const*>(body.data()), body.size());
    return big(static_cast<std::uint32_t>(body.size() - 4)) + body + big(static_cast<std::uint32_t>(crc));
  };
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR" + big(width) + big(height) + std::string("\x08\0\0\0\0", 5)) +
         chunk(std::string("IDAT\x78\x9c\x63\0\0\0\x01\0\x01", 13)) + chunk("IEND");
}

/// A TIFF of a few bytes that claims a size; compression as in the format's table.
std::string lying_tiff(std::uint32_t width, std::uint32_t height, std::uint32_t compression, std::uint32_t tile = 0,
                       std::uint32_t samples = 1, std::uint32_t next = 0) {
  std::string bytes("II*\0\x08\0\0\0", 8);
  auto const number = [&](std::uint32_t v, int size) {
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(v >> 8 * i);
  };
  std::vector<std::array<std::uint32_t, 2>> tags{{256, width},       {257, height}, {258, 8},
                                                 {259, compression}, {262, 1},      {273, 8},
                                                 {277, samples},     {278, height}, {279, 8}};
  if (tile)
    tags = {{256, width},   {257, height}, {258, 8},    {259, compression}, {262, 1},
            {277, samples}, {322, tile},   {323, tile}, {324, 8},           {325, 8}};
  number(static_cast<std::uint32_t>(tags.size()), 2);
  for (auto const& [tag, value] : tags) {
    number(tag, 2);
    number(4, 2);  // 32-bit
    number(1, 4);
    number(value, 4);
  }
  number(next, 4);
  return bytes;
}

}  // namespace

TEST_CASE("a damaged TIFF is one clear error or sound images, and nothing is printed") {
  test::check_damaged(".tif", [](auto const& path) {
    auto const pages = read_tiff(path);
    return !pages.empty() && std::all_of(pages.begin(), pages.end(), test::sound<float>);
  });
}

TEST_CASE("a damaged PNG is one clear error or a sound image, and nothing is printed") {
  test::check_damaged(".png", [](auto const& path) { return test::sound(read_png(path)); });
}

TEST_CASE("a damaged safetensors file is one clear error or sound tensors") {
  test::check_damaged(".safetensors", [](auto const& path) {
    auto const file = read_safetensors(path);
    std::size_t bytes = 0;
    for (auto const& tensor : file.tensors()) {
      bytes += tensor.bytes.size();
      if (tensor.type == dtype::f16 || tensor.type == dtype::bf16) (void)file.floats(tensor.name);
    }
    return bytes < file.file_bytes().size();
  });
}

TEST_CASE("a file that lacks its last byte is refused where the format tells its length") {
  test::folder const folder;
  int checked = 0;
  for (auto const& entry : std::filesystem::directory_iterator{fixture("")}) {
    auto const kind = entry.path().extension();
    if (kind != ".png" && kind != ".safetensors") continue;
    auto const good = test::contents(entry.path());
    test::put(folder / "cut", good.substr(0, good.size() - 1));
    if (kind == ".png") CHECK_SENTENCE(read_png(folder / "cut"), "cut: ");
    else CHECK_SENTENCE(read_safetensors(folder / "cut"), "cut: ");
    ++checked;
  }
  CHECK(checked > 10);
}

TEST_CASE("huge claims are refused quickly and before memory is taken") {
  test::folder const folder;
  auto const begin = std::chrono::steady_clock::now();
  long const before = test::peak_megabytes();
  auto const tiff = [&](std::string const& bytes) {
    test::put(folder / "a.tif", bytes);
    (void)read_tiff(folder / "a.tif");
  };
  auto const png = [&](std::string const& bytes) {
    test::put(folder / "a.png", bytes);
    (void)read_png(folder / "a.png");
  };
  test::silence const quiet{folder / "printed"};
  CHECK_SENTENCE(tiff(lying_tiff(2000000000, 2000000000, 1)), "a.tif: ", "more than the limit of 2147483648",
                 "most_bytes");
  CHECK_SENTENCE(tiff(lying_tiff(0xFFFFFFFF, 0xFFFFFFFF, 1)), "a.tif: ");
  CHECK_SENTENCE(tiff(lying_tiff(20000, 20000, 1)), "cannot come from a file of");      // 400 MB stored in 130 bytes
  CHECK_SENTENCE(tiff(lying_tiff(20000, 20000, 5)), "cannot come from a file of");      // LZW
  CHECK_SENTENCE(tiff(lying_tiff(20000, 20000, 8)), "cannot come from a file of");      // deflate
  CHECK_SENTENCE(tiff(lying_tiff(20000, 20000, 32773)), "cannot come from a file of");  // PackBits
  CHECK_SENTENCE(tiff(lying_tiff(40000, 40000, 50000)), "a.tif: ");                     // Zstandard: 6.4 GB as float
  CHECK_SENTENCE(tiff(lying_tiff(1, 1, 8, 65536)), "a.tif: ");                          // one pixel in a tile of 4 GB
  CHECK_SENTENCE(tiff(lying_tiff(1, 1, 1, 16384)), "cannot come from a file of");
  CHECK_SENTENCE(tiff(lying_tiff(1000, 1000, 1, 0, 65535)), "a.tif: ");
  CHECK_SENTENCE(png(lying_png(2147483647, 2147483647)), "a.png: ", "more than the limit of 2147483648");
  CHECK_SENTENCE(png(lying_png(20000, 20000)), "cannot come from a file of");
  CHECK_SENTENCE(png(lying_png(1, 1000000000)), "cannot come from a file of");
  CHECK(test::contents(folder / "printed") == "");
  double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  CHECK(seconds < 5);  // each takes well under a millisecond on an idle machine
  CHECK(test::peak_megabytes() - before < 100);
}

TEST_CASE("small honest files of the same make are read, so that the lies above fail for their size alone") {
  test::folder const folder;
  test::put(folder / "a.tif", lying_tiff(4, 2, 1));
  CHECK(read_tiff<int>(folder / "a.tif").at(0).data[1] == 0);
  CHECK(read_tiff<int>(folder / "a.tif").at(0).data[2] == 0);
  test::put(folder / "a.png", lying_png(1, 1));
  CHECK_SENTENCE(read_png(folder / "a.png"), "libpng says");  // two bytes are needed, one is there
}

TEST_CASE("a limit on bytes counts all pages, as they will be in memory") {
  // 3×4 + 4×6 + 5×8 = 76 pixels: 152 bytes stored, 304 as float
  CHECK_SENTENCE(read_tiff(fixture("pages.tif"), {.most_bytes = 303}), "claims 304 bytes", "limit of 303");
  CHECK(read_tiff(fixture("pages.tif"), {.most_bytes = 100'000}).size() == 3);
  CHECK_SENTENCE(read_png(fixture("grey16.png"), {.most_bytes = 139}), "claims 140 bytes", "limit of 139");
  CHECK(read_png<std::uint16_t>(fixture("grey16.png"), {.most_bytes = 139}).size.width == 5);
}

TEST_CASE("a TIFF whose pages go in a circle ends") {
  test::folder const folder;
  test::put(folder / "a.tif", lying_tiff(4, 2, 1, 0, 1, 8));  // the next directory is the first
  auto const sentence = test::sentence_of([&] { CHECK(read_tiff(folder / "a.tif").size() == 1); });
  INFO(sentence);
  CHECK((sentence.empty() || test::contains(sentence, "a.tif: ")));
}

TEST_CASE("a file of the wrong kind says what it is not") {
  CHECK_SENTENCE(read_tiff(fixture("grey8.png")), "grey8.png: is not a TIFF", "libtiff says");
  CHECK_SENTENCE(read_png(fixture("u8.tif")), "u8.tif: is not a PNG", "libpng says");
  CHECK_SENTENCE(read_safetensors(fixture("grey8.png")), "grey8.png: ", "safetensors");
}
