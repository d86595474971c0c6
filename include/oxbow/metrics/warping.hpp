// The warping error: what is left wrong when a border may be moved, but nothing be cut or joined.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/wording.hpp>

namespace oxbow {

/// What a pixel that stays wrong does to the topology.
enum class topology_error : std::uint8_t { none, split, merger, deletion, addition, lost_hole, invented_hole };

/// Pixels that stay wrong, by what they do to the topology.
struct warping_errors {
  std::int64_t splits = 0, mergers = 0;            ///< an object cut in two, two objects joined
  std::int64_t deletions = 0, additions = 0;       ///< of objects
  std::int64_t lost_holes = 0, invented_holes = 0;
  std::int64_t pixels = 0;                         ///< of the image

  std::int64_t mismatches() const { return splits + mergers + deletions + additions + lost_holes + invented_holes; }
  /// The challenge's warping error: pixels that split or merge objects, as a share of all.
  double error() const { return share(splits + mergers); }
  /// All pixels that cannot be warped away, as a share of all.
  double plain_error() const { return share(mismatches()); }

  void add(topology_error what) {
    switch (what) {
      case topology_error::none: break;
      case topology_error::split: ++splits; break;
      case topology_error::merger: ++mergers; break;
      case topology_error::deletion: ++deletions; break;
      case topology_error::addition: ++additions; break;
      case topology_error::lost_hole: ++lost_holes; break;
      case topology_error::invented_hole: ++invented_holes; break;
    }
  }
  warping_errors& operator+=(warping_errors const& o) {
    splits += o.splits, mergers += o.mergers, deletions += o.deletions, additions += o.additions;
    lost_holes += o.lost_holes, invented_holes += o.invented_holes, pixels += o.pixels;
    return *this;
  }

 private:
  double share(std::int64_t n) const { return pixels == 0 ? 0 : static_cast<double>(n) / static_cast<double>(pixels); }
};

namespace detail {

/// The ring around a pixel as bits, clockwise from the upper left. Is a pixel simple, that is, can it change sides
/// without cutting or joining anything, white being 4-connected and black 8-connected?
/// It is where exactly one 4-connected white piece of the ring touches it by a face, and the ring is not all white.
class simple_points {
 public:
  constexpr simple_points() {
    for (unsigned ring = 0; ring < 256; ++ring) {
      int pieces = 0;  // runs of white on the ring that hold a face
      for (unsigned k = 0; k < 8; ++k) {
        if (!white(ring, k) || white(ring, k + 7)) continue;  // a run begins at k
        bool faced = false;
        for (unsigned j = k; white(ring, j); ++j) faced = faced || j % 2 == 1;
        pieces += faced;
      }
      simple_[ring] = ring != 255 && pieces == 1;
    }
  }
  constexpr bool operator()(unsigned ring) const { return simple_[ring]; }

 private:
  static constexpr bool white(unsigned ring, unsigned k) { return ring >> k % 8 & 1; }
  std::array<bool, 256> simple_{};
};

inline constexpr simple_points is_simple{};

/// One slice with a black frame.
class warper {
 public:
  warper(std::uint8_t const* truth, float const* proposed, int height, int width, double threshold)
      : width_{width + 2}, height_{height + 2}, ring_{-width_ - 1, -width_, -width_ + 1, 1,
                                                      width_ + 1,  width_,  width_ - 1,  -1} {
    auto const size = static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
    warped_.assign(size, 0), target_.assign(size, 0), distance_.assign(size, 0);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        std::size_t const from = static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                                 static_cast<std::size_t>(x),
                          to = static_cast<std::size_t>((y + 1) * width_ + x + 1);
        double const v = static_cast<double>(proposed[from]);
        // An ignored pixel agrees with whatever is proposed, and so never moves a border.
        target_[to] = v > threshold;
        warped_[to] = truth[from] == ignored ? target_[to] : truth[from] != 0;
        distance_[to] = std::abs(v - threshold);
      }
  }

  /// f(pixel of the slice, what is wrong with it) for each pixel that stays wrong.
  template <class F> void run(F&& f) {
    warp();
    label();
    for (int const i : mismatches()) f((i / width_ - 1) * (width_ - 2) + i % width_ - 1, classify(i));
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }

  std::vector<int> mismatches() const {
    std::vector<int> wrong;
    for (int i = 0; i < width_ * height_; ++i)
      if (warped_[at(i)] != target_[at(i)]) wrong.push_back(i);
    return wrong;
  }

  /// Flips simple points towards the proposal, the surest first, until a round changes nothing.
  void warp() {
    std::vector<int> wrong = mismatches();
    std::stable_sort(wrong.begin(), wrong.end(), [&](int a, int b) { return distance_[at(a)] > distance_[at(b)]; });
    for (std::size_t before = 0; before != wrong.size() && !wrong.empty();) {
      before = wrong.size();
      std::erase_if(wrong, [&](int i) {
        unsigned ring = 0;
        for (unsigned k = 0; k < 8; ++k) ring |= unsigned{warped_[at(i + ring_[k])]} << k;
        if (!is_simple(ring)) return false;
        warped_[at(i)] ^= 1;
        return true;
      });
    }
  }

  void label() {
    object_.assign(warped_.size(), 0);
    std::int32_t count = 0;
    std::vector<int> open;
    for (int start = 0; start < width_ * height_; ++start) {
      if (!warped_[at(start)] || object_[at(start)] != 0) continue;
      object_[at(start)] = ++count;
      open.assign(1, start);
      while (!open.empty()) {
        int const i = open.back();
        open.pop_back();
        for (std::size_t const k : {1u, 3u, 5u, 7u})
          if (int const q = i + ring_[k]; warped_[at(q)] && object_[at(q)] == 0) {
            object_[at(q)] = count;
            open.push_back(q);
          }
      }
    }
  }

  topology_error classify(int i) {
    bool background = false;
    std::int32_t first = 0, other = 0;
    for (int const step : ring_) {
      std::int32_t const o = object_[at(i + step)];
      if (o == 0) background = true;
      else if (first == 0 || o == first) first = o;
      else other = o;
    }
    bool const white = warped_[at(i)];
    using enum topology_error;
    if (other != 0) return white ? split : merger;
    if (first == 0) return white ? deletion : addition;
    if (!background) return white ? invented_hole : lost_hole;
    if (!white) return invented_hole;
    return cuts(i) ? split : lost_hole;
  }

  /// Does the object around white pixel i fall apart without it? A walk from one neighbour looks for the others.
  bool cuts(int i) {
    int wanted = 0, start = none_;
    for (int const step : ring_)
      if (warped_[at(i + step)]) start = i + step, ++wanted;
    if (seen_.empty()) seen_.assign(warped_.size(), 0);
    std::int32_t const mark = ++walks_;
    auto const beside = [&](int q) {
      int const dy = q / width_ - i / width_, dx = q % width_ - i % width_;
      return std::abs(dy) <= 1 && std::abs(dx) <= 1;
    };
    open_.assign(1, start);
    seen_[at(start)] = seen_[at(i)] = mark;
    --wanted;
    for (std::size_t head = 0; head < open_.size() && wanted > 0; ++head)
      for (std::size_t const k : {1u, 3u, 5u, 7u}) {
        int const q = open_[head] + ring_[k];
        if (!warped_[at(q)] || seen_[at(q)] == mark) continue;
        seen_[at(q)] = mark;
        open_.push_back(q);
        wanted -= beside(q);
      }
    return wanted > 0;
  }

  static constexpr int none_ = -1;
  int width_, height_;
  std::array<int, 8> ring_;
  std::vector<std::uint8_t> warped_, target_;
  std::vector<double> distance_;
  std::vector<std::int32_t> object_, seen_;
  std::vector<int> open_;
  std::int32_t walks_ = 0;
};

/// f(pixel of the stack, topology_error) for each pixel that stays wrong, slice by slice.
template <class F>
void for_each_topology_error(label_image const& truth, image<float> const& proposed, double threshold, F&& f) {
  if (truth.size != proposed.size || proposed.channels != 1)
    throw std::invalid_argument("warping_error: the truth measures " + size_text(truth.size) + " and the proposal " +
                                size_text(proposed.size) + "; they must be of one size, with one channel.");
  auto const plane = static_cast<std::size_t>(truth.size.height) * static_cast<std::size_t>(truth.size.width);
  for (std::size_t z = 0; z < static_cast<std::size_t>(truth.size.depth); ++z)
    warper(truth.data.data() + z * plane, proposed.data.data() + z * plane, truth.size.height, truth.size.width,
           threshold)
        .run([&](int pixel, topology_error what) { f(z * plane + static_cast<std::size_t>(pixel), what); });
}

}  // namespace detail

/// Warps the truth towards `proposed > threshold` as far as topology allows, slice by slice, and counts what is left.
/// Interior is 1 and white, membranes 0 and black; what lies outside of the image is black.
///
/// throws  std::invalid_argument where sizes differ
/// cost    about a walk through an object per pixel that is left
/// source  Jain et al., Boundary learning by optimization with topological constraints. CVPR 2010; classes of errors as
///         the evaluation of ISBI 2012 has them, without clustering
inline warping_errors warping_error(label_image const& truth, image<float> const& proposed, double threshold) {
  warping_errors all;
  all.pixels = truth.size.volume();
  detail::for_each_topology_error(truth, proposed, threshold, [&](std::size_t, topology_error what) { all.add(what); });
  return all;
}

/// Where they lie: each pixel a topology_error, `none` where the warped truth agrees. To be looked at.
/// throws, cost, source  as warping_error
inline label_image topology_errors(label_image const& truth, image<float> const& proposed, double threshold) {
  label_image map(truth.size);
  detail::for_each_topology_error(truth, proposed, threshold, [&](std::size_t pixel, topology_error what) {
    map.data[pixel] = static_cast<std::uint8_t>(what);
  });
  return map;
}

}  // namespace oxbow
