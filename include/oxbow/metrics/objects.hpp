// Scores of the Cell Tracking Challenge: how well objects are found, and how well outlined.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/wording.hpp>

namespace oxbow {

/// Counts over all images of a set. A true object is matched by the found object that covers more than half of it;
/// there is at most one. Numbers need not run without gaps; 0 is background. A stack is one image with one set of
/// numbers.
///
/// source  Maška et al., Bioinformatics 30, 2014 (SEG); Matula et al., PLoS ONE 10, 2015 (DET)
class object_scores {
 public:
  /// throws  std::invalid_argument where the sizes differ or a number is negative; nothing has been added then
  void add(instance_image const& truth, instance_image const& found) {
    if (truth.size != found.size)
      throw std::invalid_argument("object_scores: the truth measures " + size_text(truth.size) +
                                  " and what was found " + size_text(found.size) + "; they must be of one size.");
    std::map<std::int32_t, std::int64_t> in_truth, in_found;
    std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> in_both;
    // Runs of equal pairs, so that the maps are asked once per run.
    for (std::size_t i = 0; i < truth.data.size();) {
      std::int32_t const t = truth.data[i], f = found.data[i];
      if (t < 0 || f < 0)
        throw std::invalid_argument("object_scores: there is a negative object number at " +
                                    place_text(truth.size, static_cast<std::int64_t>(i)) +
                                    "; objects are numbered from 1, and background is 0.");
      std::size_t const from = i;
      while (i < truth.data.size() && truth.data[i] == t && found.data[i] == f) ++i;
      auto const n = static_cast<std::int64_t>(i - from);
      if (t != 0) in_truth[t] += n;
      if (f != 0) in_found[f] += n;
      if (t != 0 && f != 0) in_both[{t, f}] += n;
    }
    std::map<std::int32_t, std::int64_t> matches;  // of each found object
    for (auto const& [pair, both] : in_both) {
      std::int64_t const t = in_truth[pair.first];
      if (2 * both <= t) continue;
      ++matched_;
      ++matches[pair.second];
      jaccard_ += static_cast<double>(both) / static_cast<double>(t + in_found[pair.second] - both);
    }
    for (auto const& [number, n] : matches) merged_ += n - 1;
    true_ += static_cast<std::int64_t>(in_truth.size());
    found_ += static_cast<std::int64_t>(in_found.size());
    unmatched_ += static_cast<std::int64_t>(in_found.size() - matches.size());
  }

  std::int64_t true_objects() const { return true_; }
  std::int64_t found_objects() const { return found_; }
  std::int64_t missed() const { return true_ - matched_; }  ///< true objects that nothing matches
  std::int64_t invented() const { return unmatched_; }      ///< found objects that match nothing
  std::int64_t merged() const { return merged_; }           ///< matches beyond the first of one found object

  /// Mean, over all true objects, of |T ∩ F| / |T ∪ F| of the match, 0 where there is none; 0 without true objects.
  double seg() const { return true_ == 0 ? 0 : jaccard_ / static_cast<double>(true_); }

  /// 1 − cost / cost of finding nothing, at least 0, where a merger costs 5, a missed object 10, an invented one 1.
  /// Without true objects: 1 where nothing was found, and 0 else.
  double det() const {
    if (true_ == 0) return found_ == 0 ? 1 : 0;
    double const nothing = 10 * static_cast<double>(true_);
    double const cost = 5 * static_cast<double>(merged_) + 10 * static_cast<double>(missed()) +
                        static_cast<double>(unmatched_);
    return 1 - std::min(cost, nothing) / nothing;
  }

 private:
  std::int64_t true_ = 0, found_ = 0, matched_ = 0, unmatched_ = 0, merged_ = 0;
  double jaccard_ = 0;
};

}  // namespace oxbow
