// What a chip can do per second: the numbers that tiles are chosen by.
#pragma once

namespace oxbow::on_cuda {

struct chip {
  int multiprocessors;
  double clock;          ///< Hz
  double l2;             ///< bytes per second between L2 and the multiprocessors
  double memory;         ///< bytes per second
  double mma_per_cycle;  ///< m16n8k16 products of 16-bit numbers, per multiprocessor
  int shared;            ///< bytes per multiprocessor; each block takes 1024 more than it asks for
  int registers = 65536; ///< per multiprocessor
  bool measured = false; ///< costs were fitted to times on it; else bounds from counts weigh more than the fit
};

/// Architectures are tags that inherit: what has no entry of its own is taken from its parent.
struct sm80 {
  static constexpr chip limits{108, 1.41e9, 5.0e12, 2.04e12, 0.5, 164 * 1024};  // A100
};
struct sm90 : sm80 {  // H100, mma.sync alone; times are an H200's
  static constexpr chip limits{132, 1.755e9, 7.0e12, 3.35e12, 0.653, 228 * 1024, 65536, true};
};
struct sm100 : sm90 {};

namespace tune {
constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }
}  // namespace tune

}  // namespace oxbow::on_cuda
