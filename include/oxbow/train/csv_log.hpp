// The loss of every step in a file that a spreadsheet reads.
#pragma once
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include <oxbow/train/report.hpp>

namespace oxbow {

/// Where to log: .log = csv_log{"loss.csv"}.
struct csv_log {
  std::filesystem::path path;
};

namespace detail {

/// An open log: columns step, loss, rate, seconds. A resumed run drops the lines of steps that it
/// does again and counts its seconds on from the last line kept.
class csv_writer {
 public:
  static constexpr char const* header = "step,loss,rate,seconds\n";

  /// Throws std::runtime_error naming the file. The old file stays whole until the new one is written.
  csv_writer(std::filesystem::path path, std::int64_t first_step) : path_{std::move(path)} {
    std::string kept = header;
    if (first_step > 0) kept += lines_before(first_step);
    auto fresh = path_;
    fresh += ".new";
    {
      file out = open(fresh, "wb");
      if (std::fwrite(kept.data(), 1, kept.size(), out.get()) != kept.size() || std::fflush(out.get()) != 0)
        fail("cannot be written");
    }
    std::error_code failure;
    std::filesystem::rename(fresh, path_, failure);
    if (failure) fail("cannot be replaced: " + failure.message());
    out_ = open(path_, "ab");
  }

  void write(step_report const& r) {
    // Nine digits give a float back exactly; the point is one whatever the locale.
    char line[160];
    char* end = std::to_chars(line, line + sizeof line, r.step).ptr;
    for (double const value : {r.loss, r.rate}) {
      *end++ = ',';
      end = std::to_chars(end, line + sizeof line, value, std::chars_format::general, 9).ptr;
    }
    *end++ = ',';
    end = std::to_chars(end, line + sizeof line - 1, earlier_ + r.seconds, std::chars_format::fixed, 3).ptr;
    *end++ = '\n';
    auto const length = static_cast<std::size_t>(end - line);
    // Flushed at once, so that a killed run has its lines.
    if (std::fwrite(line, 1, length, out_.get()) != length || std::fflush(out_.get()) != 0) fail("cannot be written");
  }

 private:
  struct closer {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  using file = std::unique_ptr<std::FILE, closer>;

  file open(std::filesystem::path const& path, char const* mode) const {
    file f{std::fopen(path.c_str(), mode)};
    if (!f) fail(std::string("cannot be opened: ") + std::strerror(errno));
    return f;
  }

  [[noreturn]] void fail(std::string const& what) const {
    throw std::runtime_error("train: the log " + path_.string() + " " + what + ". Choose another place for .log.");
  }

  struct parsed {
    bool whole = false;
    std::int64_t step = 0;
    double seconds = 0;
  };
  /// step,loss,rate,seconds and the end of the line.
  static parsed parse(std::string const& line) {
    parsed p;
    double loss = 0, rate = 0;
    char const* at = line.data();
    char const* const end = at + line.size();
    auto const reads = [&](auto& into, char behind) {
      auto const [next, failure] = std::from_chars(at, end, into);
      at = next;
      return failure == std::errc{} && at != end && *at++ == behind;
    };
    p.whole = reads(p.step, ',') && reads(loss, ',') && reads(rate, ',') && reads(p.seconds, '\n');
    return p;
  }

  /// Whole lines that begin with a step below `first_step`; a line torn by a kill is dropped.
  std::string lines_before(std::int64_t first_step) {
    if (!std::filesystem::exists(path_)) return {};
    file in = open(path_, "rb");
    std::string kept, line;
    for (int c; (c = std::fgetc(in.get())) != EOF;) {
      line += static_cast<char>(c);
      if (c != '\n') continue;
      if (auto const [whole, step, seconds] = parse(line); whole && step >= 0 && step < first_step) {
        kept += line;
        earlier_ = seconds;
      }
      line.clear();
    }
    return kept;
  }

  std::filesystem::path path_;
  double earlier_ = 0;  ///< seconds of the runs before
  file out_;
};

}  // namespace detail

}  // namespace oxbow
