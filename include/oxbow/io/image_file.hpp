// Images from files of any supported kind, told apart by content and not by name.
#pragma once
#include <algorithm>

#include <oxbow/io/png.hpp>
#include <oxbow/io/tiff.hpp>

namespace oxbow {

enum class image_format { none, png, tiff };

/// What the first bytes of a file say it is.
inline image_format image_format_of(std::filesystem::path const& path) {
  detail::open_file const file = detail::open_to_read(path);
  char first[8]{};
  detail::read_exactly(file, std::as_writable_bytes(std::span{first}).first(std::min<std::size_t>(8, file.bytes)),
                       path);
  auto const begins = [&]<std::size_t Size>(char const(&magic)[Size]) {
    return std::memcmp(first, magic, Size - 1) == 0;
  };
  if (begins("\x89PNG\r\n\x1a\n")) return image_format::png;
  if (begins("II*\0") || begins("MM\0*") || begins("II+\0") || begins("MM\0+")) return image_format::tiff;
  return image_format::none;
}

/// All images of a file: the pages of a TIFF, or the one image of a PNG.
template <class T = float>
std::vector<image<T>> read_images(std::filesystem::path const& path, read_options const& options = {}) {
  switch (image_format_of(path)) {
    case image_format::tiff:
      return read_tiff<T>(path, options);
    case image_format::png: {
      std::vector<image<T>> one;
      one.push_back(read_png<T>(path, options));
      return one;
    }
    default:
      throw file_error(path, "is neither a PNG nor a TIFF file. Convert it to one of them.");
  }
}

/// The only image of a file; several pages are an error.
template <class T = float> image<T> read_image(std::filesystem::path const& path, read_options const& options = {}) {
  std::vector<image<T>> pages = read_images<T>(path, options);
  if (pages.size() != 1)
    throw file_error(path, "holds " + std::to_string(pages.size()) + " pages where one image is expected. " +
                               "Read it with read_images.");
  return std::move(pages.front());
}

/// Pages of one size as one image with depth.
template <class T> image<T> join_pages(std::span<image<T> const> pages) {
  image<T> volume;
  if (pages.empty()) return volume;
  volume.size = pages.front().size;
  volume.channels = pages.front().channels;
  volume.size.depth = static_cast<int>(pages.size());
  for (auto const& page : pages) {
    if (page.size != pages.front().size || page.size.depth != 1 || page.channels != volume.channels)
      throw std::invalid_argument("join_pages: page " + std::to_string(&page - pages.data()) +
                               " differs from page 0 in size or channels. Crop or pad the pages to one size.");
    volume.data.insert(volume.data.end(), page.data.begin(), page.data.end());
  }
  return volume;
}
template <class T> image<T> join_pages(std::vector<image<T>> const& pages) {
  return join_pages(std::span<image<T> const>{pages});
}

namespace detail {

/// Orders names as people do: runs of digits by their value, so that slice9 comes before slice10.
inline bool natural_less(std::string const& a, std::string const& b) {
  auto const digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      std::size_t const i0 = std::min(a.find_first_not_of('0', i), a.size());
      std::size_t const j0 = std::min(b.find_first_not_of('0', j), b.size());
      for (i = i0; i < a.size() && digit(a[i]);) ++i;
      for (j = j0; j < b.size() && digit(b[j]);) ++j;
      if (i - i0 != j - j0) return i - i0 < j - j0;
      if (int const order = a.compare(i0, i - i0, b, j0, j - j0)) return order < 0;
    } else {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i, ++j;
    }
  }
  if (a.size() - i != b.size() - j) return a.size() - i < b.size() - j;
  return a < b;  // 01 and 1 have equal values; the order must still be strict
}

}  // namespace detail

/// The image files directly in a folder, by content, in natural order of their names (slice9
/// before slice10). A folder without any is an error.
inline std::vector<std::filesystem::path> read_folder(std::filesystem::path const& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code failure;
  std::filesystem::directory_iterator entry{folder, failure}, end;
  for (; !failure && entry != end; entry.increment(failure))
    if (entry->is_regular_file() && image_format_of(entry->path()) != image_format::none)
      found.push_back(entry->path());
  if (failure) throw file_error(folder, "cannot be listed: " + failure.message() + ". Name a folder.");
  if (found.empty()) throw file_error(folder, "holds no PNG or TIFF file.");
  std::sort(found.begin(), found.end(), [](auto const& a, auto const& b) {
    return detail::natural_less(a.filename().string(), b.filename().string());
  });
  return found;
}

}  // namespace oxbow
