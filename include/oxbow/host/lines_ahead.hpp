// What will be read soon, asked for meanwhile.
#pragma once
#include <cstddef>

#include <oxbow/core/layout.hpp>

namespace oxbow::on_host {

/// Lines of a cache side by side in memory.
struct run_of_lines {
  float const* first = nullptr;
  int count = 0;
};

/// Lines of a cache that will be read, asked for in the order in which they lie in memory: so the hardware sees them
/// coming as well. In the order of tiles, six short runs at a time, a core has too few requests under way: transforms
/// then wait for memory more than half of their time.
class lines_ahead {
 public:
  lines_ahead() = default;
  lines_ahead(float const* first, std::ptrdiff_t row, int rows, int per_row)
      : at_{first}, row_{row}, left_{rows * per_row}, per_row_{per_row} {}

  int left() const { return left_; }
  [[gnu::always_inline]] void ask(int lines) {
    for (lines = lines < left_ ? lines : left_, left_ -= lines; lines > 0; --lines) {
      __builtin_prefetch(at_ + column_ * layout::block);
      if (++column_ == per_row_) column_ = 0, at_ += row_;
    }
  }
  /// The next ones that lie side by side, for others to ask for.
  run_of_lines take(int most) {
    int const in_row = per_row_ - column_, n = most < in_row ? most : in_row;
    run_of_lines const r{at_ + column_ * layout::block, n < left_ ? n : left_};
    left_ -= r.count, column_ += r.count;
    if (column_ == per_row_) column_ = 0, at_ += row_;
    return r;
  }

 private:
  float const* at_ = nullptr;
  std::ptrdiff_t row_ = 0;
  int left_ = 0, per_row_ = 0, column_ = 0;
};

}  // namespace oxbow::on_host
