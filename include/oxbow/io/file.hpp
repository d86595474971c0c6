// Whole files in, and whole files out: a file under its final name is always complete.
#pragma once
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/io/error.hpp>

namespace oxbow {

/// How a file is read. Every reader takes these.
struct read_options {
  /// Integers are divided by the greatest value of their type (8-bit: 255), so that they lie in 0 … 1.
  /// Otherwise the stored numbers are kept. For floating-point results only.
  bool scaled = false;
  /// A palette image gives its palette numbers (one channel) and not its colours.
  bool palette_numbers = false;
  /// The most bytes that a file may claim to hold once decoded; checked before they are allocated.
  std::uint64_t most_bytes = std::uint64_t{1} << 31;
};

namespace detail {

inline std::string system_text(int code) { return std::strerror(code); }

/// Owns a file descriptor.
class descriptor {
 public:
  explicit descriptor(int fd = -1) : fd_{fd} {}
  descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// A regular file opened for reading, with its length.
struct open_file {
  descriptor fd;
  std::uint64_t bytes = 0;
};

inline open_file open_to_read(std::filesystem::path const& path) {
  // O_NONBLOCK: opening a named pipe must not wait for its writer; a regular file does not mind.
  descriptor fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (fd.get() < 0) throw file_error(path, "cannot be opened: " + system_text(errno) + ".");
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) throw file_error(path, "cannot be examined: " + system_text(errno) + ".");
  if (!S_ISREG(facts.st_mode)) throw file_error(path, "is not a regular file. Name a file.");
  return {std::move(fd), static_cast<std::uint64_t>(facts.st_size)};
}

/// Fills `into` from the file's current position; an end before that is an error.
inline void read_exactly(open_file const& file, std::span<std::byte> into, std::filesystem::path const& path) {
  while (!into.empty()) {
    ssize_t const n = ::read(file.fd.get(), into.data(), into.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw file_error(path, "cannot be read: " + system_text(errno) + ".");
    if (n == 0) throw file_error(path, "became shorter while it was read.");
    into = into.subspan(static_cast<std::size_t>(n));
  }
}

/// The file's bytes. A file longer than `most_bytes` is an error.
inline std::vector<std::byte> read_file(std::filesystem::path const& path, std::uint64_t most_bytes) {
  open_file const file = open_to_read(path);
  if (file.bytes > most_bytes)
    throw file_error(path, "has " + std::to_string(file.bytes) + " bytes, more than the limit of " +
                               std::to_string(most_bytes) + ". Raise most_bytes if it is meant.");
  std::vector<std::byte> bytes(static_cast<std::size_t>(file.bytes));
  read_exactly(file, bytes, path);
  return bytes;
}

/// Makes the names in a folder durable, so that a rename outlives a power cut. Some file systems
/// cannot; their EINVAL is no failure of ours.
inline void sync_folder(std::filesystem::path const& folder) {
  descriptor const fd{::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (fd.get() < 0 || (::fsync(fd.get()) != 0 && errno != EINVAL))
    throw file_error(folder, "the folder cannot be synced: " + system_text(errno) + ".");
}

}  // namespace detail

/// Ends the name of a file that is still being written.
inline constexpr char const* partial_suffix = ".partial";

/// A file in the making. Bytes go to a temporary in the same folder; commit() syncs it and gives it
/// its name, in one step as seen by others. Without commit() nothing is left behind, except by a
/// process killed midway, whose temporary keeps the partial suffix.
class file_writer {
 public:
  explicit file_writer(std::filesystem::path path) : path_{std::move(path)} {
    static std::atomic<unsigned> made{0};
    for (int tries = 0; tries < 100; ++tries) {
      temporary_ = path_;
      temporary_ += "." + std::to_string(::getpid()) + "-" + std::to_string(made++) + partial_suffix;
      fd_ = detail::descriptor{::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
      if (fd_.get() >= 0) return;
      if (errno != EEXIST) break;
    }
    throw file_error(path_, "cannot be written: " + detail::system_text(errno) + ".");
  }
  file_writer(file_writer const&) = delete;
  file_writer& operator=(file_writer const&) = delete;
  ~file_writer() {
    if (!committed_) ::unlink(temporary_.c_str());
  }

  void write(std::span<std::byte const> bytes) {
    while (!bytes.empty()) {
      ssize_t const n = ::write(fd_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot be written");
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }

  /// For libraries that write by themselves; still owned here.
  int descriptor() const { return fd_.get(); }

  void commit() {
    if (::fsync(fd_.get()) != 0) fail("cannot be synced");
    if (::close(fd_.release()) != 0) fail("cannot be closed");
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot be given its name");
    committed_ = true;
    detail::sync_folder(path_.parent_path());
  }

 private:
  [[noreturn]] void fail(char const* what) const {
    throw file_error(path_, std::string(what) + ": " + detail::system_text(errno) + ".");
  }

  std::filesystem::path path_, temporary_;
  detail::descriptor fd_;
  bool committed_ = false;
};

}  // namespace oxbow
