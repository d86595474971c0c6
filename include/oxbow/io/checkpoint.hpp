// Checkpoints of a training run: written whole or not at all, and checked when read.
#pragma once
#include <zlib.h>

#include <charconv>
#include <functional>

#include <oxbow/core/training_state.hpp>
#include <oxbow/io/weights.hpp>

namespace oxbow {
namespace detail {

inline constexpr char const* checkpoint_kind = "oxbow training state 1";

inline std::uint32_t crc32_of(std::span<std::byte const> bytes, std::uint32_t before = 0) {
  if (bytes.empty()) return before;  // zlib takes a null pointer for a request to start anew
  return static_cast<std::uint32_t>(
      ::crc32_z(before, reinterpret_cast<Bytef const*>(bytes.data()), static_cast<z_size_t>(bytes.size())));
}

/// A whole text as a number, or nothing.
inline std::optional<std::uint64_t> parse_number(std::string_view text, int base = 10) {
  std::uint64_t value = 0;
  auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

inline std::vector<std::int64_t> flat_shape(std::size_t count) { return {static_cast<std::int64_t>(count)}; }

/// The last tensor, "crc32", covers every byte of the file before it, header included.
inline void write_checkpoint(std::filesystem::path const& path, training_state const& state) {
  std::vector<double> figures;
  nlohmann::json names = nlohmann::json::array();
  for (auto const& [name, value] : state.extra) {
    names.push_back(name);
    figures.push_back(value);
  }
  std::uint32_t checksum = 0;
  std::vector<tensor_view> tensors;
  tensors.emplace_back("figures", flat_shape(figures.size()), std::span<double const>{figures});
  tensors.emplace_back("parameters", flat_shape(state.parameters.size()), std::span<float const>{state.parameters});
  for (auto const& buffer : state.optimizer)
    tensors.emplace_back("optimizer." + std::to_string(&buffer - state.optimizer.data()), flat_shape(buffer.size()),
                         std::span<float const>{buffer});
  tensors.emplace_back("crc32", flat_shape(1), std::span<std::uint32_t const>{&checksum, 1});
  tensor_metadata metadata{{"kind", checkpoint_kind},
                           {"schema", schema_text(state.schema)},
                           {"step", std::to_string(state.step)},
                           {"seed", std::to_string(state.seed)},
                           {"optimizer", state.optimizer_name},
                           {"optimizer buffers", std::to_string(state.optimizer.size())}};
  try {
    metadata["figures"] = names.dump();
  } catch (nlohmann::json::exception const&) {
    throw file_error(path, "cannot be written: the name of a figure is not UTF-8.");
  }
  std::string const header = safetensors_header(tensors, metadata, path);
  file_writer file{path};
  auto const put = [&](std::span<std::byte const> bytes) {
    file.write(bytes);
    checksum = crc32_of(bytes, checksum);
  };
  put(std::as_bytes(std::span{header}));
  for (std::size_t i = 0; i + 1 < tensors.size(); ++i) put(tensors[i].bytes);
  file.write(std::as_bytes(std::span{&checksum, 1}));
  file.commit();
}

inline training_state read_checkpoint(std::filesystem::path const& path) {
  safetensors const file = read_safetensors(path);
  if (file.note("kind") != checkpoint_kind)
    throw file_error(path, "is not a checkpoint of a training run, or one of another version.");
  auto const all = file.file_bytes();
  auto const stored = file.values<std::uint32_t>("crc32");
  auto const* last = file.find("crc32");
  if (stored.size() != 1 || last->bytes.data() + last->bytes.size() != all.data() + all.size() ||
      crc32_of(all.first(all.size() - sizeof stored[0])) != stored[0])
    throw file_error(path, "is damaged: its checksum does not fit. Use an older checkpoint.");
  auto const number = [&](char const* key, int base = 10) {
    auto const value = parse_number(file.note(key).value_or(""), base);
    if (!value) throw file_error(path, std::string("has no number for \"") + key + "\".");
    return *value;
  };
  training_state state;
  state.schema = number("schema", 16);
  state.step = number("step");
  state.seed = number("seed");
  state.parameters = file.values<float>("parameters");
  state.optimizer_name = file.note("optimizer").value_or("");
  for (std::uint64_t i = 0, count = number("optimizer buffers"); i < count; ++i)
    state.optimizer.push_back(file.values<float>("optimizer." + std::to_string(i)));
  auto const figures = file.values<double>("figures");
  auto const names = nlohmann::json::parse(file.note("figures").value_or(""), nullptr, false);
  if (!names.is_array() || names.size() != figures.size())
    throw file_error(path, "has not as many names of figures as figures.");
  for (std::size_t i = 0; i < figures.size(); ++i) {
    if (!names[i].is_string()) throw file_error(path, "has a figure whose name is not a string.");
    state.extra.emplace_back(names[i].get<std::string>(), figures[i]);
  }
  return state;
}

}  // namespace detail

/// The checkpoints of one run, in a folder of their own. Files are called <number>-<tag>-<step>.safetensors;
/// the number grows with every save, so that the newest is the one saved last, even after a run went
/// back to an older step.
///
/// One process saves into a folder at a time; any number may load from it meanwhile.
class checkpoints {
 public:
  using warning = std::function<void(std::string const&)>;

  /// Keeps the `keep` newest checkpoints of each tag. `warn` hears of files that load_newest() passes over.
  explicit checkpoints(std::filesystem::path folder, int keep = 2, warning warn = {})
      : folder_{std::move(folder)}, keep_{keep}, warn_{std::move(warn)} {
    if (keep < 1) throw file_error(folder_, "cannot keep " + std::to_string(keep) + " checkpoints. Keep at least one.");
  }

  /// Writes a checkpoint, then removes the old ones of its tag. Returns its path. When it returns, the
  /// checkpoint is on the disk; when it throws or the process dies, the earlier ones are untouched.
  std::filesystem::path save(training_state const& state, std::string_view tag = "last") {
    if (tag.empty() || tag.find_first_not_of(letters) != tag.npos)
      throw file_error(folder_, "cannot hold a checkpoint tagged \"" + std::string(tag) +
                                    "\". A tag has letters, digits and _ only.");
    std::error_code failure;
    if (std::filesystem::create_directories(folder_, failure)) detail::sync_folder(folder_.parent_path());
    if (failure) throw file_error(folder_, "cannot be made: " + failure.message() + ".");
    remove_leftovers();
    std::vector<entry> const before = list();
    std::string number = std::to_string(before.empty() ? 1 : before.front().number + 1);
    number.insert(0, number.size() < 8 ? 8 - number.size() : 0, '0');
    auto const path = folder_ / (number + "-" + std::string(tag) + "-" + std::to_string(state.step) + ".safetensors");
    detail::write_checkpoint(path, state);
    int kept = 1;
    for (auto const& old : before)
      if (old.tag == tag && ++kept > keep_) std::filesystem::remove(old.path, failure);
    return path;
  }

  /// The checkpoint saved last that is whole; nothing where the folder has none or does not exist.
  std::optional<training_state> load_newest() const {
    for (std::vector<entry> seen = list();;) {
      for (auto const& one : seen) try {
          return detail::read_checkpoint(one.path);
        } catch (file_error const& error) {
          if (warn_) warn_(std::string(error.what()) + " Trying the checkpoint before it.");
        }
      // Another process may have saved new ones and removed these meanwhile.
      std::vector<entry> again = list();
      if (again == seen) return std::nullopt;
      seen = std::move(again);
    }
  }

  /// One checkpoint by its path.
  training_state load(std::filesystem::path const& path) const { return detail::read_checkpoint(path); }

  /// The paths of all checkpoints, the newest first, unread.
  std::vector<std::filesystem::path> paths() const {
    std::vector<std::filesystem::path> all;
    for (auto& one : list()) all.push_back(std::move(one.path));
    return all;
  }

 private:
  struct entry {
    std::uint64_t number;
    std::string tag;
    std::filesystem::path path;
    friend bool operator==(entry const&, entry const&) = default;
  };
  static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  static constexpr std::string_view ending = ".safetensors";

  /// A file name as number, tag and step, or nothing where it is not a checkpoint's.
  static std::optional<entry> parse(std::filesystem::path const& path) {
    std::string const name = path.filename().string();
    if (!name.ends_with(ending)) return std::nullopt;
    auto const first = name.find('-'), second = name.find('-', first + 1);
    if (first == name.npos || second == name.npos || first > 18) return std::nullopt;  // 18 digits cannot overflow
    std::string_view const text{name};
    auto const number = detail::parse_number(text.substr(0, first));
    auto const step = detail::parse_number(text.substr(second + 1, text.size() - ending.size() - second - 1));
    if (!number || !step) return std::nullopt;
    return entry{*number, name.substr(first + 1, second - first - 1), path};
  }

  template <class F> void each_file(F const& f) const {
    std::error_code failure;
    std::filesystem::directory_iterator at{folder_, failure}, end;
    if (failure == std::errc::no_such_file_or_directory) return;
    for (; !failure && at != end; at.increment(failure)) f(at->path());
    if (failure) throw file_error(folder_, "cannot be listed: " + failure.message() + ".");
  }

  /// The newest first.
  std::vector<entry> list() const {
    std::vector<entry> all;
    each_file([&](auto const& path) {
      if (auto one = parse(path)) all.push_back(std::move(*one));
    });
    std::sort(all.begin(), all.end(), [](auto const& a, auto const& b) {
      return a.number != b.number ? a.number > b.number : a.path < b.path;
    });
    return all;
  }

  /// Temporaries of a process that was killed while it saved.
  void remove_leftovers() const {
    std::vector<std::filesystem::path> left;
    each_file([&](auto const& path) {
      std::string const name = path.filename().string();
      auto const at = name.find(ending);
      if (name.ends_with(partial_suffix) && at != name.npos && parse(folder_ / name.substr(0, at + ending.size())))
        left.push_back(path);
    });
    std::error_code failure;
    for (auto const& path : left) std::filesystem::remove(path, failure);
  }

  std::filesystem::path folder_;
  int keep_;
  warning warn_;
};

}  // namespace oxbow
