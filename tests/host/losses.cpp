// Networks that minimise another loss than cross-entropy, on the host against the oracle.
#include <doctest/doctest.h>

#include <oxbow/net/named.hpp>

#include "agreement.hpp"

using namespace oxbow;
using namespace oxbow::testing;

namespace mine {
struct squared_doubt {
  template <class Real> static OXBOW_DEVICE Real value(class_probabilities<Real> const& p) {
    return p.not_of(p.label) * p.not_of(p.label);
  }
  template <class Real> static OXBOW_DEVICE Real derivative(class_probabilities<Real> const& p, int k) {
    return k == p.label ? -2 * p.not_of(k) * p.of(k) : Real{0};
  }
};
}  // namespace mine

namespace {
// The head is fused with the loss in the first, and stands alone in the second.
using fused = seq<level<stage<5>, seq<max_pool<2>, stage<9>, up_conv<5>>, stage<5>>, conv<3, 1>>;
using alone = seq<conv<18>, relu, conv<19>>;
// Heads at half the size, enlarged and cropped for their loss, at full size, cropped, and beside the output's.
using headed = seq<level<stage<5>, seq<max_pool<2>, stage<9>, branch<"half", conv<3, 1>>, up_conv<5>>,
                         seq<branch<"full", conv<3, 1>>, stage<5>, branch<"last", conv<3, 1>>>>, conv<3, 1>>;
template <class Loss>
using supervised = model<headed, tile<24, 28>, supervise<"half", 0.5f>, minimise<Loss>, supervise<"full", 0.25f>,
                         supervise<"last", 2.f>>;
}  // namespace

TEST_CASE_TEMPLATE("gradients of networks agree with the oracle", Loss, smooth_cross_entropy<>, focal<>, focal<1.5f>,
                   mine::squared_doubt, blend<cross_entropy, mine::squared_doubt, 0.25f>, dice<>, tversky<>,
                   dice_and_cross_entropy, with_region<focal<>, dice<>, 0.3f>) {
  gradients_agree<model<fused, tile<24, 28>, minimise<Loss>>>();
  gradients_agree<model<alone, tile<9, 13>, channels<2>, minimise<Loss>>>();
}

TEST_CASE_TEMPLATE("gradients agree with the oracle where branches are supervised", Loss, cross_entropy,
                   dice_and_cross_entropy) {
  gradients_agree<supervised<Loss>>();
}

TEST_CASE("what supervises is no part of names and shapes, and branches are none of prediction") {
  using bare = model<fused, tile<24, 28>>;
  using plain = model<headed, tile<24, 28>>;
  using taught = supervised<cross_entropy>;
  static_assert(plain::schema == taught::schema && plain::schema != bare::schema);
  static_assert(bare::inference::peak_bytes == taught::inference::peak_bytes);
  static_assert(bare::inference::steps.steps.size() == taught::inference::steps.steps.size());
  static_assert(bare::multiply_adds == taught::multiply_adds);
  static_assert(bare::parameter_count + (9 * 3 + 3) + (10 * 3 + 3) + (5 * 3 + 3) == taught::parameter_count);
}

TEST_CASE("the loss is no part of a network's names and shapes, and cross-entropy is what is minimised otherwise") {
  using plain = model<fused, tile<24, 28>>;
  using said = model<fused, tile<24, 28>, minimise<cross_entropy>>;
  using other = model<fused, tile<24, 28>, minimise<focal<>>>;
  static_assert(plain::schema == other::schema && plain::training::peak_bytes == other::training::peak_bytes);
  static_assert(plain::training::steps.steps.size() == other::training::steps.steps.size());
  static_assert(plain::inference::steps.steps.size() == other::inference::steps.steps.size());
  network<plain, host> a{host{1}, seed{1}};
  network<said, host> b{host{1}, seed{1}};
  example<plain> e;
  double const one = a.loss_and_gradients(std::as_const(e.tile).view(), std::as_const(e.labels).view(),
                                          std::as_const(e.weights).view(), e.key, false);
  double const two = b.loss_and_gradients(std::as_const(e.tile).view(), std::as_const(e.labels).view(),
                                          std::as_const(e.weights).view(), e.key, false);
  CHECK(one == two);
  CHECK(std::equal(a.gradients().begin(), a.gradients().end(), b.gradients().begin()));
}

TEST_CASE("a region's sums are one step more, the loss another; the same bits for any number of threads") {
  using plain = model<fused, tile<24, 28>>;
  using region = model<fused, tile<24, 28>, minimise<dice_and_cross_entropy>>;
  static_assert(plain::schema == region::schema);
  static_assert(region::training::steps.steps.size() == plain::training::steps.steps.size() + 2);
  static_assert(region::inference::steps.steps.size() == plain::inference::steps.steps.size());
  network<region, host> one{host{1}, seed{1}}, three{host{3}, seed{1}};
  example<region> e;
  auto const learn = [&](auto& net) {
    return net.loss_and_gradients(std::as_const(e.tile).view(), std::as_const(e.labels).view(),
                                  std::as_const(e.weights).view(), e.key, false);
  };
  CHECK(learn(one) == learn(three));
  CHECK(std::equal(one.gradients().begin(), one.gradients().end(), three.gradients().begin()));
}

TEST_CASE("a tile without labels has no loss and no gradient, whatever is minimised") {
  network<model<fused, tile<24, 28>, minimise<dice<>>>, host> net{host{2}, seed{1}};
  example<model<fused, tile<24, 28>, minimise<dice<>>>> e;
  std::fill(e.labels.data.begin(), e.labels.data.end(), ignored);
  CHECK(net.loss_and_gradients(std::as_const(e.tile).view(), std::as_const(e.labels).view(),
                               std::as_const(e.weights).view(), e.key, false) == 0);
  for (float const g : net.gradients()) CHECK(g == 0);
}
