// Pixel scores against sets counted one by one.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include <oxbow/core/random.hpp>
#include <oxbow/metrics/pixel.hpp>

using namespace oxbow;

namespace {

label_image labels(extent size, std::vector<std::uint8_t> values) {
  label_image made(size);
  made.data = std::move(values);
  return made;
}

label_image arbitrary(extent size, int classes, std::uint32_t which, bool with_ignored) {
  label_image made(size);
  random_stream const random{1, purpose::example_data, which};
  for (std::size_t i = 0; i < made.data.size(); ++i) {
    std::uint32_t const drawn = random.below(i, static_cast<std::uint32_t>(classes) + with_ignored);
    made.data[i] = drawn == static_cast<std::uint32_t>(classes) ? ignored : static_cast<std::uint8_t>(drawn);
  }
  return made;
}

}  // namespace

TEST_CASE("a small case agrees with counting by hand") {
  //  truth 0 0 0 1 1 255 2 2, predicted 0 1 0 1 1 0 1 2
  auto const m =
      confusion(labels({1, 2, 4}, {0, 0, 0, 1, 1, 255, 2, 2}), labels({1, 2, 4}, {0, 1, 0, 1, 1, 0, 1, 2}), 3);
  CHECK(m.pixels() == 7);
  CHECK(m(0, 0) == 2);
  CHECK(m(0, 1) == 1);
  CHECK(m(2, 1) == 1);
  CHECK(m(1, 0) == 0);
  CHECK(m.accuracy() == 5. / 7);
  CHECK(m.pixel_error() == 2. / 7);
  CHECK(m.iou(0) == 2. / 3);
  CHECK(m.iou(1) == 2. / 4);
  CHECK(m.dice(1) == 4. / 6);
  CHECK(m.precision(1) == 2. / 4);
  CHECK(m.recall(1) == 1);
  CHECK(m.iou(2) == 1. / 2);
  CHECK(m.mean_iou() == doctest::Approx((2. / 3 + 1. / 2 + 1. / 2) / 3).epsilon(1e-15));
}

TEST_CASE("scores agree with sets of pixels, for odd sizes, volumes and one pixel") {
  for (extent const size : {extent{1, 1, 1}, extent{1, 17, 23}, extent{3, 5, 7}})
    for (int const classes : {1, 2, 5}) {
      label_image const truth = arbitrary(size, classes, 0, true), predicted = arbitrary(size, classes, 1, false);
      confusion_matrix const m = confusion(truth, predicted, classes);
      for (int c = 0; c < classes; ++c) {
        std::set<std::size_t> t, p, both, either;
        for (std::size_t i = 0; i < truth.data.size(); ++i) {
          if (truth.data[i] == ignored) continue;
          if (truth.data[i] == c) t.insert(i), either.insert(i);
          if (predicted.data[i] == c) p.insert(i), either.insert(i);
          if (truth.data[i] == c && predicted.data[i] == c) both.insert(i);
        }
        if (either.empty()) {
          CHECK(std::isnan(m.iou(c)));
          CHECK(std::isnan(m.dice(c)));
          continue;
        }
        CHECK(m.iou(c) == static_cast<double>(both.size()) / static_cast<double>(either.size()));
        CHECK(m.dice(c) == 2. * static_cast<double>(both.size()) / static_cast<double>(t.size() + p.size()));
      }
    }
}

TEST_CASE("laws: perfect prediction scores 1, Dice is 2·IoU / (1 + IoU), accuracy and error sum to 1, sums add up") {
  extent const size{1, 40, 30};
  label_image const truth = arbitrary(size, 4, 2, true), predicted = arbitrary(size, 4, 3, false);
  label_image perfect = truth;
  for (auto& v : perfect.data) v = v == ignored ? 0 : v;  // anything may stand where the truth is ignored
  confusion_matrix const best = confusion(truth, perfect, 4), m = confusion(truth, predicted, 4);
  CHECK(best.accuracy() == 1);
  CHECK(best.pixel_error() == 0);
  CHECK(best.mean_iou() == 1);
  CHECK(best.mean_dice() == 1);
  // Three operations, each rounded to 2^-53.
  for (int c = 0; c < 4; ++c) CHECK(std::abs(m.dice(c) - 2 * m.iou(c) / (1 + m.iou(c))) < 4 * 0x1p-53);
  CHECK(std::abs(m.accuracy() + m.pixel_error() - 1) <= 0x1p-52);
  confusion_matrix sum(4);
  sum += best;
  sum += m;
  confusion_matrix one_by_one(4);
  one_by_one.add(truth, perfect);
  one_by_one.add(truth, predicted);
  for (int t = 0; t < 4; ++t)
    for (int p = 0; p < 4; ++p) {
      CHECK(sum(t, p) == best(t, p) + m(t, p));
      CHECK(sum(t, p) == one_by_one(t, p));
    }
}

TEST_CASE("an absent class has no score and does not count in the mean; a class in one image alone scores 0") {
  auto const m = confusion(labels({1, 1, 4}, {0, 0, 1, 1}), labels({1, 1, 4}, {0, 0, 2, 2}), 4);
  CHECK(m.iou(0) == 1);
  CHECK(m.iou(1) == 0);
  CHECK(m.iou(2) == 0);
  CHECK(m.dice(2) == 0);
  CHECK(std::isnan(m.iou(3)));
  CHECK(std::isnan(m.precision(1)));
  CHECK(m.recall(1) == 0);
  CHECK(std::isnan(m.recall(2)));
  CHECK(m.mean_iou() == 1. / 3);
}

TEST_CASE("without counted pixels no score is a number") {
  for (confusion_matrix const& m :
       {confusion_matrix(2), confusion(labels({1, 1, 2}, {255, 255}), labels({1, 1, 2}, {0, 1}), 2)}) {
    CHECK(m.pixels() == 0);
    CHECK(std::isnan(m.accuracy()));
    CHECK(std::isnan(m.pixel_error()));
    CHECK(std::isnan(m.mean_iou()));
    CHECK(std::isnan(m.mean_dice()));
  }
}

TEST_CASE("what cannot be counted is an exception that names the place, and leaves the matrix as it was") {
  confusion_matrix m(2);
  m.add(labels({1, 1, 2}, {0, 1}), labels({1, 1, 2}, {0, 0}));
  CHECK_THROWS_WITH(m.add(labels({1, 2, 2}, {0, 0, 1, 2}), labels({1, 2, 2}, {0, 0, 0, 0})),
                    doctest::Contains("the truth at (z 0, y 1, x 1) is class 2, but there are 2 classes"));
  CHECK_THROWS_WITH(m.add(labels({1, 1, 2}, {0, 0}), labels({1, 1, 2}, {0, 255})),
                    doctest::Contains("the prediction at (z 0, y 0, x 1) is class 255"));
  CHECK_THROWS_WITH(m.add(label_image({1, 2, 3}), label_image({1, 3, 2})),
                    doctest::Contains("the truth measures 2 x 3"));
  CHECK_THROWS_WITH(m += confusion_matrix(3), doctest::Contains("3 classes cannot be added to 2"));
  CHECK_THROWS_WITH(confusion_matrix(0), doctest::Contains("but 0 are asked for"));
  CHECK_THROWS_WITH(confusion_matrix(256), doctest::Contains("but 256 are asked for"));
  CHECK(m.pixels() == 2);
}
