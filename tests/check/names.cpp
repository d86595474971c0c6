// Every parameter has a name of its own, and a place that its author recognises.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <oxbow/check/trace.hpp>
#include <oxbow/lower/names.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

namespace {

template <class Net> std::vector<std::string> names(extent size, int first_axis = 1) {
  tracer const t = infer<Net>(size, first_axis, 1);
  REQUIRE(t.first.broken == rule::none);
  std::vector<std::string> all;
  for (auto const& p : t.net.parameters) all.push_back(parameter_name(t.net, p));
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == all.size());
  return all;
}
bool has(std::vector<std::string> const& all, std::string const& name) {
  return std::find(all.begin(), all.end(), name) != all.end();
}

template <class Inner> using padded_level =
    level<conv<2, 3, pad::zero>, seq<max_pool<2>, Inner, up_conv<2>>, conv<2, 3, pad::zero>>;
template <int F> using two = seq<conv<F, 3, pad::zero>, relu, conv<F, 3, pad::zero>>;

}  // namespace

TEST_CASE("the paper's network") {
  auto const all = names<unet_2015>({1, 572, 572});
  CHECK(all.size() == 2 * 23);
  CHECK(has(all, "level1.encode.conv1.weight"));
  CHECK(has(all, "level4.inner.conv2.bias"));
  CHECK(has(all, "level3.inner.up_conv1.weight"));
  CHECK(has(all, "level1.decode.conv2.weight"));
  CHECK(has(all, "conv1.bias"));
}
TEST_CASE("the other named networks") {
  names<unet_2015_release>({1, 572, 572});
  names<unet_small>({1, 64, 64});
  CHECK(has(names<residual_unet>({1, 64, 64}), "level2.encode.residual1.project.conv1.weight"));
  CHECK(has(names<unet_plus_plus>({1, 64, 64}), "graph1.x01.conv2.bias"));
  names<unet<5, 1>>({1, 380, 380});
}
TEST_CASE("levels beside one another: a W") {
  auto const all =
      names<seq<padded_level<conv<2, 3, pad::zero>>, padded_level<conv<2, 3, pad::zero>>, conv<2, 1>>>({1, 16, 16});
  CHECK(has(all, "level1.encode.conv1.weight"));
  CHECK(has(all, "seq2.level1.encode.conv1.weight"));
}
TEST_CASE("levels beside one another below a level, and each with levels inside") {
  using pair = seq<padded_level<two<3>>, relu, padded_level<padded_level<two<2>>>>;
  names<padded_level<pair>>({1, 32, 32});
  names<seq<padded_level<pair>, padded_level<pair>>>({1, 32, 32});
  names<level<padded_level<two<2>>, seq<max_pool<2>, two<2>, up_conv<2>>, padded_level<two<2>>>>({1, 16, 16});
}
TEST_CASE("graphs beside one another and residuals within residuals") {
  using small = graph<node<"a", conv<2, 3, pad::zero>, "input">, node<"b", two<2>, "a">>;
  auto const all =
      names<seq<small, small, residual<residual<two<2>, conv<2, 1>>, conv<2, 1>>, residual<two<2>>>>({1, 8, 8});
  CHECK(has(all, "graph2.b.conv2.weight"));
  CHECK(has(all, "residual1.body.residual1.project.conv1.weight"));
}
TEST_CASE("every norm") {
  auto const all = names<seq<conv<4>, batch_norm, batch_norm, group_norm<2>, instance_norm, batch_norm>>({1, 8, 8});
  CHECK(has(all, "batch_norm3.running_var"));
  CHECK(has(all, "group_norm1.bias"));
}
