// What every reader and writer throws.
#pragma once
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

namespace oxbow {

/// A file could not be read or written. what() is one sentence that begins with the path.
struct file_error : std::runtime_error {
  std::filesystem::path path;

  file_error(std::filesystem::path const& path, std::string sentence)
      : std::runtime_error(path.string() + ": " + printable(std::move(sentence))), path{path} {}

 private:
  /// Sentences quote what files hold, and a damaged file holds anything.
  static std::string printable(std::string text) {
    for (char& c : text)
      if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
    return text;
  }
};

}  // namespace oxbow
