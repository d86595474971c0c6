// Reports: what stands in the file, and what the pictures say.
#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "../../examples/support/report.hpp"

using namespace support;

namespace {

struct temporary_folder {
  std::filesystem::path path;
  temporary_folder() {
    auto name = (std::filesystem::temp_directory_path() / "oxbow-report-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~temporary_folder() { std::filesystem::remove_all(path); }
};

std::size_t count(std::string const& text, std::string const& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

std::vector<std::byte> unbase64(std::string const& text) {
  std::string const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::byte> bytes;
  unsigned bits = 0, held = 0;
  for (char const c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<unsigned>(digits.find(c));
    held += 6;
    if (held >= 8) held -= 8, bytes.push_back(static_cast<std::byte>(bits >> held));
  }
  return bytes;
}

std::vector<std::byte> bytes_of(char const* text) {
  auto const all = std::as_bytes(std::span{text, std::strlen(text)});
  return {all.begin(), all.end()};
}

}  // namespace

TEST_CASE("base64 gives the examples of its standard, and comes back for any length") {
  // RFC 4648, section 10
  CHECK(detail::base64({}) == "");
  CHECK(detail::base64(bytes_of("f")) == "Zg==");
  CHECK(detail::base64(bytes_of("fo")) == "Zm8=");
  CHECK(detail::base64(bytes_of("foo")) == "Zm9v");
  CHECK(detail::base64(bytes_of("foobar")) == "Zm9vYmFy");
  for (std::size_t n = 0; n < 70; ++n) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i < n; ++i) bytes.push_back(static_cast<std::byte>(37 * i * i + 251));
    CHECK(unbase64(detail::base64(bytes)) == bytes);
  }
}

TEST_CASE("pictures in the page are PNG files with the very pixels") {
  for (int const channels : {1, 3}) {
    picture p{"any", byte_image({1, 5, 7}, channels)};
    for (std::size_t i = 0; i < p.pixels.data.size(); ++i) p.pixels.data[i] = static_cast<std::uint8_t>(i * 41);
    page report{"title"};
    report.row({p});
    std::string const html = report.html(), start = "src=\"data:image/png;base64,";
    auto const from = html.find(start) + start.size();
    std::vector<std::byte> const png = unbase64(html.substr(from, html.find('"', from) - from));
    png_image header{};
    header.version = PNG_IMAGE_VERSION;
    REQUIRE(png_image_begin_read_from_memory(&header, png.data(), png.size()));
    CHECK(header.width == 7);
    CHECK(header.height == 5);
    header.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(header));
    REQUIRE(png_image_finish_read(&header, nullptr, pixels.data(), 0, nullptr));
    CHECK(pixels == p.pixels.data);
  }
}

TEST_CASE("the page has everything in itself, in the order in which it was told, with text taken literally") {
  page report{"A <title> & more", "under \"it\""};
  report.facts({{"4.2 %", "pixel error"}});
  report.heading("First");
  report.text("1 < 2 & <script>alert(1)</script>");
  report.table({"class", "IoU"}, {{"membrane", "0.81"}, {"interior", "0.93"}}, "a note");
  report.curve("loss", {0, 1, 2}, {3, 2, 1});
  report.row({{"Input", byte_image({1, 2, 2})}}, {{"wrong", orange}});
  report.heading("Last");
  report.lines("a\n  b <c>");
  std::string const html = report.html();
  CHECK(html.find("<title>A &lt;title&gt; &amp; more</title>") != std::string::npos);
  CHECK(html.find("1 &lt; 2 &amp; &lt;script&gt;alert(1)") != std::string::npos);
  CHECK(count(html, "<script>") == 1);
  CHECK(count(html, "http") == 0);
  CHECK(count(html, "<tr>") == 3);
  CHECK(count(html, "<svg") == 2);
  CHECK(count(html, "rgb(230 159 0)") == 1);
  char const* const order[] = {"4.2 %", "First", "1 &lt; 2", "membrane", "0.93",         "a note",
                               "<svg",  "<img",  "wrong",    "Last",     "  b &lt;c&gt;"};
  std::size_t at = html.find("</header>");
  for (char const* part : order) {
    CAPTURE(part);
    std::size_t const next = html.find(part, at);
    REQUIRE(next != std::string::npos);
    at = next;
  }
  for (char const* tag : {"main", "div", "table", "tr", "td", "th", "ul", "li", "figure", "p", "h2", "svg", "text"})
    CHECK(count(html, std::string{"<"} + tag + " ") + count(html, std::string{"<"} + tag + ">") ==
          count(html, std::string{"</"} + tag + ">"));
}

TEST_CASE("a saved page is what html() says; a folder that is not there is an exception that names the file") {
  temporary_folder const folder;
  page report{"title"};
  report.text("text");
  report.save(folder.path / "report.html");
  std::ifstream file(folder.path / "report.html", std::ios::binary);
  CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == report.html());
  CHECK_THROWS_WITH_AS(report.save(folder.path / "absent" / "report.html"), doctest::Contains("absent/report.html"),
                       oxbow::file_error);
}

TEST_CASE("a picture that no PNG can hold is an exception that names it") {
  page report{"title"};
  CHECK_THROWS_WITH(report.row({{"broken", byte_image({1, 2, 2}, 2)}}),
                    doctest::Contains("the picture 'broken' is 2 x 2"));
  CHECK_THROWS_WITH(report.row({{"empty", byte_image{}}}), doctest::Contains("'empty'"));
}

TEST_CASE("charts put values where they belong, and leave out what is not finite") {
  double const nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  detail::chart const linear{50, 10, 250, 110, 0, 10, 0, 4, false}, decades{50, 10, 250, 110, 1, 3, 0.01, 1, true};
  CHECK(linear.across(5) == 150);
  CHECK(linear.down(1) == 85);
  CHECK(decades.down(0.1) == doctest::Approx(60));
  CHECK(linear.path({0, 10}, {0, 4}) == "M50.0 110.0L250.0 10.0");
  CHECK(count(linear.path(std::vector<double>(100'000, 1), std::vector<double>(100'000, 1)), "L") < 400);

  std::string const svg = chart_svg({{"a", {0, 1, 2, 3, 4}, {1, nan, infinity, -infinity, 2}}}, "step", 380, 260);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf") == std::string::npos);
  CHECK(count(svg, "L") == 1);
  for (std::vector<double> const& values : {std::vector<double>{}, {nan}, {infinity, nan}})
    CHECK(chart_svg({{"a", {0, 1}, values}}, "step", 380, 260).find("No values") != std::string::npos);
  // One point, equal values, negative values, and values from 1e-9 to 1e9.
  for (std::vector<double> const& values : {std::vector<double>{3}, {0, 0}, {-5, -2}, {1e-9, 1e9}, {1e300, -1e300}}) {
    std::string const drawn = chart_svg({{"a", {7, 7}, values, true}}, "step", 1000, 320);
    CHECK(drawn.find("nan") == std::string::npos);
    CHECK(drawn.find("inf") == std::string::npos);
    CHECK(count(drawn, "class=\"line") == 2);
  }
}

TEST_CASE("ticks are round, within the range, and few") {
  CHECK(detail::round_ticks(0, 1, 5) == std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1});
  CHECK(detail::round_ticks(-3, 9, 4) == std::vector<double>{-2, 0, 2, 4, 6, 8});
  for (double const high : {1e-12, 0.3, 7., 123456., 1e30}) {
    auto const ticks = detail::round_ticks(0, high, 5);
    CHECK(ticks.size() >= 3);
    CHECK(ticks.size() <= 9);
    CHECK(ticks.back() <= high * (1 + 1e-9));
  }
}

TEST_CASE("errors are counted and coloured by kind, ignored pixels neither") {
  oxbow::label_image truth({1, 1, 5}), predicted({1, 1, 5});
  truth.data = {0, 0, 1, 1, 255};
  predicted.data = {0, 1, 0, 1, 0};
  byte_image const grey({1, 1, 5}, 1, 200);
  error_picture const errors = show_errors(grey, truth, predicted, 0);
  CHECK(errors.invented == 1);
  CHECK(errors.missed == 1);
  CHECK(errors.pixels == 4);
  auto const pixel = [&](int x) {
    return std::vector<int>{errors.picture(0, x, 0), errors.picture(0, x, 1), errors.picture(0, x, 2)};
  };
  for (int const x : {0, 3, 4}) CHECK(pixel(x) == std::vector<int>{110, 110, 110});
  CHECK(pixel(1)[2] > 200);  // missed: sky blue
  CHECK(pixel(2)[0] > 200);  // invented: orange
  CHECK(pixel(2)[2] < 30);
  CHECK_THROWS_WITH(show_errors(grey, oxbow::label_image({1, 5, 1}), predicted, 0),
                    doctest::Contains("1 x 5 and 5 x 1"));
}

TEST_CASE("grey pictures clamp, round, and show what is not a number as black") {
  oxbow::image<float> values({1, 1, 6});
  values.data = {-1, 0, 0.5f, 1, 2, std::numeric_limits<float>::quiet_NaN()};
  CHECK(grey_picture(values).data == std::vector<std::uint8_t>{0, 0, 128, 255, 255, 0});
  CHECK(grey_picture(values, 0, 2).data == std::vector<std::uint8_t>{0, 0, 64, 128, 255, 0});
}

TEST_CASE("objects have colours of their own, and background none") {
  oxbow::instance_image objects({1, 1, 4});
  objects.data = {0, 1, 2, 1};
  byte_image const shown = object_picture(objects);
  auto const same = [&](int a, int b) {
    return shown(0, a, 0) == shown(0, b, 0) && shown(0, a, 1) == shown(0, b, 1) && shown(0, a, 2) == shown(0, b, 2);
  };
  CHECK(same(1, 3));
  CHECK_FALSE(same(1, 2));
  CHECK_FALSE(same(0, 1));
  CHECK(shown(0, 0, 0) == 24);
}
