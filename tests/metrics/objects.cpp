// Objects that are found, missed, merged and invented, by hand and against sets of pixels.
#include <doctest/doctest.h>

#include <set>

#include <oxbow/core/random.hpp>
#include <oxbow/metrics/objects.hpp>

using namespace oxbow;

namespace {

instance_image row(std::vector<std::int32_t> values) {
  instance_image made({1, 1, static_cast<int>(values.size())});
  made.data = std::move(values);
  return made;
}

std::set<std::size_t> pixels_of(instance_image const& from, std::int32_t object) {
  std::set<std::size_t> all;
  for (std::size_t i = 0; i < from.data.size(); ++i)
    if (from.data[i] == object) all.insert(i);
  return all;
}

}  // namespace

TEST_CASE("exact objects score one, whatever their numbers") {
  object_scores s;
  s.add(row({7, 7, 0, 2, 2}), row({1, 1, 0, 9, 9}));
  CHECK(s.seg() == 1);
  CHECK(s.det() == 1);
}

TEST_CASE("half an object is no match; a little more is one") {
  object_scores half, more;
  half.add(row({1, 1, 1, 1, 0}), row({2, 2, 0, 0, 0}));
  CHECK(half.seg() == 0);
  CHECK(half.missed() == 1);
  CHECK(half.invented() == 1);
  CHECK(half.det() == 0);  // 10 for what is missed and 1 for what is invented: no worse than nothing
  more.add(row({1, 1, 1, 1, 0}), row({2, 2, 2, 0, 2}));
  CHECK(more.seg() == 3. / 5);
  CHECK(more.det() == 1);
}

TEST_CASE("one found object over two true ones is a merger, and images are pooled") {
  object_scores s;
  s.add(row({1, 1, 0, 2, 2}), row({5, 5, 5, 5, 5}));
  CHECK(s.merged() == 1);
  CHECK(s.seg() == doctest::Approx(2. / 5));
  CHECK(s.det() == doctest::Approx(1 - 5. / 20));
  s.add(row({3, 3, 0, 0}), row({0, 0, 0, 1}));
  CHECK(s.true_objects() == 3);
  CHECK(s.seg() == doctest::Approx((2. / 5 + 2. / 5 + 0) / 3));
  CHECK(s.det() == doctest::Approx(1 - (5. + 10 + 1) / 30));
}

TEST_CASE("images without objects") {
  object_scores s;
  s.add(row({0, 0}), row({0, 0}));
  CHECK(s.seg() == 0);
  CHECK(s.det() == 1);
  s.add(row({0, 0}), row({1, 0}));
  CHECK(s.det() == 0);
}

TEST_CASE("scores agree with sets of pixels") {
  random_stream const random{5, purpose::example_data};
  std::uint64_t next = 0;
  object_scores s;
  double jaccard = 0, objects = 0, cost = 0;
  for (extent const size : {extent{1, 1, 1}, extent{1, 13, 17}, extent{3, 5, 7}}) {
    instance_image truth(size), found(size);
    std::int32_t t = 0;
    for (std::size_t i = 0; i < truth.data.size(); ++i) {
      if (random.below(next++, 4) == 0) t = static_cast<std::int32_t>(random.below(next++, 9));
      truth.data[i] = t;
      found.data[i] = random.below(next++, 3) == 0 ? static_cast<std::int32_t>(random.below(next++, 9)) : t;
    }
    std::set<std::int32_t> used;
    for (std::int32_t k = 1; k < 9; ++k) {
      auto const a = pixels_of(truth, k);
      if (a.empty()) continue;
      ++objects;
      bool matched = false;
      for (std::int32_t j = 1; j < 9; ++j) {
        auto const b = pixels_of(found, j);
        double both = 0;
        for (std::size_t const i : a) both += static_cast<double>(b.count(i));
        if (2 * both <= static_cast<double>(a.size())) continue;
        matched = true;
        jaccard += both / (static_cast<double>(a.size() + b.size()) - both);
        cost += used.insert(j).second ? 0 : 5;
      }
      cost += matched ? 0 : 10;
    }
    for (std::int32_t j = 1; j < 9; ++j)
      if (!pixels_of(found, j).empty() && !used.count(j)) cost += 1;
    s.add(truth, found);
  }
  CHECK(s.seg() == doctest::Approx(jaccard / objects).epsilon(1e-14));
  CHECK(s.det() == doctest::Approx(1 - std::min(cost, 10 * objects) / (10 * objects)).epsilon(1e-14));
}

TEST_CASE("what does not fit is said, and adds nothing") {
  object_scores s;
  CHECK_THROWS_WITH_AS(s.add(row({1}), row({1, 1})),
                       "object_scores: the truth measures 1 x 1 and what was found 1 x 2; they must be of one size.",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(s.add(row({1, -1}), row({1, 1})),
                       "object_scores: there is a negative object number at (z 0, y 0, x 1); objects are numbered from "
                       "1, and background is 0.",
                       std::invalid_argument);
  CHECK(s.true_objects() == 0);
}
