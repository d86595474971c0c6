// What the tests of io share: fixtures, a folder of their own, and the sentence of an error.
#pragma once
#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>

#include <oxbow/core/image.hpp>
#include <oxbow/io/error.hpp>

namespace test {

inline std::filesystem::path fixture(std::string const& name) {
  return std::filesystem::path{__FILE__}.parent_path() / "data" / name;
}

/// A fresh folder that goes away with its owner.
struct folder {
  std::filesystem::path path;

  folder() {
    static std::atomic<int> made{0};
    path = std::filesystem::temp_directory_path() /
           ("oxbow-io-" + std::to_string(::getpid()) + "-" + std::to_string(made++));
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  folder(folder const&) = delete;
  folder& operator=(folder const&) = delete;
  ~folder() {
    std::error_code failure;
    std::filesystem::remove_all(path, failure);
  }
  std::filesystem::path operator/(std::string const& name) const { return path / name; }
};

inline std::string contents(std::filesystem::path const& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

inline void put(std::filesystem::path const& path, std::string const& bytes) {
  std::ofstream{path, std::ios::binary}.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::size_t files_in(std::filesystem::path const& path) {
  std::filesystem::directory_iterator const begin{path};
  return static_cast<std::size_t>(std::distance(begin, std::filesystem::directory_iterator{}));
}

/// The number that make_fixtures.py put at a pixel, before it cut it to the file's type.
inline std::int64_t pattern(int y, int x, int c = 0, int page = 0) {
  return page * 1000 + y * 211 + x * 37 + c * 101 + 12345;
}

/// Checks the size of an image, and every value against f(pattern).
template <class T, class F>
void check_pattern(oxbow::image<T> const& image, int height, int width, int channels, F const& f, int page = 0) {
  REQUIRE(image.size == oxbow::extent{1, height, width});
  REQUIRE(image.channels == channels);
  REQUIRE(image.data.size() == static_cast<std::size_t>(height * width * channels));
  int wrong = 0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c) wrong += image(y, x, c) != static_cast<T>(f(pattern(y, x, c, page)));
  CHECK(wrong == 0);
}

/// The sentence of the file_error that f throws; empty where it throws none. Any other exception fails the test.
template <class F> std::string sentence_of(F const& f) {
  try {
    f();
  } catch (oxbow::file_error const& error) {
    return error.what();
  }
  return {};
}

inline bool contains(std::string const& text, std::string const& part) { return text.find(part) != text.npos; }

}  // namespace test

/// The expression throws a file_error whose sentence contains every given part.
#define CHECK_SENTENCE(expression, ...)                                          \
  do {                                                                           \
    std::string const sentence = test::sentence_of([&] { (void)(expression); }); \
    INFO("the sentence: ", sentence);                                            \
    CHECK_FALSE(sentence.empty());                                               \
    for (auto const& part : std::initializer_list<std::string>{__VA_ARGS__}) {   \
      INFO("looking for: ", part);                                               \
      CHECK(test::contains(sentence, part));                                     \
    }                                                                            \
  } while (false)
