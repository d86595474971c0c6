// Scores that count pixels: accuracy, IoU, Dice.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <oxbow/core/image.hpp>
#include <oxbow/core/wording.hpp>

namespace oxbow {

/// How often each class was taken for each class. Pixels whose truth is `ignored` are not counted.
///
/// A score that has nothing to divide by is not a number: all scores while no pixel is counted, and those of a class
/// that occurs neither in truth nor in prediction. The means leave such classes out. A class that occurs
/// in one of the two alone has an IoU and a Dice of 0.
class confusion_matrix {
 public:
  explicit confusion_matrix(int classes) : classes_{classes} {
    if (classes < 1 || classes > ignored)
      throw std::invalid_argument("confusion_matrix: 1 to 255 classes can be told apart, but " +
                                  std::to_string(classes) + " are asked for.");
    counts_.resize(static_cast<std::size_t>(classes) * static_cast<std::size_t>(classes));
  }

  /// Adds the pixels of one image.
  /// throws  std::invalid_argument where extents differ or a class is out of range; nothing has been added then
  void add(image_view<std::uint8_t const> truth, image_view<std::uint8_t const> predicted) {
    if (truth.size != predicted.size || truth.channels != 1 || predicted.channels != 1)
      throw std::invalid_argument("confusion_matrix: the truth measures " + size_text(truth.size) +
                                  " and the prediction " + size_text(predicted.size) +
                                  "; both must have one extent and one channel.");
    std::vector<std::int64_t> counts = counts_;
    for (std::int64_t i = 0; i < truth.count(); ++i) {
      if (truth.data[i] == ignored) continue;
      check("truth", truth, i);
      check("prediction", predicted, i);
      ++counts[place(truth.data[i], predicted.data[i])];
    }
    counts_.swap(counts);
  }
  void add(label_image const& truth, label_image const& predicted) { add(truth.view(), predicted.view()); }

  confusion_matrix& operator+=(confusion_matrix const& other) {
    if (other.classes_ != classes_)
      throw std::invalid_argument("confusion_matrix: " + std::to_string(other.classes_) +
                                  " classes cannot be added to " + std::to_string(classes_) + ".");
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    return *this;
  }

  int classes() const { return classes_; }
  /// Pixels of class `truth` that were taken for `predicted`.
  std::int64_t operator()(int truth, int predicted) const { return counts_[place(truth, predicted)]; }

  std::int64_t pixels() const {
    std::int64_t sum = 0;
    for (std::int64_t const c : counts_) sum += c;
    return sum;
  }
  std::int64_t in_truth(int c) const {
    std::int64_t sum = 0;
    for (int k = 0; k < classes_; ++k) sum += (*this)(c, k);
    return sum;
  }
  std::int64_t in_prediction(int c) const {
    std::int64_t sum = 0;
    for (int k = 0; k < classes_; ++k) sum += (*this)(k, c);
    return sum;
  }

  /// Share of pixels whose class is right, and of those whose class is wrong.
  double accuracy() const {
    std::int64_t right = 0;
    for (int c = 0; c < classes_; ++c) right += (*this)(c, c);
    return ratio(right, pixels());
  }
  double pixel_error() const {
    std::int64_t wrong = pixels();
    for (int c = 0; c < classes_; ++c) wrong -= (*this)(c, c);
    return ratio(wrong, pixels());
  }

  double precision(int c) const { return ratio((*this)(c, c), in_prediction(c)); }
  double recall(int c) const { return ratio((*this)(c, c), in_truth(c)); }

  /// Intersection over union, |T ∩ P| / |T ∪ P|.
  double iou(int c) const { return ratio((*this)(c, c), in_truth(c) + in_prediction(c) - (*this)(c, c)); }
  /// 2·|T ∩ P| / (|T| + |P|), which is also the F1 score of the class.
  double dice(int c) const { return ratio(2 * (*this)(c, c), in_truth(c) + in_prediction(c)); }

  double mean_iou() const {
    return mean([&](int c) { return iou(c); });
  }
  double mean_dice() const {
    return mean([&](int c) { return dice(c); });
  }

 private:
  std::size_t place(int truth, int predicted) const {
    return static_cast<std::size_t>(truth) * static_cast<std::size_t>(classes_) + static_cast<std::size_t>(predicted);
  }
  static double ratio(std::int64_t part, std::int64_t whole) {
    if (whole == 0) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(part) / static_cast<double>(whole);
  }
  template <class Score> double mean(Score score) const {
    double sum = 0;
    std::int64_t present = 0;
    for (int c = 0; c < classes_; ++c) {
      if (in_truth(c) + in_prediction(c) == 0) continue;
      sum += score(c);
      ++present;
    }
    return present == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(present);
  }
  void check(char const* which, image_view<std::uint8_t const> labels, std::int64_t i) const {
    if (labels.data[i] < classes_) return;
    throw std::invalid_argument("confusion_matrix: the " + std::string{which} + " at " + place_text(labels.size, i) +
                                " is class " + std::to_string(labels.data[i]) + ", but there are " +
                                std::to_string(classes_) + " classes; map it to one of them, or to 255 in the truth.");
  }

  int classes_;
  std::vector<std::int64_t> counts_;  ///< truth × prediction
};

/// The matrix of one image.
inline confusion_matrix confusion(label_image const& truth, label_image const& predicted, int classes) {
  confusion_matrix counts(classes);
  counts.add(truth, predicted);
  return counts;
}

}  // namespace oxbow
