// The loss on patches against ops/.
#include <oxbow/host/loss.hpp>

#include <oxbow/lower/network.hpp>
#include <oxbow/ops/loss.hpp>

#include "patches.hpp"

using namespace oxbow;
using namespace oxbow::testing;

namespace {

struct question {
  floats logits, weights;
  std::vector<std::uint8_t> labels;
  double furthest = 0;  ///< of a logit from the largest of its pixel
  int classes;

  explicit question(chance& any) {
    extent const size = any.size();
    classes = any.pick({1, 2, 2, 3, 5, 15, 16, 17, 33, 250});
    float const scale = any.pick({1.f, 5.f, 40.f});
    logits = any.tensor(size, classes, -scale, scale);
    weights = any.tensor(size, 1, 0, 3);
    furthest = 2 * static_cast<double>(scale);
    for (std::int64_t i = 0; i < size.volume(); ++i)
      labels.push_back(any.below(5) == 0 ? ignored : static_cast<std::uint8_t>(any.below(classes)));
    if (any.below(10) == 0) std::fill(labels.begin(), labels.end(), ignored);
  }
};

}  // namespace

TEST_CASE("softmax, loss and gradient of a part of an image are those of ops") {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    chance any{seed};
    question const q{any};
    extent const size = q.logits.size;
    auto const right = ops::softmax_cross_entropy(exact(q.logits), q.labels, exact(q.weights));
    small_arena arena;
    operand const labels = arena.put(size, q.labels), weights = arena.put(q.weights);
    std::int64_t const n = count_labels({q.labels.data(), size, 1}, q.classes);
    CHECK(n == static_cast<std::int64_t>(q.labels.size()) - std::count(q.labels.begin(), q.labels.end(), ignored));

    box where = any.part(size);
    for (int a = 0; a < 3; ++a) where.size[a] += any.below(2);  // beyond the tensor labels are ignored
    owned_patch x{where, q.classes, any.below(2) == 0}, loss{where, 1, any.below(2) == 0};
    on_host::softmax_loss(x.show(q.logits).p, labels, weights, arena.bytes(), 1.f / static_cast<float>(n), loss.p);
    INFO(seed, ": ", describe(size, where, q.classes));
    // An exponent errs by u of itself, and exp by 3 u: each term of a sum by (furthest + 3) u of itself. The sum adds a
    // rounding per class; 1 + sum, 1 / n, weight / n, the division and the product one each. All terms have the same
    // sign, so relative errors stay; log1p, of condition 1, adds 2 u. exp is 0 below −88: 1e-37 may vanish.
    double const relative = (q.furthest + 3 + q.classes + 8) * rounding;
    // ops computes 1 − softmax and log(1 + …) as they are written: off by up to 2^−50 of weight / n.
    double const share = n == 0 ? 0 : 3 / static_cast<double>(n);
    auto const tolerance = [&](double value) { return relative * std::fabs(value) + 1e-36 + 0x1p-50 * share; };
    auto const inside = [&](ops::pixel p) { return ops::contains(size, p); };
    CHECK(mismatch(
              loss, [&](int c, ops::pixel p) { return inside(p) ? right.loss(c, p) : 0; },
              [&](int c, ops::pixel p) { return inside(p) ? tolerance(right.loss(c, p)) : 0; }) == "");
    CHECK(mismatch(
              x, [&](int c, ops::pixel p) { return inside(p) ? right.gradient(c, p) : 0; },
              [&](int c, ops::pixel p) { return inside(p) ? tolerance(right.gradient(c, p)) : 0; }) == "");
  }
}

TEST_CASE("what a pixel gives does not depend on the patch that it lies in") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    chance any{seed};
    question const q{any};
    extent const size = q.logits.size;
    small_arena arena;
    operand const labels = arena.put(size, q.labels), weights = arena.put(q.weights);
    box const everything{{0, 0, 0}, size}, part = any.part(size);
    owned_patch all{everything, q.classes}, all_loss{everything, 1}, some{part, q.classes, true}, some_loss{part, 1};
    on_host::softmax_loss(all.show(q.logits).p, labels, weights, arena.bytes(), 0.25f, all_loss.p);
    on_host::softmax_loss(some.show(q.logits).p, labels, weights, arena.bytes(), 0.25f, some_loss.p);
    INFO(seed);
    CHECK(mismatch(some, [&](int c, ops::pixel p) { return all.p.at(c / 16, p.z, p.y, p.x)[c % 16]; }) == "");
    CHECK(mismatch(some_loss, [&](int, ops::pixel p) { return *all_loss.p.at(0, p.z, p.y, p.x); }) == "");
  }
}

TEST_CASE("a logit that is no number shows in the loss, unless the pixel is ignored") {
  for (int classes : {1, 2, 3, 17})
    for (int broken = 0; broken < classes; ++broken)
      for (int label = 0; label < classes; ++label)
        for (float const value : {poison(), std::numeric_limits<float>::infinity()}) {
          extent const size{1, 1, 5};
          floats logits{size, classes, 0.5f};
          for (int x : {1, 3}) logits(broken, {0, 0, x}) = value;
          std::vector<std::uint8_t> named(5, static_cast<std::uint8_t>(label));
          named[3] = ignored;
          small_arena arena;
          operand const labels = arena.put(size, named), weights = arena.put(floats{size, 1, 1});
          owned_patch x{{{0, 0, 0}, size}, classes}, loss{{{0, 0, 0}, size}, 1};
          on_host::softmax_loss(x.show(logits).p, labels, weights, arena.bytes(), 1, loss.p);
          INFO(classes, " classes, ", value, " at ", broken, ", label ", label);
          CHECK_FALSE(std::isfinite(*loss.p.at(0, 0, 0, 1)));
          CHECK(*loss.p.at(0, 0, 0, 3) == 0);
          CHECK(std::isfinite(*loss.p.at(0, 0, 0, 0)));
          for (int k = 0; k < classes; ++k) CHECK(x.p.at(k / 16, 0, 0, 3)[k % 16] == 0);
        }
}

TEST_CASE("a label that is no class is named, with its place") {
  extent const size{2, 3, 4};
  std::vector<std::uint8_t> named(24, 1);
  named[static_cast<std::size_t>(size.index(1, 2, 0))] = 3;
  image_view<std::uint8_t const> const labels{named.data(), size, 1};
  CHECK(count_labels(labels, 4) == 24);
  CHECK_THROWS_WITH(count_labels(labels, 3),
                    "the label at (z 1, y 2, x 0) is 3, but the network has 3 classes. Map the labels, or mark the pixel "
                    "as ignored (255).");
}
