// What every reader and writer throws.
#pragma once
#include <filesystem>
#include <stdexcept>
#include <string>

namespace oxbow {

/// A file could not be read or written. what() is one sentence that begins with the path.
struct file_error : std::runtime_error {
  std::filesystem::path path;

  file_error(std::filesystem::path const& path, std::string const& sentence)
      : std::runtime_error(path.string() + ": " + sentence), path{path} {}
};

}  // namespace oxbow
