// Labels from image files: a class or an object number per pixel, checked.
#pragma once
#include <initializer_list>

#include <oxbow/io/image_file.hpp>

namespace oxbow {

/// Which class each stored value means: label_map{{0, 0}, {255, 1}, {128, ignore}}. An empty map
/// takes stored values as classes. A value that a map does not name is an error.
struct label_map {
  static constexpr int ignore = ignored;  ///< the pixel takes no part in loss or scores

  std::vector<std::pair<std::int64_t, int>> pairs;

  label_map() = default;
  label_map(std::initializer_list<std::pair<std::int64_t, int>> pairs) : pairs{pairs} {}
};

namespace detail {

inline void need_one_channel(image<std::int64_t> const& page, std::filesystem::path const& path) {
  if (page.channels != 1)
    throw file_error(path, "has " + std::to_string(page.channels) +
                               " channels where labels need one. "
                               "Save it as a grey or palette image.");
}

inline void check_map(label_map const& map, int classes, std::filesystem::path const& path) {
  if (classes < 1 || classes > 255)
    throw file_error(path, "cannot be read as labels of " + std::to_string(classes) + " classes. Use 1 to 255.");
  for (auto const& [value, target] : map.pairs) {
    if ((target < 0 || target >= classes) && target != ignored)
      throw file_error(path, "cannot be read with a label_map that takes " + std::to_string(value) + " to class " +
                                 std::to_string(target) + ". Classes are 0 … " + std::to_string(classes - 1) +
                                 ", or label_map::ignore.");
    for (auto const& [other, meaning] : map.pairs)
      if (other == value && meaning != target)
        throw file_error(path, "cannot be read with a label_map that names " + std::to_string(value) + " twice.");
  }
}

/// The class of a stored value, or -1.
inline int class_of(std::int64_t value, int classes, label_map const& map) {
  if (map.pairs.empty()) return value >= 0 && value < classes ? static_cast<int>(value) : -1;
  for (auto const& [stored, target] : map.pairs)
    if (stored == value) return target;
  return -1;
}

}  // namespace detail

/// The label images of a file, one per page. Palette images give their palette numbers.
///
/// errors  file_error; for a value that is no class it names value, page, y and x
inline std::vector<label_image> read_label_stack(std::filesystem::path const& path, int classes,
                                                 label_map const& map = {}, read_options options = {}) {
  detail::check_map(map, classes, path);
  options.palette_numbers = true;
  options.scaled = false;
  auto const stored = read_images<std::int64_t>(path, options);
  std::vector<label_image> stack;
  for (auto const& page : stored) {
    detail::need_one_channel(page, path);
    label_image labels(page.size);
    for (int y = 0; y < page.size.height; ++y)
      for (int x = 0; x < page.size.width; ++x) {
        int const target = detail::class_of(page(y, x), classes, map);
        if (target < 0)
          throw file_error(path, "holds " + std::to_string(page(y, x)) + " at " +
                                     detail::place_text(stack.size(), stored.size() > 1, y, x, 0, 1) + ", which is " +
                                     (map.pairs.empty() ? "not a class 0 … " + std::to_string(classes - 1)
                                                        : std::string("not in the label_map")) +
                                     ". Give a label_map such as {{0, 0}, {255, 1}}, or {" +
                                     std::to_string(page(y, x)) + ", label_map::ignore}.");
        labels(y, x) = static_cast<std::uint8_t>(target);
      }
    stack.push_back(std::move(labels));
  }
  return stack;
}

/// The only label image of a file.
inline label_image read_labels(std::filesystem::path const& path, int classes, label_map const& map = {},
                               read_options const& options = {}) {
  auto stack = read_label_stack(path, classes, map, options);
  if (stack.size() != 1)
    throw file_error(path, "holds " + std::to_string(stack.size()) + " pages where one label image is expected. " +
                               "Read it with read_label_stack.");
  return std::move(stack.front());
}

/// The instance images of a file, one per page: whole numbers from 0, 0 for background.
inline std::vector<instance_image> read_instance_stack(std::filesystem::path const& path, read_options options = {}) {
  options.palette_numbers = true;
  options.scaled = false;
  auto const stored = read_images<std::int64_t>(path, options);
  std::vector<instance_image> stack;
  for (auto const& page : stored) {
    detail::need_one_channel(page, path);
    instance_image objects(page.size);
    for (std::size_t i = 0; i < page.data.size(); ++i) {
      std::int64_t const value = page.data[i];
      if (value < 0 || !std::in_range<std::int32_t>(value))
        throw file_error(
            path, "holds " + std::to_string(value) + " at " +
                      detail::place_text(stack.size(), stored.size() > 1,
                                         static_cast<int>(static_cast<std::int64_t>(i) / page.size.width),
                                         static_cast<int>(static_cast<std::int64_t>(i) % page.size.width), 0, 1) +
                      ", which is not an object number. They run from 0 (background) to 2^31 - 1.");
      objects.data[i] = static_cast<std::int32_t>(value);
    }
    stack.push_back(std::move(objects));
  }
  return stack;
}

/// The only instance image of a file.
inline instance_image read_instances(std::filesystem::path const& path, read_options const& options = {}) {
  auto stack = read_instance_stack(path, options);
  if (stack.size() != 1)
    throw file_error(path, "holds " + std::to_string(stack.size()) + " pages where one instance image is expected. " +
                               "Read it with read_instance_stack.");
  return std::move(stack.front());
}

}  // namespace oxbow
