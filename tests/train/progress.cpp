// The loss log and the progress display.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include <oxbow/train/csv_log.hpp>
#include <oxbow/train/progress.hpp>

using namespace oxbow;

namespace {

/// A fresh folder that is removed at the end.
struct folder {
  std::filesystem::path path;
  folder() {
    std::string text = (std::filesystem::temp_directory_path() / "oxbow-progress-XXXXXX").string();
    if (!mkdtemp(text.data())) throw std::runtime_error("no temporary folder");
    path = text;
  }
  ~folder() { std::filesystem::remove_all(path); }
};

std::string text_of(std::filesystem::path const& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

step_report report(std::int64_t step, double loss, double seconds, std::int64_t steps = 40) {
  return {.step = step, .steps = steps, .loss = loss, .average_loss = loss, .rate = 0.5, .seconds = seconds};
}

}  // namespace

TEST_CASE("the log has a line per step") {
  folder const f;
  {
    detail::csv_writer log(f.path / "loss.csv", 0);
    log.write(report(0, 1. / 3, 0.25));
    CHECK(text_of(f.path / "loss.csv") == "step,loss,rate,seconds\n0,0.333333333,0.5,0.250\n");  // flushed at once
    log.write(report(1, 2, 1));
  }
  CHECK(text_of(f.path / "loss.csv") == "step,loss,rate,seconds\n0,0.333333333,0.5,0.250\n1,2,0.5,1.000\n");
}

TEST_CASE("a resumed log drops the steps to be done again and torn lines, and counts seconds on") {
  folder const f;
  auto const path = f.path / "loss.csv";
  std::ofstream(path) << "step,loss,rate,seconds\n0,1,1,1.5\n1,0.9,1,3\n2,0.8,1,4\n3,0.7,1,5\ngarbage\n1,0.4";
  {
    detail::csv_writer log(path, 2);
    log.write(report(2, 0.75, 1));
  }
  CHECK(text_of(path) == "step,loss,rate,seconds\n0,1,1,1.5\n1,0.9,1,3\n2,0.75,0.5,4.000\n");
  { detail::csv_writer log(path, 0); }  // a new run begins a new log
  CHECK(text_of(path) == "step,loss,rate,seconds\n");
  { detail::csv_writer log(f.path / "absent.csv", 7); }
  CHECK(text_of(f.path / "absent.csv") == "step,loss,rate,seconds\n");
  CHECK(std::distance(std::filesystem::directory_iterator(f.path), {}) == 2);  // nothing else is left behind
}

TEST_CASE("a log that cannot be written is named") {
  folder const f;
  std::string text;
  try {
    detail::csv_writer log(f.path / "no-such-folder" / "loss.csv", 0);
  } catch (std::runtime_error const& e) {
    text = e.what();
  }
  CAPTURE(text);
  CHECK(text.find("no-such-folder") != std::string::npos);
  CHECK(text.find("No such file") != std::string::npos);
}

TEST_CASE("off a terminal progress is a plain line every so many percent") {
  folder const f;
  auto const path = f.path / "out.txt";
  std::FILE* const out = std::fopen(path.c_str(), "wb");
  REQUIRE(out);
  {
    detail::progress_display display({.out = out, .percent = 25}, 0);
    for (int i = 0; i < 40; ++i) display.show(report(i, 1. / (i + 1), 0.5 * (i + 1)));
  }
  std::fclose(out);
  CHECK(text_of(path) ==
        "step 10/40 (25 %): loss 0.1, 2 steps/s, 15 s left\n"
        "step 20/40 (50 %): loss 0.05, 2 steps/s, 10 s left\n"
        "step 30/40 (75 %): loss 0.03333, 2 steps/s, 5 s left\n"
        "step 40/40 (100 %): loss 0.025, 2 steps/s, 0 s left\n");
}

TEST_CASE("on a terminal the bar is redrawn in place, at most ten times a second, and left standing") {
  int const screen = posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(screen >= 0);
  REQUIRE(grantpt(screen) == 0);
  REQUIRE(unlockpt(screen) == 0);
  std::FILE* const out = std::fopen(ptsname(screen), "wb");
  REQUIRE(out);
  {
    detail::progress_display display({.out = out}, 0);
    for (int i = 0; i < 40; ++i) display.show(report(i, 0.5, 0.01 * (i + 1)));
  }
  // Before closing, which may discard it; a terminal hands its text over in parts.
  std::string shown;
  for (pollfd ready{screen, POLLIN, 0}; !shown.ends_with('\n') && poll(&ready, 1, 2000) == 1;) {
    char text[2048];
    auto const size = read(screen, text, sizeof text);
    if (size <= 0) break;
    shown.append(text, static_cast<std::size_t>(size));
  }
  std::fclose(out);
  close(screen);
  // Drawn at .01 s and about .1 s after each drawing until .40 s, where it ends.
  int draws = 0;
  for (char c : shown) draws += c == '[';
  CHECK(shown.find("\r[....................] 1/40  loss 0.5, 100 steps/s, 0 s left\x1b[K") == 0);
  // The terminal turns the last newline into \r\n.
  CHECK(shown.ends_with("\r[####################] 40/40  loss 0.5, 100 steps/s, 0 s left\x1b[K\r\n"));
  CHECK(draws / 2 >= 4);  // each drawing has two brackets, the bar's and the escape's
  CHECK(draws / 2 <= 6);
}

TEST_CASE("a resumed run is paced by its own steps, and says at its end where it ended") {
  folder const f;
  auto const path = f.path / "out.txt";
  std::FILE* const out = std::fopen(path.c_str(), "wb");
  {
    detail::progress_display display({.out = out, .percent = 0}, 30);  // 0: the last line alone
    for (int i = 30; i < 40; ++i) display.show(report(i, 1, i - 29));
  }
  std::fclose(out);
  CHECK(text_of(path) == "step 40/40 (100 %): loss 1, 1 steps/s, 0 s left\n");
}

TEST_CASE("durations read like a clock") {
  CHECK(detail::duration_text(0) == "0 s");
  CHECK(detail::duration_text(59.4) == "59 s");
  CHECK(detail::duration_text(59.6) == "1:00");
  CHECK(detail::duration_text(754) == "12:34");
  CHECK(detail::duration_text(3723) == "1:02:03");
}
