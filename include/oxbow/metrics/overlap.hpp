// How two segmentations into regions overlap: the Rand and the information scores.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/wording.hpp>

namespace oxbow {

/// A score and its two sides: precision falls where regions are merged, recall where they are split.
struct split_merge_score {
  double precision = 0, recall = 0, score = 0;
};

/// Pixels that true objects and proposed regions share. Pixels outside of true objects (0) are dropped; those that a
/// proposal calls border (0) are regions of one pixel each.
class overlap_table {
 public:
  overlap_table() = default;

  /// throws  std::invalid_argument where the sizes differ
  overlap_table(instance_image const& truth, instance_image const& proposed) {
    if (truth.size != proposed.size)
      throw std::invalid_argument("overlap_table: the truth measures " + size_text(truth.size) +
                                  " and the proposal " + size_text(proposed.size) + "; they must be of one size.");
    // Runs of equal pairs are counted before they are sorted: images are mostly runs.
    std::vector<run> runs;
    for (std::size_t i = 0; i < truth.data.size(); ++i) {
      if (truth.data[i] == 0) continue;
      pair const here{truth.data[i], proposed.data[i]};
      if (runs.empty() || runs.back().objects != here) runs.push_back({here, 0});
      ++runs.back().pixels;
    }
    std::sort(runs.begin(), runs.end(), [](run const& a, run const& b) { return a.objects < b.objects; });
    std::vector<run> by_proposal;
    std::int32_t of = 0;
    for (std::size_t i = 0; i < runs.size();) {
      std::int64_t pixels = 0;
      pair const here = runs[i].objects;
      for (; i < runs.size() && runs[i].objects == here; ++i) pixels += runs[i].pixels;
      if (truth_.empty() || of != here.first) truth_.push_back(0);
      of = here.first;
      truth_.back() += pixels;
      pixels_ += pixels;
      if (here.second == 0) {
        border_ += pixels;
        continue;
      }
      both_.push_back(pixels);
      by_proposal.push_back({{here.second, 0}, pixels});
    }
    std::sort(by_proposal.begin(), by_proposal.end(), [](run const& a, run const& b) { return a.objects < b.objects; });
    for (std::size_t i = 0; i < by_proposal.size(); ++i) {
      if (i == 0 || by_proposal[i].objects != by_proposal[i - 1].objects) proposed_.push_back(0);
      proposed_.back() += by_proposal[i].pixels;
    }
  }

  std::int64_t pixels() const { return pixels_; }                         ///< of true objects
  std::int64_t border_pixels() const { return border_; }                  ///< of these, what the proposal calls border
  std::vector<std::int64_t> const& in_truth() const { return truth_; }    ///< pixels of each object
  std::vector<std::int64_t> const& in_proposal() const { return proposed_; }  ///< of each region, within objects
  std::vector<std::int64_t> const& in_both() const { return both_; }      ///< of each pair that has any

 private:
  using pair = std::pair<std::int32_t, std::int32_t>;
  struct run {
    pair objects;
    std::int64_t pixels;
  };
  std::int64_t pixels_ = 0, border_ = 0;
  std::vector<std::int64_t> truth_, proposed_, both_;
};

/// Pairs of pixels, ordered and with themselves, that lie together: in both segmentations, in the proposal alone, in
/// the truth alone. Tables of several slices are added up before they are scored, where a score is pooled.
struct pair_counts {
  double together = 0, merged = 0, split = 0;

  pair_counts() = default;
  explicit pair_counts(overlap_table const& t) {
    auto const squares = [](std::vector<std::int64_t> const& sizes) {
      double sum = 0;
      for (std::int64_t const n : sizes) sum += static_cast<double>(n) * static_cast<double>(n);
      return sum;
    };
    double const single = static_cast<double>(t.border_pixels());
    together = squares(t.in_both()) + single;
    merged = squares(t.in_proposal()) + single - together;
    split = squares(t.in_truth()) - together;
  }
  pair_counts& operator+=(pair_counts const& o) {
    together += o.together, merged += o.merged, split += o.split;
    return *this;
  }

  /// F = 2·together / (2·together + merged + split). Nothing merged is a precision of 1, nothing split a recall of 1,
  /// also where there is nothing at all; with no pair at all F is 0.
  split_merge_score score() const {
    split_merge_score s;
    s.precision = merged == 0 ? 1 : together / (together + merged);
    s.recall = split == 0 ? 1 : together / (together + split);
    s.score = s.precision + s.recall > 0 ? 2 * s.precision * s.recall / (s.precision + s.recall) : 0;
    return s;
  }
};

/// The foreground-restricted Rand score: of V_Rand when borders have been thinned, see thin_borders.
/// source  Arganda-Carreras et al., Front. Neuroanat. 9:142, 2015, equation 3 with α = 1/2
inline split_merge_score rand_score(overlap_table const& t) { return pair_counts{t}.score(); }

/// The foreground-restricted information score, 2·I / (H(truth) + H(proposal)): V_Info when borders have been thinned.
/// precision is I/H(proposal) and recall I/H(truth). 0 where one of the two knows a single region alone.
/// source  the same, equation 5
inline split_merge_score information_score(overlap_table const& t) {
  double const n = static_cast<double>(t.pixels());
  auto const entropy = [&](std::vector<std::int64_t> const& sizes) {
    double sum = 0;
    for (std::int64_t const k : sizes) {
      double const p = static_cast<double>(k) / n;
      sum -= p * std::log(p);
    }
    return sum;
  };
  if (t.pixels() == 0) return {1, 1, 0};
  double const singles = static_cast<double>(t.border_pixels()) / n * std::log(n);
  double const truth = entropy(t.in_truth()), proposed = entropy(t.in_proposal()) + singles;
  double const shared = truth + proposed - (entropy(t.in_both()) + singles);
  if (!(truth > 0)) return {0, 1, 0};
  if (!(proposed > 0)) return {1, 0, 0};
  return {shared / proposed, shared / truth, std::max(0., 2 * shared / (truth + proposed))};
}

}  // namespace oxbow
