// The scores of the ISBI 2012 challenge over its thresholds, for a stack of slices.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/serial.hpp>
#include <oxbow/core/wording.hpp>
#include <oxbow/metrics/overlap.hpp>
#include <oxbow/metrics/warping.hpp>
#include <oxbow/objects/components.hpp>
#include <oxbow/objects/thinning.hpp>

namespace oxbow {

/// The challenge's thresholds: 0, 0.1, … by adding, so that the last is just below 1 and a map of zeros and ones has
/// both at every one of them.
inline std::vector<double> challenge_thresholds() {
  std::vector<double> all;
  double t = 0;
  for (int i = 0; i < 11; ++i, t += 0.1) all.push_back(t);
  return all;
}

/// What one threshold makes of all slices.
struct membrane_scores {
  double threshold = 0;
  double v_rand = 0, v_info = 0;  ///< after thinning, mean over the slices: higher is better
  double rand_error = 0;          ///< 1 − F of pairs of pixels, all slices together, without thinning
  double warping_error = std::numeric_limits<double>::quiet_NaN();  ///< of splits and mergers
  /// Share of the objects of which nothing is found, however far borders are moved: the warping error forgives them.
  double lost_objects = std::numeric_limits<double>::quiet_NaN();
  double pixel_error = 0;         ///< 1 − F of interior pixels, all slices together
  double wrong_pixels = 0;        ///< share of pixels on the wrong side
  double iou = 0, dice = 0;       ///< of the interior; Dice is 1 − pixel_error
};

/// The scores at every threshold, and the best of each score at a threshold of its own, as the challenge reports them.
struct membrane_report {
  std::vector<membrane_scores> at;

  double v_rand() const { return best(&membrane_scores::v_rand); }
  double v_info() const { return best(&membrane_scores::v_info); }
  double rand_error() const { return best(&membrane_scores::rand_error, -1); }
  /// Of the thresholds up to 0.9, as the challenge asks: where nothing is proposed, nothing is split or merged.
  double warping_error() const { return best(&membrane_scores::warping_error, -1, 0.95); }
  /// Where it is the least, at the lowest of such thresholds; null without warping errors.
  membrane_scores const* least_warped() const {
    auto const row = std::ranges::find(at, warping_error(), &membrane_scores::warping_error);
    return row == at.end() ? nullptr : &*row;
  }
  /// At that threshold.
  double lost_objects() const {
    auto const* const row = least_warped();
    return row ? row->lost_objects : std::numeric_limits<double>::quiet_NaN();
  }
  double pixel_error() const { return best(&membrane_scores::pixel_error, -1); }
  double wrong_pixels() const { return best(&membrane_scores::wrong_pixels, -1); }
  double iou() const { return best(&membrane_scores::iou); }
  double dice() const { return best(&membrane_scores::dice); }

 private:
  double best(double membrane_scores::*of, double sign = 1, double below = 2) const {
    double found = std::numeric_limits<double>::quiet_NaN();
    for (auto const& s : at)
      if (s.threshold < below && s.*of == s.*of && !(sign * (s.*of) <= sign * found)) found = s.*of;
    return found;
  }
};

struct membrane_options {
  std::vector<double> thresholds = challenge_thresholds();
  bool warping = true;  ///< the warping error takes most of the time
};

namespace detail {

/// What one slice adds at one threshold.
struct slice_scores {
  double v_rand = 0, v_info = 0;
  pair_counts pairs;
  warping_errors warping;
  std::int64_t both = 0, proposed = 0, interior = 0, wrong = 0, pixels = 0;
};

inline slice_scores score_slice(label_image const& truth, instance_image const& objects, image<float> const& proposed,
                                double threshold, bool warping) {
  slice_scores s;
  image<std::uint8_t> interior(truth.size);
  for (std::size_t i = 0; i < interior.data.size(); ++i) {
    bool const taken = static_cast<double>(proposed.data[i]) > threshold, is = objects.data[i] != 0;
    interior.data[i] = taken;
    if (truth.data[i] == ignored) continue;
    s.both += taken && is, s.proposed += taken, s.interior += is, s.wrong += taken != is, ++s.pixels;
  }
  overlap_table const thinned(objects, thin_borders(std::as_const(interior).view()));
  s.v_rand = rand_score(thinned).score, s.v_info = information_score(thinned).score;
  s.pairs = pair_counts{overlap_table(objects, components_of(interior).objects)};
  if (warping) s.warping = warping_error(truth, proposed, threshold);
  return s;
}

}  // namespace detail

/// Scores slices by the challenge's rules. Labels: 1 is interior, 0 membrane; ignored pixels are in no object and are
/// not counted. Proposals: the probability of interior. A stack counts as its slices.
///
/// throws  std::invalid_argument naming the slice where something does not fit
/// cost    per slice of 512² and threshold about 15 ms and the warping error; for_each shares the pieces out
/// source  Arganda-Carreras et al., Front. Neuroanat. 9:142, 2015, and the challenge's evaluation scripts
template <class ForEach = serial_for>
membrane_report score_membranes(std::span<label_image const> truth, std::span<image<float> const> interior,
                                membrane_options const& options = {}, ForEach&& for_each = {}) {
  if (truth.size() != interior.size() || truth.empty())
    throw std::invalid_argument("score_membranes: there are " + std::to_string(truth.size()) + " label images and " +
                                std::to_string(interior.size()) + " proposals; give one for each, at least one.");
  struct slice {
    label_image labels;
    instance_image objects;
    image<float> proposed;
  };
  std::vector<slice> slices;
  std::int64_t objects = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    label_image const& labels = truth[i];
    if (labels.size != interior[i].size || interior[i].channels != 1 || labels.empty())
      throw std::invalid_argument("score_membranes: the labels of image " + std::to_string(i) + " measure " +
                                  size_text(labels.size) + " and its proposal " + size_text(interior[i].size) +
                                  " with " + std::to_string(interior[i].channels) +
                                  " channels; they must be of one size, with one channel and some pixels.");
    for (std::size_t k = 0; k < labels.data.size(); ++k)
      if (labels.data[k] > 1 && labels.data[k] != ignored)
        throw std::invalid_argument("score_membranes: the label of image " + std::to_string(i) + " at " +
                                    place_text(labels.size, static_cast<std::int64_t>(k)) + " is " +
                                    std::to_string(labels.data[k]) + "; membranes are 0 and interior is 1.");
    extent const one{1, labels.size.height, labels.size.width};
    auto const plane = static_cast<std::ptrdiff_t>(one.volume());
    for (std::ptrdiff_t z = 0; z < labels.size.depth; ++z) {
      slice s{label_image(one), {}, image<float>(one)};
      std::copy_n(labels.data.begin() + z * plane, plane, s.labels.data.begin());
      std::copy_n(interior[i].data.begin() + z * plane, plane, s.proposed.data.begin());
      components found = components_of(s.labels);
      objects += found.count, s.objects = std::move(found.objects);
      slices.push_back(std::move(s));
    }
  }
  std::size_t const rows = options.thresholds.size();
  std::vector<detail::slice_scores> pieces(slices.size() * rows);
  for_each(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t piece) {
    auto const p = static_cast<std::size_t>(piece);
    slice const& s = slices[p / rows];
    pieces[p] = detail::score_slice(s.labels, s.objects, s.proposed, options.thresholds[p % rows], options.warping);
  });
  membrane_report report;
  for (std::size_t t = 0; t < rows; ++t) {
    detail::slice_scores all;
    for (std::size_t i = 0; i < slices.size(); ++i) {
      auto const& s = pieces[i * rows + t];
      all.v_rand += s.v_rand, all.v_info += s.v_info, all.pairs += s.pairs, all.warping += s.warping;
      all.both += s.both, all.proposed += s.proposed, all.interior += s.interior;
      all.wrong += s.wrong, all.pixels += s.pixels;
    }
    auto const ratio = [](std::int64_t part, std::int64_t whole) {
      return whole == 0 ? 0. : static_cast<double>(part) / static_cast<double>(whole);
    };
    membrane_scores row;
    row.threshold = options.thresholds[t];
    row.v_rand = all.v_rand / static_cast<double>(slices.size());
    row.v_info = all.v_info / static_cast<double>(slices.size());
    row.rand_error = 1 - all.pairs.score().score;
    if (options.warping) {
      row.warping_error = all.warping.error();
      row.lost_objects = ratio(all.warping.deletions, objects);
    }
    row.dice = ratio(2 * all.both, all.proposed + all.interior);
    row.iou = ratio(all.both, all.proposed + all.interior - all.both);
    row.pixel_error = 1 - row.dice;
    row.wrong_pixels = ratio(all.wrong, all.pixels);
    report.at.push_back(row);
  }
  return report;
}

}  // namespace oxbow
