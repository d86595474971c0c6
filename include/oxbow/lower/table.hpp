// Plain text in columns, and numbers as people read them.
#pragma once
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace oxbow {

/// 31030658 → "31,030,658"
inline std::string grouped(std::int64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3 + (n < 0 ? 1u : 0u);) text.insert(at -= 3, ",");
  return text;
}

inline std::string decimal(double x, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, x);
  return text;
}

/// Bytes as megabytes of a million: "117.6 MB", and "0.004 MB" where one digit would say nothing.
inline std::string megabytes(std::int64_t bytes) {
  double const mb = static_cast<double>(bytes) * 1e-6;
  return decimal(mb, mb < 0.1 ? 3 : 1) + " MB";
}

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
