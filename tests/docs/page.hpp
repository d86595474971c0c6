// What the programs beside it ask of the pages in docs/: that a sentence is there, word for word.
#pragma once
#include <doctest/doctest.h>

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace oxbow::testing {

/// A page of docs/ as one line, each run of white space as one space.
class page {
 public:
  explicit page(char const* name) {
    std::ifstream in{std::filesystem::path{__FILE__}.parent_path().parent_path().parent_path() / "docs" / name};
    text_ = squeezed({std::istreambuf_iterator<char>{in}, {}});
  }
  bool says(std::string const& sentence) const {
    return !sentence.empty() && text_.find(squeezed(sentence)) != std::string::npos;
  }

 private:
  static std::string squeezed(std::string const& text) {
    std::istringstream in{text};
    std::string all, word;
    while (in >> word) all += (all.empty() ? "" : " ") + word;
    return all;
  }
  std::string text_;
};

/// What() of what the call throws; empty where it throws nothing.
template <class Call> std::string sentence_of(Call&& call) {
  try {
    call();
  } catch (std::exception const& e) {
    return e.what();
  }
  return {};
}

/// An empty folder that is the current one for as long as this lives, so that files are called by their names alone.
class fresh_folder {
 public:
  fresh_folder() : before_{std::filesystem::current_path()} {
    std::string name = (std::filesystem::temp_directory_path() / "oxbow-errors-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) FAIL("no temporary folder");
    std::filesystem::current_path(folder_ = name);
  }
  ~fresh_folder() {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(folder_);
  }
  fresh_folder(fresh_folder const&) = delete;
  fresh_folder& operator=(fresh_folder const&) = delete;

 private:
  std::filesystem::path before_, folder_;
};

inline void write_text(char const* name, std::string const& text) { std::ofstream{name, std::ios::binary} << text; }

}  // namespace oxbow::testing

/// Provokes a sentence and looks for it on the page `errors`.
#define CHECK_SAID(...)                                                   \
  do {                                                                    \
    auto const said = oxbow::testing::sentence_of([&] { __VA_ARGS__; });  \
    INFO("said: ", said);                                                 \
    CHECK(oxbow::testing::page{"errors.md"}.says(said));                  \
  } while (false)
