// Plain text in columns, and numbers as people read them.
#pragma once
#include <charconv>
#include <cstdint>
#include <string>
#include <vector>

namespace oxbow {

/// 31030658 → "31,030,658"
inline std::string grouped(std::int64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3 + (n < 0 ? 1u : 0u);) text.insert(at -= 3, ",");
  return text;
}

/// With a point whatever the locale.
inline std::string decimal(double x, int digits) {
  char text[400];  // the largest double has 309 digits before the point
  return {text, std::to_chars(text, text + sizeof text, x, std::chars_format::fixed, digits).ptr};
}

/// Four digits and a prefix of the thousands: 117613568 → "117.6 M", 640 → "640".
inline std::string short_count(std::int64_t n) {
  constexpr char const* prefixes[] = {"", "k", "M", "G", "T", "P"};
  double x = static_cast<double>(n);
  int thousands = 0;
  for (; x >= 999.95 && thousands < 5; ++thousands) x *= 1e-3;
  int const digits = thousands == 0 ? 0 : x < 9.9995 ? 3 : x < 99.995 ? 2 : 1;
  return decimal(x, digits) + (thousands > 0 ? " " : "") + prefixes[thousands];
}
inline std::string bytes_text(std::int64_t bytes) { return short_count(bytes) + (bytes < 1000 ? " B" : "B"); }

/// A table whose columns are as wide as their widest cell, two spaces apart. Titles beginning with '>'
/// align their column to the right.
struct text_table {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> rows;

  std::string text() const {
    std::vector<std::size_t> widths;
    std::vector<std::string> head;
    for (std::string const& t : titles) head.push_back(is_right(t) ? t.substr(1) : t);
    for (std::size_t c = 0; c < head.size(); ++c) {
      widths.push_back(head[c].size());
      for (auto const& row : rows)
        if (row[c].size() > widths[c]) widths[c] = row[c].size();
    }
    std::string result = line(head, widths);
    std::size_t total = 0;
    for (std::size_t w : widths) total += w + 2;
    result += std::string(total - 2, '-') + '\n';
    for (auto const& row : rows) result += line(row, widths);
    return result;
  }

 private:
  static bool is_right(std::string const& title) { return !title.empty() && title[0] == '>'; }
  std::string line(std::vector<std::string> const& cells, std::vector<std::size_t> const& widths) const {
    std::string result;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      std::string const space(widths[c] - cells[c].size(), ' ');
      result += (c > 0 ? "  " : "") + (is_right(titles[c]) ? space + cells[c] : cells[c] + space);
    }
    result.erase(result.find_last_not_of(' ') + 1);
    return result + '\n';
  }
};

}  // namespace oxbow
