// Images with their labels from two folders or two stacks, and which of them to hold out.
#pragma once
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/core/wording.hpp>
#include <oxbow/io/labels.hpp>

namespace support {

/// Images with what is known about them. shape  names, images and labels are equally many
struct labelled_images {
  std::vector<std::string> names;
  std::vector<oxbow::image<float>> images;
  std::vector<oxbow::label_image> labels;

  std::size_t size() const { return names.size(); }
  void add(std::string name, oxbow::image<float> picture, oxbow::label_image classes) {
    names.push_back(std::move(name));
    images.push_back(std::move(picture));
    labels.push_back(std::move(classes));
  }
};

namespace detail {

/// The image files of a folder in natural order, or the one file that a path names.
inline std::vector<std::filesystem::path> files_of(std::filesystem::path const& path) {
  if (std::filesystem::is_directory(path)) return oxbow::read_folder(path);
  return {path};
}

[[noreturn]] inline void mismatch(std::filesystem::path const& image, std::filesystem::path const& labels,
                                  std::string const& what) {
  throw std::runtime_error(image.string() + " and " + labels.string() + " do not belong together: " + what);
}

}  // namespace detail

/// Reads image files with the label files of the same places in their lists. The pages of a stack belong together
/// likewise, and are called name:page.
///
/// needs   equally many of both
/// throws  oxbow::file_error for a file, std::runtime_error naming both where they do not fit together
inline labelled_images read_file_pairs(std::vector<std::filesystem::path> const& images,
                                       std::vector<std::filesystem::path> const& labels, int classes,
                                       oxbow::label_map const& map) {
  labelled_images all;
  for (std::size_t i = 0; i < images.size(); ++i) {
    auto const& here = images[i];
    auto const& there = labels[i];
    auto pages = oxbow::read_images<float>(here);
    auto known = oxbow::read_label_stack(there, classes, map);
    if (pages.size() != known.size())
      detail::mismatch(here, there, "there are " + std::to_string(pages.size()) + " pages and " +
                                        std::to_string(known.size()) + " pages of labels.");
    for (std::size_t p = 0; p < pages.size(); ++p) {
      if (pages[p].size != known[p].size)
        detail::mismatch(here, there, "the image measures " + oxbow::size_text(pages[p].size) + " and the labels " +
                                          oxbow::size_text(known[p].size) + ".");
      std::string const name = here.stem().string();
      all.add(pages.size() == 1 ? name : name + ":" + std::to_string(p), std::move(pages[p]), std::move(known[p]));
    }
  }
  return all;
}

/// Images and labels, each a folder of PNG and TIFF files or one file: the first file of one belongs to the first of the
/// other in the order of their names.
///
/// throws  as read_file_pairs, and where there are not equally many
inline labelled_images read_pairs(std::filesystem::path const& images, std::filesystem::path const& labels, int classes,
                                  oxbow::label_map const& map) {
  auto const image_files = detail::files_of(images), label_files = detail::files_of(labels);
  if (image_files.size() != label_files.size())
    detail::mismatch(images, labels,
                     "there are " + std::to_string(image_files.size()) + " images and " +
                         std::to_string(label_files.size()) + " label files. Give each image one label file.");
  return read_file_pairs(image_files, label_files, classes, map);
}

/// The same for images of some of the labels: to each belongs the label file of its name, without the extension.
///
/// throws  as read_file_pairs, and for an image whose name no label file has
inline labelled_images read_named_pairs(std::filesystem::path const& images, std::filesystem::path const& labels,
                                        int classes, oxbow::label_map const& map) {
  auto const image_files = detail::files_of(images), all = detail::files_of(labels);
  std::vector<std::filesystem::path> named;
  for (auto const& file : image_files) {
    auto const found = std::find_if(all.begin(), all.end(), [&](auto const& l) { return l.stem() == file.stem(); });
    if (found == all.end())
      detail::mismatch(file, labels, "there are no labels called " + file.stem().string() + ".");
    named.push_back(*found);
  }
  return read_file_pairs(image_files, named, classes, map);
}

/// What pictures of membranes hold: membrane is 0, interior 1 or 255.
inline oxbow::label_map const membrane_labels{{0, 0}, {1, 1}, {255, 1}};

/// The images to learn from, and those held out: listed by name, or by number from 0. An empty list holds out every
/// fifth.
///
/// throws  std::runtime_error for an image that there is not, and where one of the two would be empty
inline std::pair<labelled_images, labelled_images> split(labelled_images all,
                                                         std::vector<std::string> const& held_out) {
  std::set<std::size_t> held;
  for (std::string const& wanted : held_out) {
    auto const named = std::find(all.names.begin(), all.names.end(), wanted);
    auto found = static_cast<std::size_t>(named - all.names.begin());
    if (named == all.names.end()) {
      auto const [end, failure] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), found);
      if (failure != std::errc{} || end != wanted.data() + wanted.size() || found >= all.size())
        throw std::runtime_error("there is no image \"" + wanted + "\" to hold out. Name one of the " +
                                 std::to_string(all.size()) + " from " + all.names.front() + " to " + all.names.back() +
                                 ", or its number from 0.");
    }
    held.insert(found);
  }
  if (held_out.empty())
    for (std::size_t i = 2; i < all.size(); i += 5) held.insert(i);
  if (held.empty() || held.size() == all.size())
    throw std::runtime_error("of " + std::to_string(all.size()) + " images " + std::to_string(held.size()) +
                             " are held out; there must be some to learn from and some to be tested on. Give more "
                             "images, or choose which to hold out.");
  std::pair<labelled_images, labelled_images> parts;
  for (std::size_t i = 0; i < all.size(); ++i)
    (held.contains(i) ? parts.second : parts.first)
        .add(std::move(all.names[i]), std::move(all.images[i]), std::move(all.labels[i]));
  return parts;
}

}  // namespace support
