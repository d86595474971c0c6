// The challenge's scores: by hand, against code that follows the definitions word by word, and on slices of its data.
#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <map>
#include <queue>
#include <set>

#include <oxbow/core/random.hpp>
#include <oxbow/host/threads.hpp>
#include <oxbow/io/labels.hpp>
#include <oxbow/metrics/membranes.hpp>

using namespace oxbow;

namespace {

/// Cells with wobbling borders: 1 is interior.
label_image cells(int height, int width, std::uint32_t which) {
  label_image made({1, height, width}, 1, 1);
  random_stream const random{3, purpose::example_data, which};
  std::vector<std::array<float, 2>> seeds;
  for (std::uint64_t i = 0; i < 12; ++i)
    seeds.push_back({random.uniform(2 * i, 0, static_cast<float>(height)),
                     random.uniform(2 * i + 1, 0, static_cast<float>(width))});
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      float first = 1e9f, second = 1e9f;
      for (auto const& s : seeds) {
        float const d = std::hypot(static_cast<float>(y) - s[0], static_cast<float>(x) - s[1]);
        if (d < first) second = first, first = d;
        else second = std::min(second, d);
      }
      made(y, x) = second - first > 1.7f;
    }
  return made;
}

/// A proposal: the labels moved, with noise over them.
image<float> proposal(label_image const& truth, int moved, float noise, std::uint32_t which) {
  image<float> made(truth.size);
  random_stream const random{4, purpose::example_data, which};
  int const h = truth.size.height, w = truth.size.width;
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) {
      float const base = truth(y, (x + moved) % w) ? 0.75f : 0.25f;
      made(y, x) = base + noise * (random.uniform(static_cast<std::uint64_t>(y * w + x)) - 0.5f);
    }
  return made;
}

instance_image row(std::vector<std::int32_t> values) {
  instance_image made({1, 1, static_cast<int>(values.size())});
  made.data = std::move(values);
  return made;
}

/// V_Rand and V_Info from a table of all pairs, every border pixel a region of its own.
std::pair<double, double> by_definition(instance_image const& truth, instance_image proposed) {
  std::int32_t next = 1'000'000;
  for (auto& p : proposed.data)
    if (p == 0) p = next++;
  std::map<std::int32_t, double> s, t;
  std::map<std::pair<std::int32_t, std::int32_t>, double> st;
  double n = 0;
  for (std::int32_t const g : truth.data) n += g != 0;
  for (std::size_t i = 0; i < truth.data.size(); ++i)
    if (std::int32_t const g = truth.data[i]; g != 0)
      s[g] += 1 / n, t[proposed.data[i]] += 1 / n, st[{g, proposed.data[i]}] += 1 / n;
  double a = 0, b = 0, ab = 0, ht = 0, hs = 0, hts = 0;
  for (auto const& [k, p] : s) a += p * p, ht -= p * std::log(p);
  for (auto const& [k, p] : t) b += p * p, hs -= p * std::log(p);
  for (auto const& [k, p] : st) ab += p * p, hts -= p * std::log(p);
  return {2 * ab / (a + b), 2 * (ht + hs - hts) / (ht + hs)};
}

// Sums of some 10^4 rounded terms: below 10^4 · 2^−53.
constexpr double sum_error = 1e-11;

}  // namespace

TEST_CASE("the challenge's thresholds end below one, and the first is nought") {
  auto const all = challenge_thresholds();
  CHECK(all.size() == 11);
  CHECK(all.front() == 0);
  CHECK(all.back() == 0.9999999999999999);
}

TEST_CASE("Rand and information scores of small rows are those made by hand") {
  auto const truth = row({1, 1, 1, 1, 0, 2, 2, 2, 2});
  overlap_table const one(truth, row({1, 1, 1, 1, 1, 1, 1, 1, 1}));
  CHECK(rand_score(one).precision == 0.5);
  CHECK(rand_score(one).recall == 1);
  CHECK(rand_score(one).score == doctest::Approx(2. / 3).epsilon(1e-15));
  CHECK(information_score(one).score == 0);
  overlap_table const cut(truth, row({1, 1, 0, 2, 0, 3, 3, 3, 3}));
  CHECK(rand_score(cut).precision == 1);
  CHECK(rand_score(cut).recall == 0.6875);
  CHECK(rand_score(cut).score == doctest::Approx(0.8148148148148148).epsilon(1e-15));
  CHECK(information_score(cut).score == doctest::Approx(2 * std::log(2) / (std::log(2) + 1.2130075659)).epsilon(1e-10));
  CHECK(information_score(cut).score == doctest::Approx(0.7272727273).epsilon(1e-10));
}

TEST_CASE("scores without objects, or with one, are numbers") {
  overlap_table const none(row({0, 0}), row({1, 2}));
  CHECK(rand_score(none).score == 1);
  CHECK(information_score(none).score == 0);
  overlap_table const one(row({4, 4}), row({1, 0}));
  CHECK(information_score(one).score == 0);
  CHECK(rand_score(one).recall == 0.5);
  overlap_table const border(row({1, 1, 2, 2}), row({0, 0, 0, 0}));
  CHECK(rand_score(border).precision == 1);
  CHECK(rand_score(border).recall == 0.5);
}

TEST_CASE("scores agree with their definitions over all pairs") {
  for (std::uint32_t which = 0; which < 6; ++which) {
    label_image const labels = cells(37, 53, which);
    auto const truth = components_of(labels).objects;
    image<float> const p = proposal(labels, 1 + static_cast<int>(which) % 3, 0.7f, which);
    image<std::uint8_t> mask(labels.size);
    for (std::size_t i = 0; i < mask.data.size(); ++i) mask.data[i] = p.data[i] > 0.5f;
    for (auto const& regions : {thin_borders(std::as_const(mask).view()), components_of(mask).objects}) {
      auto const [rand, info] = by_definition(truth, regions);
      overlap_table const t(truth, regions);
      CHECK(std::abs(rand_score(t).score - rand) <= sum_error);
      CHECK(std::abs(information_score(t).score - info) <= sum_error);
    }
  }
}

TEST_CASE("thinning keeps every region, grows it over the border, and leaves lines that part four neighbours") {
  for (std::uint32_t which = 0; which < 12; ++which) {
    int const h = 1 + static_cast<int>(which * 7 % 30), w = 1 + static_cast<int>(which * 11 % 41);
    label_image const labels = cells(h, w, which);
    auto const before = components_of(labels);
    auto const after = thin_borders(labels.view());
    std::map<std::int32_t, std::int32_t> name;
    bool kept = true, parted = true, thin = true;
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x) {
        std::int32_t const o = before.objects(y, x), r = after(y, x);
        if (o != 0) kept = kept && r > 0 && name.emplace(o, r).first->second == r;
        std::set<std::int32_t> around;
        for (auto const& [dy, dx] : {std::pair{0, 1}, {1, 0}, {0, -1}, {-1, 0}})
          if (labels.size.contains(0, y + dy, x + dx)) around.insert(after(y + dy, x + dx));
        if (r > 0)
          for (std::int32_t const n : around) parted = parted && (n == 0 || n == r);
        // A pixel of a line touches a line or another region beside its own.
        if (r == 0) thin = thin && (around.size() > 1 || *around.begin() == 0);
      }
    CHECK(kept);
    CHECK(parted);
    CHECK(thin);
    std::set<std::int32_t> names;
    for (auto const& [o, r] : name) names.insert(r);
    CHECK(names.size() == name.size());
  }
}

TEST_CASE("thinning a picture by hand; border that nothing reaches becomes regions") {
  image<std::uint8_t> mask({1, 1, 7});
  mask.data = {1, 0, 0, 0, 0, 0, 1};
  CHECK(thin_borders(std::as_const(mask).view()).data == std::vector<std::int32_t>{1, 1, 1, 0, 2, 2, 2});
  image<std::uint8_t> const none({2, 3, 4});
  CHECK(thin_borders(none.view()).data == std::vector<std::int32_t>(24, 1));
}

TEST_CASE("a proposal equal to the truth is without fault at every threshold") {
  label_image const labels = cells(41, 67, 5);
  image<float> same(labels.size);
  for (std::size_t i = 0; i < same.data.size(); ++i) same.data[i] = labels.data[i];
  auto const report = score_membranes({&labels, 1}, {&same, 1});
  CHECK(report.at.size() == 11);
  for (auto const& s : report.at) {
    CHECK(s.v_rand == 1);
    CHECK(std::abs(s.v_info - 1) <= sum_error);
    CHECK(s.rand_error == 0);
    CHECK(s.warping_error == 0);
    CHECK(s.lost_objects == 0);
    CHECK(s.pixel_error == 0);
    CHECK(s.iou == 1);
  }
}

TEST_CASE("sums over slices: means for the scores after thinning, pooled counts for the others") {
  std::vector<label_image> labels{cells(31, 45, 1), cells(23, 37, 2), cells(40, 29, 3)};
  std::vector<image<float>> proposals;
  for (std::uint32_t i = 0; i < 3; ++i) proposals.push_back(proposal(labels[i], 1, 0.8f, i));
  auto const all = score_membranes(labels, proposals);
  on_host::thread_pool pool{3};
  auto const threads = score_membranes(labels, proposals, {}, [&](std::int64_t n, auto&& f) { pool(n, f); });
  for (std::size_t t = 0; t < 11; ++t) {
    double v_rand = 0, v_info = 0;
    pair_counts pairs;
    double both = 0, either = 0, warped = 0, lost = 0, objects = 0, pixels = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      auto const one = score_membranes({&labels[i], 1}, {&proposals[i], 1}).at[t];
      v_rand += one.v_rand / 3, v_info += one.v_info / 3;
      label_image mask(labels[i].size);
      for (std::size_t k = 0; k < mask.data.size(); ++k) {
        mask.data[k] = static_cast<double>(proposals[i].data[k]) > one.threshold;
        both += mask.data[k] && labels[i].data[k];
        either += mask.data[k] + labels[i].data[k];
      }
      pairs += pair_counts{overlap_table(components_of(labels[i]).objects, components_of(mask).objects)};
      auto const n = static_cast<double>(labels[i].size.volume());
      warped += one.warping_error * n, pixels += n;
      auto const cells = static_cast<double>(components_of(labels[i]).count);
      lost += one.lost_objects * cells, objects += cells;
    }
    CHECK(std::abs(all.at[t].v_rand - v_rand) <= sum_error);
    CHECK(std::abs(all.at[t].v_info - v_info) <= sum_error);
    CHECK(std::abs(all.at[t].rand_error - (1 - pairs.score().score)) <= sum_error);
    CHECK(std::abs(all.at[t].pixel_error - (1 - 2 * both / either)) <= sum_error);
    CHECK(std::abs(all.at[t].warping_error - warped / pixels) <= sum_error);
    CHECK(std::abs(all.at[t].lost_objects - lost / objects) <= sum_error);
    CHECK(all.at[t].v_info == threads.at[t].v_info);
    CHECK(all.at[t].warping_error == threads.at[t].warping_error);
  }
  CHECK(all.v_rand() >= all.at[5].v_rand);
  CHECK(all.pixel_error() <= all.at[5].pixel_error);
}

TEST_CASE("each score is taken at its own best threshold, the warping error up to 0.9") {
  label_image const labels = cells(31, 45, 4);
  image<float> const p = proposal(labels, 2, 0.4f, 4);  // all below .95
  auto const report = score_membranes({&labels, 1}, {&p, 1});
  double v_rand = 0, pixel = 1, warped = 1;
  for (std::size_t t = 0; t < 11; ++t) {
    v_rand = std::max(v_rand, report.at[t].v_rand), pixel = std::min(pixel, report.at[t].pixel_error);
    if (t < 10) warped = std::min(warped, report.at[t].warping_error);
  }
  CHECK(report.v_rand() == v_rand);
  CHECK(report.pixel_error() == pixel);
  CHECK(report.warping_error() == warped);
  CHECK(report.at[10].warping_error == 0);  // all is membrane: objects are deleted, and none split or merged
  CHECK(report.at[10].lost_objects == 1);
  CHECK(report.lost_objects() == report.least_warped()->lost_objects);
  CHECK(report.least_warped()->warping_error == warped);
  CHECK(report.least_warped() == &*std::ranges::find(report.at, warped, &membrane_scores::warping_error));
  auto const unwarped = score_membranes({&labels, 1}, {&p, 1}, {.warping = false});
  CHECK(std::isnan(unwarped.warping_error()));
  CHECK(std::isnan(unwarped.at[5].lost_objects));
  CHECK(std::isnan(unwarped.lost_objects()));
  CHECK(unwarped.least_warped() == nullptr);
}

TEST_CASE("objects of which nothing is found are lost, of those of which a pixel is found none is") {
  label_image labels({1, 9, 40});
  image<float> p(labels.size, 1, 0.1f);
  for (int cell = 0; cell < 5; ++cell)
    for (int y = 2; y < 7; ++y)
      for (int x = 8 * cell + 1; x < 8 * cell + 6; ++x)
        labels(y, x) = 1, p(y, x) = cell < 2 ? 0.2f : cell == 2 ? (y == 4 && x == 20 ? 0.9f : 0.2f) : 0.9f;
  auto const report = score_membranes({&labels, 1}, {&p, 1});
  CHECK(report.at[1].lost_objects == 0);
  CHECK(report.at[5].lost_objects == 2. / 5);
  CHECK(report.at[5].warping_error == 0);
}

TEST_CASE("ignored pixels count nowhere; all membrane and constant proposals have scores") {
  label_image labels = cells(20, 30, 9);
  image<float> p = proposal(labels, 0, 0, 9);
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 7; ++x) labels(y, x) = ignored, p(y, x) = 0.5f;
  CHECK(score_membranes({&labels, 1}, {&p, 1}).pixel_error() == 0);
  CHECK(score_membranes({&labels, 1}, {&p, 1}).warping_error() == 0);
  label_image const none({1, 9, 9});
  image<float> const flat({1, 9, 9}, 1, 0.5f);
  auto const report = score_membranes({&none, 1}, {&flat, 1});
  CHECK(report.v_info() == 0);
  CHECK(report.wrong_pixels() == 0);
  CHECK(report.warping_error() == 0);
}

TEST_CASE("what does not fit is said") {
  label_image const labels({1, 3, 3});
  image<float> const small({1, 3, 2});
  CHECK_THROWS_WITH_AS(score_membranes({&labels, 1}, {&small, 1}),
                       "score_membranes: the labels of image 0 measure 3 x 3 and its proposal 3 x 2 with 1 channels; "
                       "they must be of one size, with one channel and some pixels.",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(score_membranes({}, {}),
                       "score_membranes: there are 0 label images and 0 proposals; give one for each, at least one.",
                       std::invalid_argument);
  label_image const wrong({1, 1, 2}, 1, 2);
  image<float> const p({1, 1, 2});
  CHECK_THROWS_WITH_AS(score_membranes({&wrong, 1}, {&p, 1}),
                       "score_membranes: the label of image 0 at (z 0, y 0, x 0) is 2; membranes are 0 and interior is 1.",
                       std::invalid_argument);
}

// Figures of an independent implementation of the same definitions, for slices of the challenge's training stack.
TEST_CASE("slices of the challenge have the scores that were computed elsewhere") {
  char const* const data = std::getenv("OXBOW_DATA");
  std::filesystem::path const train = data ? std::filesystem::path{data} / "isbi2012-em" / "train" : "";
  if (!data || !std::filesystem::exists(train / "label")) {
    MESSAGE("skipped: OXBOW_DATA does not name a folder with isbi2012-em in it");
    return;
  }
  auto const labels_of = [&](char const* n) {
    return read_labels(train / "label" / (std::string{n} + ".png"), 2, {{0, 0}, {255, 1}});
  };
  struct expected { double v_rand, v_info, rand, pixel, wrong; std::int64_t dams; };
  struct { char const *slice, *next; std::int32_t objects; expected by[5]; } const cases[] = {
      {"00", "01", 136, {{1, 1, 1, 1, 0, 9206},
                         {0.9985395104, 0.9983587493, 0.9507484342, 0.9570756616, 0.0642623901, 9150},
                         {0.9135633821, 0.9472647079, 0.8813956492, 0.8927789614, 0.1674118042, 8878},
                         {0.7003525264, 0.8774291481, 0.6321668561, 0.8803309392, 0.1786613464, 13228},
                         {0.8459234624, 0.8687941303, 0.8025806845, 0.8200638077, 0.2794761658, 9067}}},
      {"15", "16", 107, {{1, 1, 1, 1, 0, 7771},
                         {0.9997843578, 0.9993027775, 0.9627117577, 0.9649438536, 0.0539474487, 7769},
                         {0.9821750930, 0.9686130781, 0.9514857217, 0.9111918995, 0.1414566040, 7697},
                         {0.6087069948, 0.8308104130, 0.5378088303, 0.8535489576, 0.2186050415, 18922},
                         {0.8951362794, 0.8915539320, 0.8719040780, 0.8470829039, 0.2439537048, 7648}}},
      {"29", "", 117, {{1, 1, 1, 1, 0, 8054},
                       {0.9988050260, 0.9983871042, 0.9625787104, 0.9647274263, 0.0567245483, 7979},
                       {0.9723601511, 0.9536369041, 0.9487032992, 0.9104673223, 0.1490631104, 7969},
                       {0.5759572114, 0.8250684190, 0.5105403036, 0.8523235852, 0.2238006592, 17895},
                       {}}}};
  for (auto const& c : cases) {
    label_image const truth = labels_of(c.slice);
    int const h = truth.size.height, w = truth.size.width;
    CHECK(components_of(truth).count == c.objects);
    label_image proposals[5] = {truth, truth, truth, truth, truth};
    auto const grey = read_image<float>(train / "image" / (std::string{c.slice} + ".png"), {.scaled = false});
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x) {
        auto const inside = [&](int v, int u) { return !truth.size.contains(0, v, u) || truth(v, u); };
        proposals[1](y, x) =
            truth(y, x) && inside(y - 1, x) && inside(y + 1, x) && inside(y, x - 1) && inside(y, x + 1);
        proposals[2](y, (x + 4) % w) = truth(y, x);
        proposals[3](y, x) = grey(y, x) > 110;
      }
    if (*c.next) proposals[4] = labels_of(c.next);
    for (std::size_t k = 0; k < (*c.next ? 5u : 4u); ++k) {
      image<float> p(truth.size);
      for (std::size_t i = 0; i < p.data.size(); ++i) p.data[i] = proposals[k].data[i];
      auto const s = score_membranes({&truth, 1}, {&p, 1}, {.thresholds = {0}, .warping = false}).at[0];
      INFO("slice ", c.slice, ", proposal ", k);
      // Printed with ten digits: half a unit of the last.
      CHECK(std::abs(s.v_rand - c.by[k].v_rand) < 0.6e-10);
      CHECK(std::abs(s.v_info - c.by[k].v_info) < 0.6e-10);
      CHECK(std::abs(1 - s.rand_error - c.by[k].rand) < 0.6e-10);
      CHECK(std::abs(1 - s.pixel_error - c.by[k].pixel) < 0.6e-10);
      CHECK(std::abs(s.wrong_pixels - c.by[k].wrong) < 0.6e-10);
      auto const regions = thin_borders(std::as_const(proposals[k]).view());
      CHECK(std::count(regions.data.begin(), regions.data.end(), 0) == c.by[k].dams);
    }
  }
}
