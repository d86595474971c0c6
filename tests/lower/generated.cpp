// Fused equals unfused, over generated networks.
#include <doctest/doctest.h>

#include <utility>

#include "law.hpp"
#include "networks.hpp"
using namespace oxbow;
using namespace oxbow::testing;

namespace {

template <int N> void one() {
  CAPTURE(N);
  int const size = 8 << recipe<N>::levels >> 1;
  check_laws<generated<N>>({1, size, size + (1 << recipe<N>::levels)}, 1, 1 + N % 3);
}
template <int... N> void all(std::integer_sequence<int, N...>) { (one<N>(), ...); }

}  // namespace

TEST_CASE("fused equals unfused for 24 generated networks") { all(std::make_integer_sequence<int, 24>{}); }
