// A line chart as SVG, in the colours of the page around it.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace support {

/// One line of a chart. Points whose value is infinite or not a number are left out.
struct series {
  std::string name;
  std::vector<double> x, y;
  /// Drawn pale, with its running mean over it. The axis then has room for 98 of 100 values; others lie at its ends.
  bool smooth = false;
};

namespace detail {

/// Text as it may stand in HTML and in attributes.
inline std::string escaped(std::string const& text) {
  std::string safe;
  for (char const c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

inline std::string number(double v, char const* format = "%.6g") {
  char text[48];
  std::snprintf(text, sizeof text, format, v);
  return text;
}

/// About `wanted` round numbers between low and high, a step of 1, 2 or 5 times a power of ten apart.
inline std::vector<double> round_ticks(double low, double high, int wanted) {
  double const rough = (high - low) / wanted, power = std::pow(10, std::floor(std::log10(rough)));
  double const lead = rough / power, step = power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
  std::vector<double> ticks;
  double const first = std::ceil(low / step - 1e-9);
  for (int k = 0; k <= 2 * wanted && (first + k) * step <= high + 1e-9 * step; ++k)
    ticks.push_back((first + k) * step + 0.0);
  return ticks;
}

/// A running mean over a twentieth of the points on both sides together.
inline std::vector<double> running_mean(std::vector<double> const& values) {
  std::size_t const n = values.size(), reach = std::max<std::size_t>(1, n / 40);
  std::vector<double> sums(n + 1, 0), mean(n);
  for (std::size_t i = 0; i < n; ++i) sums[i + 1] = sums[i] + values[i];
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t const from = i < reach ? 0 : i - reach, to = std::min(n, i + reach + 1);
    mean[i] = (sums[to] - sums[from]) / static_cast<double>(to - from);
  }
  return mean;
}

/// The values that decide how far the axis goes.
inline std::vector<double> telling(series const& line) {
  if (!line.smooth || line.y.empty()) return line.y;
  std::vector<double> sorted = line.y, some = running_mean(line.y);
  std::sort(sorted.begin(), sorted.end());
  std::size_t const last = sorted.size() - 1, few = last / 100;
  some.push_back(sorted[few]);
  some.push_back(sorted[last - few]);
  return some;
}

/// A chart's frame: places in user units for values.
struct chart {
  double left, top, right, bottom;
  double low_x, high_x, low_y, high_y;
  bool logarithmic;

  double across(double x) const { return left + (right - left) * (x - low_x) / (high_x - low_x); }
  double down(double value) const {
    double const y = std::clamp(value, low_y, high_y);
    if (logarithmic) return bottom - (bottom - top) * std::log(y / low_y) / std::log(high_y / low_y);
    return bottom - (bottom - top) * (y - low_y) / (high_y - low_y);
  }
  /// Of long series every so-many points are joined to their mean: more than two per unit are never seen.
  std::string path(std::vector<double> const& x, std::vector<double> const& y) const {
    auto const most = static_cast<std::size_t>(2 * (right - left));
    std::size_t const bundle = std::max<std::size_t>(1, (x.size() + most - 1) / most);
    std::string d;
    for (std::size_t i = 0; i < x.size(); i += bundle) {
      std::size_t const n = std::min(bundle, x.size() - i);
      double sx = 0, sy = 0;
      for (std::size_t k = i; k < i + n; ++k) sx += x[k], sy += y[k];
      double const count = static_cast<double>(n);
      d += (d.empty() ? "M" : "L") + number(across(sx / count), "%.1f") + " " + number(down(sy / count), "%.1f");
    }
    return d;
  }
};

}  // namespace detail

/// The chart, `width` × `height` user units. The axis of values is logarithmic where all are positive and the
/// largest is over 30 times the smallest.
inline std::string chart_svg(std::vector<series> lines, std::string const& x_name, double width, double height) {
  using detail::number;
  bool any = false, positive = true;
  double low_x = 0, high_x = 0, low_y = 0, high_y = 0;
  for (series& line : lines) {
    series kept{line.name, {}, {}, line.smooth};
    for (std::size_t i = 0; i < std::min(line.x.size(), line.y.size()); ++i) {
      if (!std::isfinite(line.x[i]) || !std::isfinite(line.y[i])) continue;
      kept.x.push_back(line.x[i]), kept.y.push_back(line.y[i]);
    }
    line = std::move(kept);
    if (line.x.empty()) continue;
    auto const [first, last] = std::ranges::minmax(line.x);
    auto const [low, high] = std::ranges::minmax(detail::telling(line));
    low_x = any ? std::min(low_x, first) : first, high_x = any ? std::max(high_x, last) : last;
    low_y = any ? std::min(low_y, low) : low, high_y = any ? std::max(high_y, high) : high;
    any = true;
    positive = positive && low > 0;
  }
  if (!any) return "<p class=\"note\">No values to draw.</p>";
  bool const logarithmic = positive && high_y > 30 * low_y;
  if (!logarithmic && low_y > 0 && low_y < 0.5 * high_y) low_y = 0;
  if (high_x == low_x) high_x += 1;
  if (high_y == low_y) high_y += std::max(1e-9, 0.1 * std::abs(high_y));
  if (!logarithmic) high_y += 0.04 * (high_y - low_y);

  detail::chart const c{52, 12, width - 14, height - 44, low_x, high_x, low_y, high_y, logarithmic};
  std::string svg =
      "<svg viewBox=\"0 0 " + number(width) + " " + number(height) + "\" role=\"img\" aria-label=\"chart\">";
  auto const text = [&](double x, double y, char const* anchor, std::string const& what) {
    svg += "<text x=\"" + number(x, "%.1f") + "\" y=\"" + number(y, "%.1f") + "\" text-anchor=\"" + anchor + "\">" +
           detail::escaped(what) + "</text>";
  };
  std::vector<double> rows;
  if (logarithmic) {
    for (double power = std::pow(10, std::floor(std::log10(low_y))); power <= high_y; power *= 10)
      for (double const lead : {1., 2., 5.})
        if (lead * power >= low_y && lead * power <= high_y) rows.push_back(lead * power);
  } else {
    rows = detail::round_ticks(low_y, high_y, 5);
  }
  for (double const y : rows) {
    svg += "<path class=\"grid\" d=\"M" + number(c.left) + " " + number(c.down(y), "%.1f") + "H" + number(c.right) +
           "\"/>";
    text(c.left - 8, c.down(y) + 4, "end", number(y, "%.3g"));
  }
  for (double const x : detail::round_ticks(low_x, high_x, width > 500 ? 8 : 4))
    text(c.across(x), c.bottom + 18, "middle", number(x, "%.6g"));
  svg += "<path class=\"axis\" d=\"M" + number(c.left) + " " + number(c.bottom) + "H" + number(c.right) + "\"/>";
  text((c.left + c.right) / 2, c.bottom + 37, "middle", x_name);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string const kind = "line c" + std::to_string(i % 4);
    auto const draw = [&](std::string const& extra, std::vector<double> const& y) {
      svg += "<path class=\"" + kind + extra + "\" d=\"" + c.path(lines[i].x, y) + "\"/>";
    };
    draw(lines[i].smooth ? " pale" : "", lines[i].y);
    if (lines[i].smooth) draw("", detail::running_mean(lines[i].y));
  }
  return svg + "</svg>";
}

}  // namespace support
