// The warping error against code that asks the whole image at every pixel.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include <oxbow/core/random.hpp>
#include <oxbow/metrics/warping.hpp>
#include <oxbow/objects/components.hpp>

using namespace oxbow;

namespace {

using mask = image<std::uint8_t>;

/// Is (y, x) of a framed image simple? White pieces are counted in the 3 × 3 window by faces, black ones by corners.
bool simple(mask const& m, int y, int x) {
  mask white({1, 3, 3}), black({1, 3, 3});
  for (int dy = 0; dy < 3; ++dy)
    for (int dx = 0; dx < 3; ++dx) {
      bool const middle = dy == 1 && dx == 1;
      white(dy, dx) = !middle && m(y + dy - 1, x + dx - 1);
      black(dy, dx) = !middle && !m(y + dy - 1, x + dx - 1);
    }
  auto const pieces = components_of(white, neighbours::faces);
  std::set<std::int32_t> faced{pieces.objects(0, 1), pieces.objects(1, 0), pieces.objects(1, 2), pieces.objects(2, 1)};
  faced.erase(0);
  return faced.size() == 1 && components_of(black, neighbours::corners).count == 1;
}

mask framed(mask const& m) {
  mask f({1, m.size.height + 2, m.size.width + 2});
  for (int y = 0; y < m.size.height; ++y)
    for (int x = 0; x < m.size.width; ++x) f(y + 1, x + 1) = m(y, x);
  return f;
}

/// The definition, word by word, with components of the whole image for every pixel that is left.
warping_errors by_definition(label_image const& truth, image<float> const& p, double threshold) {
  mask wanted(truth.size);
  for (std::size_t i = 0; i < wanted.data.size(); ++i) wanted.data[i] = static_cast<double>(p.data[i]) > threshold;
  mask source = framed(truth), target = framed(wanted);
  struct place { int y, x; double sure; };
  std::size_t before = 0, left = 1;
  std::vector<place> wrong;
  while (before != left && left > 0) {
    before = wrong.empty() ? 0 : left;
    wrong.clear();
    for (int y = 1; y + 1 < source.size.height; ++y)
      for (int x = 1; x + 1 < source.size.width; ++x)
        if (source(y, x) != target(y, x))
          wrong.push_back({y, x, std::abs(static_cast<double>(p(y - 1, x - 1)) - threshold)});
    std::stable_sort(wrong.begin(), wrong.end(), [](place a, place b) { return a.sure > b.sure; });
    left = wrong.size();
    std::size_t flipped = 0;
    for (place const& w : wrong)
      if (simple(source, w.y, w.x)) source(w.y, w.x) ^= 1, ++flipped;
    before = left, left -= flipped;
  }
  warping_errors e;
  e.pixels = truth.size.volume();
  auto const around = [](mask const& m, int y, int x) {
    auto const objects = components_of(m).objects;
    std::set<std::int32_t> ids;
    for (int dy = -1; dy <= 1; ++dy)
      for (int dx = -1; dx <= 1; ++dx)
        if (dy != 0 || dx != 0) ids.insert(objects(y + dy, x + dx));
    return ids;
  };
  for (int y = 1; y + 1 < source.size.height; ++y)
    for (int x = 1; x + 1 < source.size.width; ++x) {
      if (source(y, x) == target(y, x)) continue;
      bool const white = source(y, x);
      auto const ids = around(source, y, x);
      bool const background = ids.count(0);
      std::size_t const objects = ids.size() - background;
      if (objects > 1) ++(white ? e.splits : e.mergers);
      else if (objects == 0) ++(white ? e.deletions : e.additions);
      else if (!background) ++(white ? e.invented_holes : e.lost_holes);
      else if (!white) ++e.invented_holes;
      else {
        mask without = source;
        without(y, x) = 0;
        ++(around(without, y, x).size() > 2 ? e.splits : e.lost_holes);
      }
    }
  return e;
}

label_image picture(std::vector<char const*> rows) {
  label_image made({1, static_cast<int>(rows.size()), static_cast<int>(std::string_view{rows[0]}.size())});
  for (int y = 0; y < made.size.height; ++y)
    for (int x = 0; x < made.size.width; ++x) made(y, x) = rows[static_cast<std::size_t>(y)][x] == '#';
  return made;
}
image<float> as_proposal(label_image const& m) {
  image<float> p(m.size);
  for (std::size_t i = 0; i < p.data.size(); ++i) p.data[i] = m.data[i];
  return p;
}

}  // namespace

TEST_CASE("a border that has moved costs nothing") {
  auto const truth = picture({"###.####", "###.####", "###.####"});
  CHECK(warping_error(truth, as_proposal(picture({"####.###", "####.###", "###.####"})), 0.5).mismatches() == 0);
}

TEST_CASE("a hole in the border merges two objects by one pixel at least, and a bridge cuts one") {
  auto const two = picture({"###.###", "###.###", "###.###"}), one = picture({"#######", "#######", "#######"});
  auto const merged = warping_error(two, as_proposal(one), 0.5);
  CHECK(merged.mergers > 0);
  CHECK(merged.splits == 0);
  CHECK(merged.error() == static_cast<double>(merged.mergers) / 21);
  auto const split = warping_error(one, as_proposal(two), 0.5);
  CHECK(split.splits > 0);
  CHECK(split.mergers == 0);
}

TEST_CASE("objects and holes that come and go are not splits") {
  auto const none = picture({".....", ".....", "....."}), dot = picture({".....", "..#..", "....."});
  CHECK(warping_error(none, as_proposal(dot), 0.5).additions == 1);
  CHECK(warping_error(dot, as_proposal(none), 0.5).deletions == 1);
  auto const full = picture({"#####", "#####", "#####"}), hole = picture({"#####", "##.##", "#####"});
  CHECK(warping_error(full, as_proposal(hole), 0.5).invented_holes == 1);
  CHECK(warping_error(hole, as_proposal(full), 0.5).lost_holes == 1);
  CHECK(warping_error(hole, as_proposal(full), 0.5).error() == 0);
  CHECK(warping_error(hole, as_proposal(full), 0.5).plain_error() == 1. / 15);
}

TEST_CASE("simple points are those that change neither white nor black pieces of their window") {
  for (unsigned ring = 0; ring < 256; ++ring) {
    constexpr int at[8][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 2}, {2, 2}, {2, 1}, {2, 0}, {1, 0}};
    mask m({1, 3, 3});
    for (unsigned k = 0; k < 8; ++k) m(at[k][0], at[k][1]) = ring >> k & 1;
    CHECK(detail::is_simple(ring) == simple(m, 1, 1));
  }
}

TEST_CASE("errors are those of the definition, on noise and on blobs") {
  std::uint32_t which = 0;
  for (extent const size : {extent{1, 1, 1}, extent{1, 1, 9}, extent{1, 9, 14}, extent{1, 17, 13}})
    for (int const coarse : {1, 3, 5})
      for (int repeat = 0; repeat < 6; ++repeat) {
        random_stream const random{6, purpose::example_data, which++};
        label_image truth(size);
        image<float> p(size);
        for (int y = 0; y < size.height; ++y)
          for (int x = 0; x < size.width; ++x) {
            auto const cell = static_cast<std::uint64_t>(y / coarse * 40 + x / coarse);
            truth(y, x) = random.below(cell, 3) != 0;
            p(y, x) = (truth(y, x) ? 0.7f : 0.3f) + random.uniform(5000 + static_cast<std::uint64_t>(y * 40 + x), -.5f, .5f);
          }
        for (double const threshold : {0.3, 0.5}) {
          auto const made = warping_error(truth, p, threshold), right = by_definition(truth, p, threshold);
          CHECK(made.splits == right.splits);
          CHECK(made.mergers == right.mergers);
          auto const map = topology_errors(truth, p, threshold);
          auto const marked = [&](topology_error e) {
            return std::count(map.data.begin(), map.data.end(), static_cast<std::uint8_t>(e));
          };
          CHECK(marked(topology_error::merger) == right.mergers);
          CHECK(marked(topology_error::split) == right.splits);
          CHECK(marked(topology_error::none) == right.pixels - right.mismatches());
          CHECK(made.deletions == right.deletions);
          CHECK(made.additions == right.additions);
          CHECK(made.lost_holes == right.lost_holes);
          CHECK(made.invented_holes == right.invented_holes);
          CHECK(made.pixels == right.pixels);
        }
      }
}
