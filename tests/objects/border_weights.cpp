// Distances and weights against a search over all pixels, in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include <oxbow/host/threads.hpp>
#include <oxbow/objects/border_weights.hpp>

#include "scenes.hpp"

using namespace oxbow;

namespace {

/// Squared distances to the two nearest objects of a pixel, by looking at every pixel.
std::pair<double, double> two_nearest(instance_image const& objects, int z, int y, int x, pixel_spacing by) {
  std::map<std::int32_t, double> nearest;
  extent const s = objects.size;
  for (int k = 0; k < s.depth; ++k) {
    if (std::isinf(by.z) && k != z) continue;
    for (int j = 0; j < s.height; ++j)
      for (int i = 0; i < s.width; ++i) {
        std::int32_t const o = objects(k, j, i, 0);
        if (o == 0) continue;
        double const dz = k == z ? 0 : (k - z) * by.z, dy = (j - y) * by.y, dx = (i - x) * by.x;
        double const d = dz * dz + dy * dy + dx * dx;
        auto const [at, fresh] = nearest.emplace(o, d);
        if (!fresh) at->second = std::min(at->second, d);
      }
  }
  double first = std::numeric_limits<double>::infinity(), second = first;
  for (auto const& [o, d] : nearest) {
    if (d < first) second = first, first = d;
    else second = std::min(second, d);
  }
  return {first, second};
}

template <class F> void for_each_pixel(extent s, F&& f) {
  for (int z = 0; z < s.depth; ++z)
    for (int y = 0; y < s.height; ++y)
      for (int x = 0; x < s.width; ++x) f(z, y, x, static_cast<std::size_t>(s.index(z, y, x)));
}

/// The weight of a background pixel by the formula, in double.
double background_weight(double c, double far, double far_sigma, double border, double sigma, double d1, double d2) {
  return c * (far + (1 - far) * std::exp(-d1 / (2 * far_sigma * far_sigma))) +
         border * std::exp(-std::pow(std::sqrt(d1) + std::sqrt(d2), 2) / (2 * sigma * sigma));
}

// Rounding of the result to float, and of constants such as .1f: 2^−24 of the weight each.
constexpr double float_error = 3 * 0x1p-24;

}  // namespace

TEST_CASE("the two nearest objects are those of a search over all pixels, to the bit") {
  std::uint32_t which = 0;
  double const inf = std::numeric_limits<double>::infinity();
  for (extent const size : {extent{1, 1, 1}, extent{1, 1, 9}, extent{1, 7, 1}, extent{1, 19, 23}, extent{3, 5, 7},
                            extent{5, 9, 8}, extent{1, 31, 6}})
    for (pixel_spacing const by : {pixel_spacing{inf, 1, 1}, pixel_spacing{1, 1, 1}, pixel_spacing{2, 1, 3}})
      for (int const objects : {0, 1, 2, 3, 9, 40}) {
        instance_image const scene = test::boxes(size, objects, which++);
        auto const found = find_nearest_objects(scene, by);
        bool same = true, named = true;
        for_each_pixel(size, [&](int z, int y, int x, std::size_t i) {
          auto const [first, second] = two_nearest(scene, z, y, x, by);
          same = same && found.at[i].first.squared == first && found.at[i].second.squared == second;
          named = named && (found.at[i].first.object != 0) == std::isfinite(first) &&
                  (found.at[i].second.object != 0) == std::isfinite(second) &&
                  (std::isinf(second) || found.at[i].first.object != found.at[i].second.object);
        });
        CHECK(same);
        CHECK(named);
      }
}

TEST_CASE("distances do not depend on the number of threads") {
  instance_image const scene = test::boxes({1, 67, 91}, 25, 99);
  auto const one = find_nearest_objects(scene);
  for (int const threads : {2, 5}) {
    on_host::thread_pool pool{threads};
    auto const many = find_nearest_objects(scene, {}, [&](std::int64_t n, auto&& f) { pool(n, f); });
    bool same = true;
    for (std::size_t i = 0; i < one.at.size(); ++i)
      same = same && one.at[i].first.squared == many.at[i].first.squared &&
             one.at[i].second.object == many.at[i].second.object;
    CHECK(same);
  }
}

TEST_CASE("weights agree with the formula over all pixels, for the paper's and the plugin's, in 2-D and 3-D") {
  std::uint32_t which = 200;
  for (extent const size : {extent{1, 1, 1}, extent{1, 17, 23}, extent{3, 7, 9}})
    for (double const deep : {std::numeric_limits<double>::infinity(), 1., 2.2})
      for (int const objects : {0, 1, 2, 7}) {
        instance_image const scene = test::boxes(size, objects, which++);
        double n[2] = {0, 0};
        for (std::int32_t const o : scene.data) ++n[o != 0];
        double const all = n[0] + n[1], present = (n[0] > 0) + (n[1] > 0);
        for (bool const plugin : {false, true}) {
          border_weights how = plugin ? border_weights::plugin() : border_weights{};
          how.spacing.z = deep;
          image<float> const made = how(scene);
          double worst = 0;
          for_each_pixel(size, [&](int z, int y, int x, std::size_t i) {
            bool const object = scene.data[i] != 0;
            auto const [d1, d2] = two_nearest(scene, z, y, x, {deep, 1, 1});
            double const c = plugin ? 1 : all / (present * n[object]);
            double const right = object ? c
                                 : plugin ? background_weight(c, .1, 10, 50, 6, d1, d2)
                                          : background_weight(c, 1, 1, 10, 5, d1, d2);
            worst = std::max(worst, std::abs(static_cast<double>(made.data[i]) - right) / right);
          });
          CHECK(worst <= float_error);
        }
      }
}

TEST_CASE("a label image weighs by its components, ignored pixels nothing, and any class may be background") {
  label_image labels({1, 1, 9});
  labels.data = {1, 1, 0, 0, 1, 0, 255, 2, 0};
  auto const made = border_weights{}(labels);
  // 8 pixels count, in three classes: 4 of 0, 3 of 1, 1 of 2.
  double const c0 = 8 / (3. * 4), c1 = 8 / (3. * 3), c2 = 8 / 3.;
  auto const border = [](double sum) { return 10 * std::exp(-sum * sum / 50); };
  double const right[] = {c1, c1, c0 + border(1 + 2), c0 + border(2 + 1), c1, c0 + border(1 + 2), 0, c2, c0 + border(1 + 4)};
  for (std::size_t i = 0; i < 9; ++i) CHECK(std::abs(static_cast<double>(made.data[i]) - right[i]) <= float_error * 10);

  label_image cells({1, 1, 5});
  cells.data = {0, 1, 1, 0, 0};  // 1 is membrane
  border_weights inverse;
  inverse.background = 1;
  auto const inverted = inverse(cells);
  CHECK(static_cast<double>(inverted.data[1]) == doctest::Approx(5 / (2. * 2) + border(1 + 2)).epsilon(1e-6));
  CHECK(static_cast<double>(inverted.data[0]) == doctest::Approx(5 / (2. * 3)).epsilon(1e-6));
}

TEST_CASE("classes in balance weigh equally much, and pixels 1 on average") {
  label_image const labels = test::speckle({1, 31, 37}, 5, 3, true);
  auto const c = class_balance(labels, 7);
  double total[7] = {}, count = 0;
  for (std::uint8_t const l : labels.data)
    if (l != ignored) total[l] += static_cast<double>(c[l]), ++count;
  for (int k = 0; k < 5; ++k) CHECK(total[k] == doctest::Approx(count / 5).epsilon(1e-6));
  CHECK(c[5] == 0);
  CHECK(class_balance(label_image({1, 2, 2}, 1, ignored), 3) == std::vector<float>{0, 0, 0});
  CHECK(class_balance(label_image({1, 2, 2}), 2) == std::vector<float>{1, 0});
}

TEST_CASE("objects that touch are parted by one pixel or two, and only where they touch") {
  instance_image objects({1, 3, 6});
  objects.data = {1, 1, 1, 2, 2, 2,  //
                  1, 1, 1, 2, 2, 2,  //
                  0, 0, 0, 0, 3, 3};
  CHECK(separate_touching(objects, 2).data == std::vector<std::int32_t>{1, 1, 0, 0, 2, 2,  //
                                                                        1, 1, 0, 0, 0, 0,  //
                                                                        0, 0, 0, 0, 0, 0});
  auto const thin = separate_touching(objects, 1);
  // A pixel looks left, and up: the right one of two goes, or the lower one.
  CHECK(thin.data == std::vector<std::int32_t>{1, 1, 1, 0, 2, 2,  //
                                               1, 1, 0, 0, 2, 2,  //
                                               0, 0, 0, 0, 0, 0});
}

TEST_CASE("after separation no two objects are neighbours, in images and volumes") {
  std::uint32_t which = 500;
  for (extent const size : test::odd_sizes)
    for (int const gap : {1, 2})
      for (auto const space : {across::slices, across::volume}) {
        instance_image const scene = test::boxes(size, 12, which++), apart = separate_touching(scene, gap, space);
        bool clear = true, kept = true;
        for_each_pixel(size, [&](int z, int y, int x, std::size_t i) {
          bool touched = false, touches = false;
          for (int dz = -1; dz <= 1; ++dz)
            for (int dy = -1; dy <= 1; ++dy)
              for (int dx = -1; dx <= 1; ++dx) {
                if ((space == across::slices && dz != 0) || !size.contains(z + dz, y + dy, x + dx)) continue;
                std::int32_t const before = scene(z + dz, y + dy, x + dx, 0), after = apart(z + dz, y + dy, x + dx, 0);
                touched = touched || (before != 0 && before != scene.data[i]);
                touches = touches || (after != 0 && after != apart.data[i]);
              }
          clear = clear && (apart.data[i] == 0 || !touches);
          kept = kept && (touched || apart.data[i] == scene.data[i]);
        });
        CHECK(clear);
        CHECK(kept);
      }
}

TEST_CASE("empty images and such without background have weights, and wrong options a sentence") {
  auto const none = border_weights{}(instance_image({1, 4, 5}));
  for (float const w : none.data) CHECK(w == 1);
  auto const full = border_weights{}(instance_image({1, 4, 5}, 1, 3));
  for (float const w : full.data) CHECK(w == 1);
  auto const plain = border_weights::plugin()(instance_image({1, 4, 5}));
  for (float const w : plain.data) CHECK(w == 0.1f);
  CHECK_THROWS_WITH_AS(border_weights{.sigma = 0}(instance_image({1, 2, 2})),
                       "border_weights: sigma and far_sigma must be above 0.", std::invalid_argument);
  label_image three({1, 1, 2});
  three.data = {0, 2};
  CHECK_THROWS_WITH_AS(border_weights::plugin()(three),
                       "border_weights: there are 2 class weights and labels of 3 classes; give one per class, or none "
                       "for their balance.",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(class_balance(three, 2),
                       "class_balance: the label at (z 0, y 0, x 1) is 2, but there are 2 classes; map it to one of "
                       "them, or to 255 (ignored).",
                       std::invalid_argument);
}
