// Images with their labels from two folders or two stacks, and which of them to hold out.
#pragma once
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <oxbow/core/wording.hpp>
#include <oxbow/io/labels.hpp>

namespace support {

/// Images with what is known about them: classes, or numbers of objects. shape  all three are equally many
template <class Label> struct labelled {
  std::vector<std::string> names;
  std::vector<oxbow::image<float>> images;
  std::vector<oxbow::image<Label>> labels;

  std::size_t size() const { return names.size(); }
  void add(std::string name, oxbow::image<float> picture, oxbow::image<Label> known) {
    names.push_back(std::move(name));
    images.push_back(std::move(picture));
    labels.push_back(std::move(known));
  }
};
using labelled_images = labelled<std::uint8_t>;

/// The labels of membranes in a file, a page each: membrane is 0, interior 1 or 255.
inline std::vector<oxbow::label_image> read_membranes(std::filesystem::path const& file) {
  return oxbow::read_label_stack(file, 2, {{0, 0}, {1, 1}, {255, 1}});
}

using files = std::vector<std::filesystem::path>;

namespace detail {

/// The image files of a folder in natural order, or the one file that a path names.
inline files files_of(std::filesystem::path const& path) {
  if (std::filesystem::is_directory(path)) return oxbow::read_folder(path);
  return {path};
}

[[noreturn]] inline void mismatch(std::filesystem::path const& image, std::filesystem::path const& labels,
                                  std::string const& what) {
  throw std::runtime_error(image.string() + " and " + labels.string() + " do not belong together: " + what);
}

/// Page p of image file i has page p of label file i.
template <class Read>
auto read_all(files const& images, files const& labels, Read const& read, oxbow::read_options const& how) {
  labelled<std::remove_cvref_t<decltype(read(labels[0])[0].data[0])>> all;
  for (std::size_t i = 0; i < images.size(); ++i) {
    auto const& here = images[i];
    auto const& there = labels[i];
    auto pages = oxbow::read_images<float>(here, how);
    auto known = read(there);
    if (pages.size() != known.size())
      mismatch(here, there, "there are " + std::to_string(pages.size()) + " pages and " +
                                std::to_string(known.size()) + " pages of labels.");
    for (std::size_t p = 0; p < pages.size(); ++p) {
      if (pages[p].size != known[p].size)
        mismatch(here, there, "the image measures " + oxbow::size_text(pages[p].size) + " and the labels " +
                                  oxbow::size_text(known[p].size) + ".");
      std::string const name = here.stem().string();
      all.add(pages.size() == 1 ? name : name + ":" + std::to_string(p), std::move(pages[p]), std::move(known[p]));
    }
  }
  return all;
}

}  // namespace detail

/// Reads images and labels, each a folder of PNG and TIFF files or one file. The first file of one belongs to the first
/// of the other in the order of their names, and the pages of a stack likewise; a page of a stack is called name:page.
/// read(file) returns a label image for each page.
///
/// throws  oxbow::file_error for a file, std::runtime_error naming both where they do not fit together
template <class Read>
auto read_pairs(std::filesystem::path const& images, std::filesystem::path const& labels, Read const& read,
                oxbow::read_options const& how = {}) {
  auto const image_files = detail::files_of(images), label_files = detail::files_of(labels);
  if (image_files.size() != label_files.size())
    detail::mismatch(images, labels,
                     "there are " + std::to_string(image_files.size()) + " images and " +
                         std::to_string(label_files.size()) + " label files. Give each image one label file.");
  return detail::read_all(image_files, label_files, read, how);
}

/// The same where there are images of some of the labels only: an image belongs to the label file of its name.
template <class Read>
auto read_named_pairs(std::filesystem::path const& images, std::filesystem::path const& labels, Read const& read) {
  auto const image_files = detail::files_of(images), all = detail::files_of(labels);
  files named;
  for (auto const& file : image_files) {
    auto const found = std::find_if(all.begin(), all.end(), [&](auto const& l) { return l.stem() == file.stem(); });
    if (found == all.end()) detail::mismatch(file, labels, "there are no labels called " + file.stem().string() + ".");
    named.push_back(*found);
  }
  return detail::read_all(image_files, named, read, {});
}

template <class Label> struct parts {
  labelled<Label> known, unseen;
};

/// The images to learn from, and those held out: listed by name, or by number from 0. An empty list holds out one of
/// `every`, first the one in the middle.
///
/// throws  std::runtime_error for an image that there is not, and where one of the two would be empty
template <class Label>
parts<Label> split(labelled<Label> all, std::vector<std::string> const& held_out, std::size_t every = 5) {
  std::vector<bool> held(all.size());
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
    held[found] = true;
  }
  if (held_out.empty())
    for (std::size_t i = every / 2; i < all.size(); i += every) held[i] = true;
  auto const out = std::count(held.begin(), held.end(), true);
  if (out == 0 || static_cast<std::size_t>(out) == all.size())
    throw std::runtime_error("of " + std::to_string(all.size()) + " images " + std::to_string(out) +
                             " are held out; there must be some to learn from and some to be tested on. Give more "
                             "images, or choose which to hold out.");
  parts<Label> made;
  for (std::size_t i = 0; i < all.size(); ++i)
    (held[i] ? made.unseen : made.known)
        .add(std::move(all.names[i]), std::move(all.images[i]), std::move(all.labels[i]));
  return made;
}

}  // namespace support
