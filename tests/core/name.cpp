// Names are template arguments of one type, compared by their letters.
#include <doctest/doctest.h>

#include <oxbow/core/name.hpp>
#include <oxbow/core/real.hpp>
using namespace oxbow;

namespace {

template <name Name> struct named {
  static constexpr int size = Name.size();
};
static_assert(named<"">::size == 0);
static_assert(named<"x01">::size == 3);
static_assert(named<"fifteen_letters">::size == 15);
static_assert(name{"a"} == name{"a"} && name{"a"} != name{"b"} && name{"a"} != name{"aa"});

template <real Rate> constexpr float rate = Rate;
static_assert(rate<0.5f> == 0.5f);
static_assert(rate<-0.1f> == -0.1f);

}  // namespace

TEST_CASE("a name of the full length has its end and nothing behind it") {
  name const n{"fifteen_letters"};
  CHECK(n.text[14] == 's');
  CHECK(n.text[15] == '\0');
  CHECK(n.size() == 15);
}
