// Damages files in many ways and watches what a reader makes of them.
#pragma once
#include <fcntl.h>
#include <sys/resource.h>
#include <oxbow/core/random.hpp>

#include <algorithm>

#include "files.hpp"

namespace test {

template <class T> bool sound(oxbow::image<T> const& picture) {
  return picture.size.volume() > 0 && picture.channels > 0 &&
         picture.data.size() == static_cast<std::size_t>(picture.size.volume() * picture.channels);
}

/// Keeps what is printed to the error stream while it lives.
class silence {
 public:
  explicit silence(std::filesystem::path const& log) : kept_{::dup(2)} {
    int const file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(file, 2);
    ::close(file);
  }
  silence(silence const&) = delete;
  silence& operator=(silence const&) = delete;
  ~silence() {
    ::dup2(kept_, 2);
    ::close(kept_);
  }

 private:
  int kept_;
};

inline long peak_megabytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

/// What is wrong with what `read` does to the file: it returns whether the result is sound, or throws
/// one file_error that names the file. Anything else is a fault.
template <class Read> std::string fault_of(std::filesystem::path const& path, Read const& read) try {
  return read(path) ? "" : "an unsound result";
} catch (oxbow::file_error const& error) {
  std::string const sentence = error.what();
  bool const whole = sentence.starts_with(path.string() + ": ") && sentence.ends_with('.');
  return whole ? "" : "the sentence \"" + sentence + "\"";
} catch (std::exception const& error) {
  return std::string("another exception: ") + error.what();
}

/// Reads every fixture with this ending cut short, with flipped bytes, and with up to 8 random ones.
/// At most about a hundred places of each file are cut and flipped, spread over all of it.
template <class Read> void check_damaged(std::string const& ending, Read const& read) {
  folder const here;
  oxbow::random_stream const random{7, oxbow::purpose::noise};
  std::uint64_t drawn = 0;
  std::size_t tried = 0, refused = 0;
  std::vector<std::string> faults;
  {
    silence const quiet{here / "printed"};
    for (auto const& entry : std::filesystem::directory_iterator{fixture("")}) {
      if (entry.path().extension() != ending) continue;
      std::string const good = contents(entry.path());
      std::filesystem::path const path = here / ("damaged" + ending);
      auto const attempt = [&](std::string const& bytes, std::string const& what) {
        put(path, bytes);
        std::string const fault = fault_of(path, read);
        if (!fault.empty() && faults.size() < 20)
          faults.push_back(entry.path().filename().string() + " " + what + ": " + fault);
        ++tried;
        refused += !sentence_of([&] { (void)read(path); }).empty();
      };
      for (std::size_t i = 0; i < good.size(); i += good.size() / 100 + 1) {
        attempt(good.substr(0, i), "cut to " + std::to_string(i));
        for (int const flip : {0xFF, 1 << i % 8}) {
          std::string bad = good;
          bad[i] = static_cast<char>(bad[i] ^ flip);
          attempt(bad, "flipped at " + std::to_string(i));
        }
      }
      for (int n = 0; n < 50; ++n) {
        std::string bad = good;
        std::string what = "with";
        for (std::uint32_t count = 1 + random.below(drawn++, 8); count > 0; --count) {
          std::uint32_t const at = random.below(drawn++, static_cast<std::uint32_t>(bad.size()));
          bad[at] = static_cast<char>(random.below(drawn++, 256));
          what += " " + std::to_string(at);
        }
        attempt(bad, what);
      }
    }
  }
  for (auto const& fault : faults) FAIL_CHECK(fault);
  CHECK(tried > 100);
  CHECK(refused > tried / 4);  // at least nearly all that are cut
  CHECK(contents(here / "printed") == "");
  CHECK(peak_megabytes() < 1000);  // sanitizers keep some hundred for themselves; one believed lie would be gigabytes
}

}  // namespace test
