// expect: name: at most 15 characters
// rule: Size ?= ?17|17 <= 16
// first: name.*17|17.*name
#include <oxbow/core/name.hpp>
constexpr oxbow::name joined{"sixteen_letters_"};
int main() { return joined.size(); }
