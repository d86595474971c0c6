// A report in one HTML file: text, scores, curves and pictures, nothing fetched from elsewhere.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <png.h>

#include <oxbow/io/file.hpp>

#include "curve.hpp"
#include "pictures.hpp"
#include "report_style.hpp"

namespace support {

/// A picture with its title, and a line under it if wanted.
struct picture {
  std::string title;
  byte_image pixels;  ///< 1 channel grey or 3 channels colour
  std::string note = {};
};

struct legend_entry {
  std::string text;
  colour ink;
};

struct fact {
  std::string value, name;
};

namespace detail {

inline std::string base64(std::span<std::byte const> bytes) {
  constexpr char const* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    auto const at = [&](std::size_t k) { return k < bytes.size() ? static_cast<std::uint32_t>(bytes[k]) : 0u; };
    std::uint32_t const three = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    text += digits[three >> 18];
    text += digits[three >> 12 & 63];
    text += i + 1 < bytes.size() ? digits[three >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? digits[three & 63] : '=';
  }
  return text;
}

/// The picture as the bytes of a PNG file.
inline std::vector<std::byte> png_bytes(picture const& p) {
  if (p.pixels.empty() || p.pixels.size.depth != 1 || (p.pixels.channels != 1 && p.pixels.channels != 3))
    throw std::invalid_argument("report: the picture '" + p.title + "' is " + oxbow::size_text(p.pixels.size) +
                                " with " + std::to_string(p.pixels.channels) +
                                " channels; it must be one slice with 1 or 3 channels.");
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(p.pixels.size.width);
  header.height = static_cast<png_uint_32>(p.pixels.size.height);
  header.format = p.pixels.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::vector<std::byte> bytes(PNG_IMAGE_PNG_SIZE_MAX(header));
  png_alloc_size_t used = bytes.size();
  if (!png_image_write_to_memory(&header, bytes.data(), &used, 0, p.pixels.data.data(), 0, nullptr))
    throw std::runtime_error("report: the picture '" + p.title +
                             "' could not be encoded (libpng says: " + header.message + ").");
  bytes.resize(used);
  return bytes;
}

}  // namespace detail

/// Collects a report from top to bottom. All text is taken literally; markup in it is shown, not obeyed.
class page {
 public:
  explicit page(std::string title, std::string subtitle = {}) : title_{std::move(title)} {
    body_ = "<header><h1>" + detail::escaped(title_) + "</h1>";
    if (!subtitle.empty()) body_ += "<p class=\"subtitle\">" + detail::escaped(subtitle) + "</p>";
    body_ += "</header>\n";
  }

  void heading(std::string const& text) { body_ += "<h2>" + detail::escaped(text) + "</h2>\n"; }
  void text(std::string const& text) { body_ += "<p>" + detail::escaped(text) + "</p>\n"; }
  /// Lines as they are, in one width: a plan, a log, a command.
  void lines(std::string const& text) { body_ += "<pre>" + detail::escaped(text) + "</pre>\n"; }

  /// The figures that one looks for first, large, side by side.
  void facts(std::vector<fact> const& all) {
    body_ += "<div class=\"facts\">";
    for (fact const& f : all)
      body_ += "<div class=\"fact\"><b>" + detail::escaped(f.value) + "</b><span>" + detail::escaped(f.name) +
               "</span></div>";
    body_ += "</div>\n";
  }

  /// The first column is text, the others are figures.
  void table(std::vector<std::string> const& head, std::vector<std::vector<std::string>> const& rows,
             std::string const& note = {}) {
    auto const cells = [&](std::vector<std::string> const& row, char const* tag) {
      body_ += "<tr>";
      for (std::string const& cell : row)
        body_ += std::string{"<"} + tag + ">" + detail::escaped(cell) + "</" + tag + ">";
      body_ += "</tr>";
    };
    body_ += "<div class=\"scroll\"><table><thead>";
    cells(head, "th");
    body_ += "</thead><tbody>";
    for (auto const& row : rows) cells(row, "td");
    body_ += "</tbody></table></div>\n";
    caption(note);
  }

  /// Values over steps, one line per series.
  void curve(std::vector<series> const& all, std::string const& x_name, std::string const& note = {}) {
    body_ += "<div class=\"chart\">";
    if (all.size() > 1 || (!all.empty() && !all[0].name.empty())) {
      body_ += "<ul class=\"legend\">";
      for (std::size_t i = 0; i < all.size(); ++i)
        body_ += "<li><i class=\"c" + std::to_string(i % 4) + "\"></i>" + detail::escaped(all[i].name) + "</li>";
      body_ += "</ul>";
    }
    // Two drawings, so that letters are of one size on wide and narrow screens.
    body_ += "<div class=\"wide\">" + chart_svg(all, x_name, 1000, 320) + "</div><div class=\"narrow\">" +
             chart_svg(all, x_name, 380, 260) + "</div></div>\n";
    caption(note);
  }
  void curve(std::string const& name, std::vector<double> steps, std::vector<double> values,
             std::string const& note = {}) {
    curve({series{name, std::move(steps), std::move(values), true}}, "step", note);
  }

  /// Pictures side by side, as many as fit; a click enlarges one.
  void row(std::vector<picture> const& pictures, std::vector<legend_entry> const& legend = {}) {
    body_ += "<div class=\"row\">";
    for (picture const& p : pictures) {
      std::string const title = detail::escaped(p.title);
      body_ += "<figure><img alt=\"" + title + "\" width=\"" + std::to_string(p.pixels.size.width) + "\" height=\"" +
               std::to_string(p.pixels.size.height) + "\" src=\"data:image/png;base64," +
               detail::base64(detail::png_bytes(p)) + "\"><figcaption><b>" + title + "</b>" + detail::escaped(p.note) +
               "</figcaption></figure>";
    }
    body_ += "</div>\n";
    if (legend.empty()) return;
    body_ += "<ul class=\"legend\">";
    for (legend_entry const& entry : legend)
      body_ += "<li><i style=\"background:rgb(" + std::to_string(entry.ink.red) + " " +
               std::to_string(entry.ink.green) + " " + std::to_string(entry.ink.blue) + ")\"></i>" +
               detail::escaped(entry.text) + "</li>";
    body_ += "</ul>\n";
  }

  /// A drawing as wide as the page, SVG in UTF-8. It goes in as an image, so that nothing in it runs.
  void drawing(std::string const& svg, std::string const& title, std::string const& note = {}) {
    body_ += "<div class=\"drawing\"><img alt=\"" + detail::escaped(title) + "\" src=\"data:image/svg+xml;base64," +
             detail::base64(std::as_bytes(std::span{svg})) + "\"></div>\n";
    caption(note);
  }

  std::string html() const {
    return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
           detail::escaped(title_) + "</title>\n<style>" + detail::report_style +
           "</style>\n</head>\n<body>\n<main>\n" + body_ + "</main>\n<dialog><img alt=\"\"></dialog>\n<script>" +
           detail::report_script + "</script>\n</body>\n</html>\n";
  }

  /// errors  oxbow::file_error with the disk's reasons; an older report is whole until the new one is
  void save(std::filesystem::path const& path) const {
    std::string const all = html();
    oxbow::file_writer file{path};
    file.write(std::as_bytes(std::span{all}));
    file.commit();
  }

 private:
  void caption(std::string const& note) {
    if (!note.empty()) body_ += "<p class=\"caption\">" + detail::escaped(note) + "</p>\n";
  }

  std::string title_, body_;
};

}  // namespace support
