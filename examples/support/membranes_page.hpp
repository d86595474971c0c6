// The report of a membrane segmentation as one page: scores, pictures, curves, the network.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/lower/table.hpp>
#include <oxbow/metrics/membranes.hpp>
#include <oxbow/metrics/pixel.hpp>
#include <oxbow/train/report.hpp>

#include "best_threshold.hpp"
#include "experiment.hpp"
#include "folder.hpp"
#include "percentiles.hpp"
#include "tissue.hpp"

namespace support {

/// What has been made of the held-out images, and how good it is. shape  an image of each kind per held-out image
struct segmented_images {
  std::vector<oxbow::image<float>> interior;  ///< its probability
  std::vector<oxbow::label_image> labels;
  oxbow::confusion_matrix network{2}, threshold{2};  ///< the network's labels, and the best grey threshold of each image
  oxbow::membrane_report challenge;
  double seconds = 0;
};

/// A score watched while training, and what the best threshold scores on the same image.
struct watched {
  std::vector<double> steps, errors;
  double threshold = 0;
};

/// What the page tells of the network: texts, and its picture as SVG where that could be drawn.
struct network_facts {
  std::string parameters, table, plan, svg;
};

inline std::string percent(double share) { return std::isnan(share) ? "–" : oxbow::decimal(100 * share, 2) + " %"; }

namespace detail {

/// What a class is called, and its scores in both segmentations.
inline std::vector<std::vector<std::string>> score_rows(segmented_images const& s) {
  auto const row = [](std::string name, oxbow::confusion_matrix const& c) -> std::vector<std::string> {
    return {std::move(name),     percent(c.pixel_error()), percent(c.iou(0)),  percent(c.dice(0)),
            percent(c.recall(0)), percent(c.precision(0)),  percent(c.iou(1)), percent(c.dice(1))};
  };
  return {row("network", s.network), row("best threshold", s.threshold)};
}
inline std::vector<std::string> const score_titles{"",          "pixel error", "membrane IoU", "its Dice",
                                                   "its recall", "its precision", "interior IoU", "its Dice"};

/// Grey values as 0 … 255, with one in a thousand at each end clamped.
inline byte_image shown_grey(oxbow::image<float> const& grey) {
  float const low = percentile(grey.data, 0.001), high = percentile(grey.data, 0.999);
  return grey_picture(grey, low, high > low ? high : low + 1);
}

struct numbered_cells {
  oxbow::instance_image cells;
  std::int32_t count = 0;
};

inline numbered_cells cells_of(oxbow::label_image const& labels) {
  numbered_cells made;
  made.count = number_parts(labels.size, 30, [&](int y, int x) { return labels(y, x) == 1; }, made.cells);
  return made;
}

/// Gives each cell that was found the number of the true cell it shares most pixels with, so that both pictures show
/// the same cell in the same colour. A cell that lies on membrane only gets a number above all true ones.
inline oxbow::instance_image named_after(numbered_cells const& truth, numbered_cells const& found) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> shared;
  for (std::size_t i = 0; i < found.cells.data.size(); ++i)
    if (found.cells.data[i] > 0 && truth.cells.data[i] > 0) ++shared[{found.cells.data[i], truth.cells.data[i]}];
  std::vector<std::pair<std::int64_t, std::int32_t>> best(static_cast<std::size_t>(found.count) + 1);
  for (auto const& [pair, pixels] : shared) {
    auto& here = best[static_cast<std::size_t>(pair.first)];
    if (pixels > here.first) here = {pixels, pair.second};
  }
  oxbow::instance_image named = found.cells;
  for (auto& cell : named.data)
    if (cell > 0) {
      std::int32_t const name = best[static_cast<std::size_t>(cell)].second;
      cell = name > 0 ? name : truth.count + cell;
    }
  return named;
}

inline void show_image(page& report, std::string const& name, oxbow::image<float> const& image,
                       oxbow::label_image const& truth, oxbow::image<float> const& interior,
                       oxbow::label_image const& labels) {
  byte_image const grey = shown_grey(image), known = class_picture(truth, 2), seen = class_picture(labels, 2);
  byte_image const probable = grey_picture(interior);
  error_picture wrong = show_errors(grey, truth, labels, 0);
  numbered_cells const true_cells = cells_of(truth), found_cells = cells_of(labels);
  oxbow::confusion_matrix const counts = confusion(truth, labels, 2);
  oxbow::label_image const threshold = best_threshold(image, truth);
  auto const of_pixels = [&](std::int64_t some) {
    return percent(static_cast<double>(some) / static_cast<double>(counts.pixels()));
  };
  std::vector<legend_entry> const legend{{"membrane where there is none", error_picture::invented_colour},
                                         {"membrane missed", error_picture::missed_colour}};
  constexpr int side = 192;
  report.heading(name);
  report.text("The middle of it, enlarged:");
  report.row({{"Image", close_up(grey, side)},
              {"Truth", close_up(known, side)},
              {"Network", close_up(seen, side)},
              {"Errors", close_up(wrong.picture, side)}},
             legend);
  report.text("All of it:");
  report.row({{"Image", grey,
               std::to_string(image.size.width) + " pixels wide, " + std::to_string(image.size.height) + " high"},
              {"Truth", known, of_pixels(counts.in_truth(0)) + " is membrane, black"},
              {"Network", seen, percent(counts.pixel_error()) + " of its pixels are wrong"},
              {"Errors", std::move(wrong.picture),
               of_pixels(wrong.missed) + " membrane missed, " + of_pixels(wrong.invented) + " invented"},
              {"Probability of interior", probable, "black 0, white 1; grey where the network is in doubt"},
              {"Best threshold", class_picture(threshold, 2),
               percent(confusion(truth, threshold, 2).pixel_error()) + " wrong, the best that a grey value can do"},
              {"Cells, truth", object_picture(true_cells.cells), std::to_string(true_cells.count) + " cells"},
              {"Cells, network", object_picture(named_after(true_cells, found_cells)),
               std::to_string(found_cells.count) + " cells, each in the colour of the true one that it covers most"}},
             legend);
  report.text("Cells are connected interiors of 30 pixels or more. Where the network leaves a gap in a membrane, two "
              "cells become one.");
}

}  // namespace detail

/// The scores as a table for a terminal.
inline std::string score_text(segmented_images const& s) {
  oxbow::text_table table{{}, detail::score_rows(s)};
  for (auto const& title : detail::score_titles) table.titles.push_back(title.empty() ? title : ">" + title);
  return table.text();
}

/// The whole page. At most `most` of the held-out images are shown; all are counted.
inline page membranes_page(std::string const& subtitle, labelled_images const& held_out, segmented_images const& made,
                           oxbow::training_summary const& training, watched const& curve, network_facts const& net,
                           std::size_t most = 4) {
  page report{"Membranes", subtitle};
  report.facts({{percent(made.network.pixel_error()), "of unseen pixels wrong"},
                {percent(made.threshold.pixel_error()), "wrong with the best threshold"},
                {percent(made.network.iou(0)), "membrane IoU"},
                {oxbow::grouped(training.steps), "training steps"},
                {oxbow::decimal(training.seconds, 0) + " s", "of training"},
                {net.parameters, "parameters"}});
  report.table(detail::score_titles, detail::score_rows(made),
               "All held-out images together, " + oxbow::grouped(made.network.pixels()) +
                   " pixels. 1 − F of the interior at the best of eleven thresholds on its probability, as in the ISBI "
                   "2012 challenge: " + percent(made.challenge.pixel_error()) +
                   ". The best threshold was chosen for each image with its truth in hand. Segmented in " +
                   oxbow::decimal(made.seconds, 1) + " s.");
  for (std::size_t i = 0; i < std::min(most, held_out.size()); ++i)
    detail::show_image(report, held_out.names[i], held_out.images[i], held_out.labels[i], made.interior[i],
                       made.labels[i]);
  report.heading("Training");
  show_losses(report, training);
  std::vector<double> shares;
  for (double const e : curve.errors) shares.push_back(100 * e);
  report.curve({series{"wrong pixels in the middle of " + held_out.names[0] + ", which is not learned from, %",
                       curve.steps, std::move(shares)},
                series{"the same with its best threshold, %", curve.steps,
                       std::vector<double>(curve.steps.size(), 100 * curve.threshold)}},
               "step");
  report.heading("The network");
  if (!net.svg.empty()) report.drawing(net.svg, "The network", "Channels above the maps, sizes below.");
  report.lines(net.table);
  report.heading("What the compiler made of it");
  report.text("The plan of inference: one line is one kernel, and all of it runs in one block of memory.");
  report.lines(net.plan);
  return report;
}

}  // namespace support
