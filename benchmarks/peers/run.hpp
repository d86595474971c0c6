// What the benchmark programs of this folder share: their options, how they measure, and the line that they print.
#pragma once
#include <sched.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace peers {

/// --task infer|train --runs N --threads N --folder FOLDER --logits FILE --network NAME --tile N --keep-weights 0|1.
/// folder: tile.bin, labels.bin and weights.bin, as peers.py prepares them. logits: where the last inference's are
/// written. keep-weights: Oxbow's option of that name.
struct options {
  std::string task = "infer", folder, logits, network;
  int runs = 3, threads = 0, tile = 0;
  bool keep_weights = true;

  options(int count, char** words) {
    for (int i = 1; i < count; i += 2) {
      std::string_view const name = words[i];
      if (i + 1 == count) throw std::invalid_argument(std::string{name} + " lacks its value");
      std::string const value = words[i + 1];
      if (name == "--task") task = value;
      else if (name == "--folder") folder = value;
      else if (name == "--logits") logits = value;
      else if (name == "--network") network = value;
      else if (name == "--runs") runs = std::stoi(value);
      else if (name == "--threads") threads = std::stoi(value);
      else if (name == "--tile") tile = std::stoi(value);
      else if (name == "--keep-weights") keep_weights = std::stoi(value) != 0;
      else throw std::invalid_argument(std::string{name} + " is not an option of this program");
    }
    if (threads <= 0) {
      cpu_set_t cpus;
      threads = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    }
  }
};

/// The whole of a file, which must hold exactly `count` elements.
template <class T> std::vector<T> read(std::string const& path, std::size_t count) {
  std::ifstream file{path, std::ios::binary | std::ios::ate};
  if (!file) throw std::runtime_error("cannot open " + path + ". Run peers.py, which prepares it.");
  auto const bytes = static_cast<std::size_t>(file.tellg());
  if (bytes != count * sizeof(T))
    throw std::runtime_error(path + " has " + std::to_string(bytes) + " bytes, expected " +
                             std::to_string(count * sizeof(T)) + ". Delete its folder and run peers.py again.");
  std::vector<T> data(count);
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(bytes)))
    throw std::runtime_error("cannot read " + path);
  return data;
}

template <class T> void write(std::string const& path, std::span<T const> data) {
  std::ofstream file{path, std::ios::binary};
  file.write(reinterpret_cast<char const*>(data.data()), static_cast<std::streamsize>(data.size_bytes()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

/// Seconds of the clock that Python's time.monotonic() reads, too.
inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Calls f once, which makes the first result, and then `runs` times; prints when the first result was there, how long
/// each of the others took, and what the first returned, the loss of a training step.
template <class F> void measure(int runs, std::string const& version, F&& f) {
  double const loss = f();
  std::printf("{\"first\": %.6f, \"loss\": %.9g, \"version\": \"%s\", \"seconds\": [", now(), loss, version.c_str());
  for (int i = 0; i < runs; ++i) {
    double const begin = now();
    f();
    std::printf("%s%.6f", i ? ", " : "", now() - begin);
  }
  std::puts("]}");
}

/// Runs the program's body; what it throws becomes a line on stderr and the exit status 1.
template <class F> int guarded(F&& body) {
  try {
    body();
    return 0;
  } catch (std::exception const& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}

}  // namespace peers
