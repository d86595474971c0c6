// The report of a membrane segmentation as one page: scores, pictures, curves, the network.
#pragma once
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/lower/table.hpp>
#include <oxbow/metrics/pixel.hpp>
#include <oxbow/train/report.hpp>

#include "folder.hpp"
#include "report.hpp"
#include "scores.hpp"
#include "tissue.hpp"

namespace support {

/// Both ways to segment the held-out images, counted: the network's, and the best grey threshold of each image.
struct membrane_scores {
  oxbow::confusion_matrix network{2}, threshold{2};
  threshold_sweep sweep;
};

/// What has been made of the held-out images. shape  one of each per image
struct segmented_images {
  std::vector<oxbow::image<float>> probabilities;
  std::vector<oxbow::label_image> labels;
  membrane_scores scores;
  double seconds = 0;
};

/// A score watched while training.
struct watched {
  std::vector<double> steps, errors;
};

/// What the page tells of the network: texts, and its picture as SVG where that could be drawn.
struct network_facts {
  std::string parameters, table, plan, svg;
};

inline std::string percent(double share) { return std::isnan(share) ? "–" : oxbow::decimal(100 * share, 2) + " %"; }

namespace detail {

/// What a class is called, and its scores in both segmentations.
inline std::vector<std::vector<std::string>> score_rows(membrane_scores const& s) {
  auto const row = [](std::string name, oxbow::confusion_matrix const& c) -> std::vector<std::string> {
    return {std::move(name),     percent(c.pixel_error()), percent(c.iou(0)),  percent(c.dice(0)),
            percent(c.recall(0)), percent(c.precision(0)),  percent(c.iou(1)), percent(c.dice(1))};
  };
  return {row("network", s.network), row("best threshold", s.threshold)};
}
inline std::vector<std::string> const score_titles{"",      "pixel error", "membrane IoU", "Dice", "recall",
                                                   "precision", "interior IoU", "Dice"};

/// Grey values as 0 … 255, with one in a thousand at each end clamped.
inline byte_image shown_grey(oxbow::image<float> const& grey) {
  std::vector<float> sorted = grey.data;
  auto const at = [&](double share) {
    auto const place = sorted.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(sorted.size() - 1));
    std::nth_element(sorted.begin(), place, sorted.end());
    return *place;
  };
  float const low = at(0.001), high = at(0.999);
  return grey_picture(grey, low, high > low ? high : low + 1);
}

inline byte_image cells_of(oxbow::label_image const& labels, std::int32_t& count) {
  oxbow::instance_image cells;
  count = number_parts(labels.size, 30, [&](int y, int x) { return labels(y, x) == 1; }, cells);
  return object_picture(cells);
}

inline void show_image(page& report, std::string const& name, oxbow::image<float> const& image,
                       oxbow::label_image const& truth, oxbow::image<float> const& probabilities,
                       oxbow::label_image const& labels) {
  byte_image const grey = shown_grey(image);
  error_picture wrong = show_errors(grey, truth, labels, 0);
  std::int32_t known = 0, found = 0;
  byte_image truth_cells = cells_of(truth, known), found_cells = cells_of(labels, found);
  oxbow::confusion_matrix const counts = confusion(truth, labels, 2);
  report.heading(name);
  report.row({{"Image", grey, oxbow::size_text(image.size) + " pixels"},
              {"Truth", class_picture(truth, 2), percent(static_cast<double>(counts.in_truth(0)) /
                                                         static_cast<double>(counts.pixels())) + " membrane"},
              {"Network", class_picture(labels, 2), percent(counts.pixel_error()) + " of its pixels are wrong"},
              {"Probability of interior", grey_picture(probabilities, 0, 1, 1), "black 0, white 1"},
              {"Errors", std::move(wrong.picture), oxbow::grouped(wrong.invented + wrong.missed) + " pixels"},
              {"Best threshold", class_picture(best_threshold(image, truth), 2), "the best that a grey value can do"},
              {"Cells, truth", std::move(truth_cells), std::to_string(known) + " parts of 30 pixels or more"},
              {"Cells, network", std::move(found_cells), std::to_string(found) + " parts of 30 pixels or more"}},
             {{"membrane where there is none", error_picture::invented_colour},
              {"membrane missed", error_picture::missed_colour}});
}

}  // namespace detail

/// The scores as a table for a terminal.
inline std::string score_text(membrane_scores const& s) {
  oxbow::text_table table{{}, detail::score_rows(s)};
  for (auto const& title : detail::score_titles) table.titles.push_back(title.empty() ? title : ">" + title);
  return table.text();
}

/// The whole page. At most `most` of the held-out images are shown; all are counted.
inline page membranes_page(std::string const& subtitle, labelled_images const& held_out, segmented_images const& made,
                           oxbow::training_summary const& training, watched const& curve, network_facts const& net,
                           std::size_t most = 4) {
  membrane_scores const& s = made.scores;
  page report{"Membranes", subtitle};
  report.facts({{percent(s.network.pixel_error()), "of unseen pixels wrong"},
                {percent(s.threshold.pixel_error()), "with the best threshold"},
                {percent(s.network.iou(0)), "membrane IoU"},
                {oxbow::grouped(training.steps), "training steps"},
                {oxbow::decimal(training.seconds, 0) + " s", "of training"},
                {net.parameters, "parameters"}});
  report.table(detail::score_titles, detail::score_rows(s),
               "All held-out images together, " + oxbow::grouped(s.network.pixels()) +
                   " pixels. 1 − F of the interior at the best of eleven thresholds on its probability, as in the ISBI "
                   "2012 challenge: " + percent(s.sweep.error()) +
                   ". The best threshold was chosen for each image with its truth in hand. Segmented in " +
                   oxbow::decimal(made.seconds, 1) + " s.");
  for (std::size_t i = 0; i < std::min(most, held_out.size()); ++i)
    detail::show_image(report, held_out.names[i], held_out.images[i], held_out.labels[i], made.probabilities[i],
                       made.labels[i]);
  report.heading("Training");
  std::vector<double> steps, losses;
  for (std::size_t i = 0; i < training.losses.size(); ++i) {
    steps.push_back(static_cast<double>(training.first_step) + static_cast<double>(i) + 1);
    losses.push_back(static_cast<double>(training.losses[i]));
  }
  report.curve({series{"loss of each step, and its running mean", std::move(steps), std::move(losses), true}}, "step");
  std::vector<double> shares;
  for (double const e : curve.errors) shares.push_back(100 * e);
  report.curve({series{"wrong pixels of an image that is not learned from, %", curve.steps, std::move(shares)}}, "step");
  report.heading("The network");
  if (!net.svg.empty()) report.drawing(net.svg, "The network", "Channels above the maps, sizes below.");
  report.lines(net.table);
  report.heading("What the compiler made of it");
  report.text("The plan of inference: one line is one kernel, and all of it runs in one block of memory.");
  report.lines(net.plan);
  return report;
}

}  // namespace support
