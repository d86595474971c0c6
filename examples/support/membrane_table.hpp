// The challenge's scores of membranes, in columns.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include <oxbow/lower/table.hpp>
#include <oxbow/metrics/membranes.hpp>

namespace support {

struct membrane_column {
  using member = double oxbow::membrane_scores::*;  // named: else nvcc writes parentheses of which g++ warns
  char const *title, *name;                         ///< on a page, and in a file
  member score;
  int digits;
};

inline constexpr membrane_column membrane_columns[] = {
    {"V_Rand", "v_rand", &oxbow::membrane_scores::v_rand, 5},
    {"V_Info", "v_info", &oxbow::membrane_scores::v_info, 5},
    {"Rand error", "rand_error", &oxbow::membrane_scores::rand_error, 5},
    {"warping error", "warping_error", &oxbow::membrane_scores::warping_error, 7},
    {"lost", "lost_objects", &oxbow::membrane_scores::lost_objects, 3},
    {"pixel error", "pixel_error", &oxbow::membrane_scores::pixel_error, 5},
    {"IoU", "iou", &oxbow::membrane_scores::iou, 5},
    {"Dice", "dice", &oxbow::membrane_scores::dice, 5},
};

/// Each score at the threshold that is best for it, as the challenge takes them, and the objects lost at that of the
/// warping error.
inline oxbow::membrane_scores best_of(oxbow::membrane_report const& r) {
  return {.v_rand = r.v_rand(),
          .v_info = r.v_info(),
          .rand_error = r.rand_error(),
          .warping_error = r.warping_error(),
          .lost_objects = r.lost_objects(),
          .pixel_error = r.pixel_error(),
          .wrong_pixels = r.wrong_pixels(),
          .iou = r.iou(),
          .dice = r.dice()};
}

inline std::vector<std::string> membrane_titles(std::string first, std::string const& before = {}) {
  std::vector<std::string> titles{std::move(first)};
  for (auto const& c : membrane_columns) titles.push_back(before + c.title);
  return titles;
}

inline std::vector<std::string> membrane_row(std::string first, oxbow::membrane_scores const& s) {
  std::vector<std::string> row{std::move(first)};
  for (auto const& c : membrane_columns) row.push_back(oxbow::decimal(s.*c.score, c.digits));
  return row;
}

/// A row for each threshold, and the best of them all.
inline std::vector<std::vector<std::string>> threshold_rows(oxbow::membrane_report const& report) {
  std::vector<std::vector<std::string>> rows;
  for (auto const& at : report.at) rows.push_back(membrane_row(oxbow::decimal(at.threshold, 1), at));
  rows.push_back(membrane_row("best", best_of(report)));
  return rows;
}

/// The same for a terminal.
inline std::string membrane_text(std::string first, std::vector<std::vector<std::string>> rows) {
  return oxbow::text_table{membrane_titles(std::move(first), ">"), std::move(rows)}.text();
}

}  // namespace support
