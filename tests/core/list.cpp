// A list keeps what fits and says so when something did not.
#include <doctest/doctest.h>

#include <oxbow/core/list.hpp>
using namespace oxbow;

namespace {

constexpr list<int, 3> filled(int count) {
  list<int, 3> l;
  for (int i = 0; i < count; ++i) l.push(10 + i);
  return l;
}
static_assert(filled(0).empty() && !filled(0).full);
static_assert(filled(3).size() == 3 && !filled(3).full, "exactly full is no mishap");
static_assert(filled(4).size() == 3 && filled(4).full);
static_assert(filled(4).back() == 12, "what does not fit changes nothing");

}  // namespace

TEST_CASE("push returns the item's position, and the last one where there is no room") {
  list<int, 2> l;
  CHECK(l.push(5) == 0);
  CHECK(l.push(6) == 1);
  CHECK(l.push(7) == 1);
  CHECK(l.full);
  CHECK(l[1] == 6);
}

TEST_CASE("resize fills new items, forgets old ones and stops at the capacity") {
  list<int, 3> l;
  l.resize(2, 9);
  CHECK(l.size() == 2);
  CHECK(l[1] == 9);
  l.resize(1);
  CHECK(l.size() == 1);
  l.resize(2, 4);
  CHECK(l[1] == 4);
  CHECK_FALSE(l.full);
  l.resize(5, 8);
  CHECK(l.size() == 3);
  CHECK(l.full);
}

TEST_CASE("a range loop visits the items and not the room behind them") {
  list<int, 3> l = filled(2);
  int sum = 0;
  for (int& item : l) sum += item++;
  CHECK(sum == 21);
  CHECK(l[0] == 11);
  CHECK(l[1] == 12);
}
