// The plainest way to run independent pieces of work.
#pragma once
#include <cstdint>

namespace oxbow {

/// Runs f(0) … f(count − 1) one after the other. Generic algorithms take a callable like this one;
/// a back end passes its own, which may run the pieces in any order and at the same time.
struct serial_for {
  template <class F> constexpr void operator()(std::int64_t count, F&& f) const {
    for (std::int64_t i = 0; i < count; ++i) f(i);
  }
};

}  // namespace oxbow
