// The drawn nuclei, and scaling by percentiles.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include <oxbow/objects/components.hpp>

#include "../../examples/support/nuclei.hpp"
#include "../../examples/support/percentiles.hpp"

using namespace oxbow;

TEST_CASE("percentiles are values by rank") {
  std::vector<float> values;
  for (int i = 0; i <= 100; ++i) values.push_back(static_cast<float>((i * 37) % 101));
  for (int const k : {0, 1, 50, 99, 100}) CHECK(support::percentile(values, k / 100.) == static_cast<float>(k));
  CHECK(support::percentile({}, 0.5) == 0);
}

TEST_CASE("two percentiles become nought and one, bright specks are cut, a flat image is nought") {
  image<float> ramp({1, 1, 1001});
  for (int x = 0; x < 1001; ++x) ramp(0, x) = 100 + static_cast<float>(x);
  ramp(0, 1000) = 60'000;
  auto const scaled = support::scaled_by_percentiles(ramp, 0.01, 0.99);
  CHECK(scaled(0, 10) == 0);
  CHECK(scaled(0, 990) == doctest::Approx(1).epsilon(1e-6));
  CHECK(scaled(0, 500) == doctest::Approx(0.5).epsilon(1e-6));
  CHECK(scaled(0, 1000) == 4);
  auto const flat = support::scaled_by_percentiles(image<float>({1, 3, 3}, 1, 7.f));
  for (float const v : flat.data) CHECK(v == 0);
}

TEST_CASE("nuclei are the same for a seed, brighter than the ground, and some touch") {
  auto const made = support::draw_nuclei({1, 200, 230}, 1, 0), again = support::draw_nuclei({1, 200, 230}, 1, 0);
  CHECK(made.grey.data == again.grey.data);
  CHECK(made.objects.data == again.objects.data);
  CHECK(made.grey.data != support::draw_nuclei({1, 200, 230}, 2, 0).grey.data);
  double sum[2] = {}, count[2] = {};
  std::set<std::int32_t> numbers;
  for (std::size_t i = 0; i < made.grey.data.size(); ++i) {
    bool const on = made.objects.data[i] != 0;
    if (on) numbers.insert(made.objects.data[i]);
    sum[on] += static_cast<double>(made.grey.data[i]), ++count[on];
  }
  CHECK(sum[1] / count[1] > 1.5 * sum[0] / count[0]);
  label_image any(made.objects.size);
  for (std::size_t i = 0; i < any.data.size(); ++i) any.data[i] = made.objects.data[i] != 0;
  CHECK(static_cast<std::size_t>(components_of(any).count) < numbers.size());
}
