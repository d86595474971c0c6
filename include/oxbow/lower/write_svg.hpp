// A picture as a file, by Graphviz' program `dot`.
#pragma once
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <oxbow/lower/draw.hpp>

namespace oxbow {
namespace detail {

/// A file of its own for the text of a picture; gone when this is.
class temporary_text {
 public:
  explicit temporary_text(std::string const& text)
      : name_{(std::filesystem::temp_directory_path() / "oxbow-picture-XXXXXX").string()} {
    int const file = mkstemp(name_.data());
    if (file < 0) fail();
    std::size_t done = 0;
    while (done < text.size()) {
      ssize_t const n = ::write(file, text.data() + done, text.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        ::close(file);
        ::unlink(name_.c_str());
        fail();
      }
      done += static_cast<std::size_t>(n);
    }
    ::close(file);
  }
  temporary_text(temporary_text const&) = delete;
  temporary_text& operator=(temporary_text const&) = delete;
  ~temporary_text() { ::unlink(name_.c_str()); }
  std::string& name() { return name_; }

 private:
  std::string name_;
  [[noreturn]] void fail() const {
    throw std::runtime_error("write_svg: cannot write the temporary file " + name_ + ": " + std::strerror(errno) + ".");
  }
};

}  // namespace detail

/// Renders Graphviz text to an SVG file. No shell is involved: any path is only a path.
///
/// errors  std::runtime_error where `dot` is not installed, or could not write the file
inline void write_svg(std::string const& dot_text, std::filesystem::path const& path) {
  detail::temporary_text source{dot_text};
  std::string program = "dot", format = "-Tsvg", to = "-o" + path.string();
  char* const arguments[] = {program.data(), format.data(), to.data(), source.name().data(), nullptr};
  pid_t child = 0;
  int const error = ::posix_spawnp(&child, "dot", nullptr, nullptr, arguments, environ);
  int status = 0;
  if (error == 0)
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  int const code = error != 0 ? 127 : WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == 127)
    throw std::runtime_error("write_svg: cannot draw " + path.string() +
                             ": the program dot is not installed. Install Graphviz (apt-get install graphviz).");
  if (code != 0)
    throw std::runtime_error("write_svg: dot could not draw " + path.string() + " (exit code " + std::to_string(code) +
                             "). Is the folder there, and may it be written?");
}

/// The picture of a model.
template <class Model> void write_svg(std::filesystem::path const& path) { write_svg(draw<Model>(), path); }

}  // namespace oxbow
