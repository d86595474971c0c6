// Where the feature maps of a network stand on paper: one row per scale, left to right as data flows.
#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <oxbow/check/tiles.hpp>
#include <oxbow/lower/names.hpp>

namespace oxbow {

/// What an arrow of the picture does; each has a colour.
enum class arrow_kind { convolution, pointwise, copy, pooling, enlarging, sum };

/// A feature map, a copy of one before a join, or the place where two are added. Points, y upwards.
struct figure {
  enum class kind { image, map, copy, sum } is = kind::map;
  int value = none;
  int row = 0;
  double x = 0, width = 0, height = 0;  ///< x of the middle
  double label_x = 0;                   ///< middle of the captions: that of all the maps of a join
  int channels = 0;                     ///< in the caption above; 0 where another map of the join has it
  std::string note{};                   ///< below the size
  constexpr double left() const { return x - width / 2; }
  constexpr double right() const { return x + width / 2; }
};

struct arrow {
  arrow_kind is = arrow_kind::convolution;
  int from = none, to = none;  ///< positions in picture::figures
  std::string words{};         ///< for the legend
  int lane = 0;                ///< how high it passes above the row; 0 is straight
};

struct picture_row {
  ratio scale{};  ///< tile pixels per pixel
  double y = 0, height = 0;
  double right = 0;  ///< what stands there already ends here
  int lanes = 0;     ///< arrows that pass above
};

/// A network on paper. A value without a figure of its own is shown by that of its input: activations,
/// norms and crops do not move the eye.
struct picture {
  std::vector<figure> figures{};
  std::vector<arrow> arrows{};
  std::vector<picture_row> rows{};

  static constexpr double caption = 13;  ///< height of a line of text
  static constexpr double gap = 19;      ///< an arrow's length
  static constexpr double lane = 7;      ///< between arrows that pass above a row
};

namespace detail {

class picture_maker {
 public:
  explicit picture_maker(flat_graph const& net) : net_{net} {}

  picture operator()() {
    figure_of_.assign(static_cast<std::size_t>(net_.values.size()), none);
    readers_.assign(figure_of_.size(), 0);
    scales_.assign(figure_of_.size(), ratio{});
    for (int i = 0; i < net_.forward_ops; ++i)
      for (int v : net_.ops[i].in)
        if (v != none && net_.ops[i].kind != op_kind::norm_statistics) ++readers_[at(v)];
    find_rows();
    for (int i = 0; i < net_.forward_ops; ++i) place(net_.ops[i]);
    stack_rows();
    return std::move(result_);
  }

 private:
  flat_graph const& net_;
  picture result_{};
  std::vector<int> figure_of_{}, readers_{};
  std::vector<ratio> scales_{};
  std::vector<std::pair<op const*, int>> awaited_{};  ///< joins that have their figure already

  static std::size_t at(int i) { return static_cast<std::size_t>(i); }
  figure& shown(int v) { return result_.figures[at(figure_of_[at(v)])]; }

  /// The scale of each value, and a row for each scale, the finest first.
  void find_rows() {
    for (int i = 0; i < net_.forward_ops; ++i) {
      op const& o = net_.ops[i];
      ratio s = o.in[0] == none ? ratio{} : scales_[at(o.in[0])];
      if (o.kind == op_kind::convolve || o.kind == op_kind::max_pool || o.kind == op_kind::avg_pool)
        s = s.times(o.stride.width, 1);
      if (o.kind == op_kind::up_convolve || o.kind == op_kind::upsample) s = s.times(1, o.window.width);
      scales_[at(o.out[0])] = s;
      if (o.kind == op_kind::norm_statistics) continue;
      std::size_t row = 0;
      while (row < result_.rows.size() && finer(result_.rows[row].scale, s)) ++row;
      if (row == result_.rows.size() || finer(s, result_.rows[row].scale))
        result_.rows.insert(result_.rows.begin() + static_cast<std::ptrdiff_t>(row), {s});
    }
  }
  static bool finer(ratio a, ratio b) { return a.over * b.under < b.over * a.under; }
  int row_of(int v) const {
    int row = 0;
    while (finer(result_.rows[at(row)].scale, scales_[at(v)])) ++row;
    return row;
  }

  void place(op const& o) {
    int const y = o.out[0];
    switch (o.kind) {
      case op_kind::norm_statistics:
        return;
      case op_kind::image:
        add_map(y, none, figure::kind::image);
        return;
      case op_kind::convolve:
        add_map(y, o.in[0], figure::kind::map, o.window.volume() == 1 ? arrow_kind::pointwise : arrow_kind::convolution,
                "conv " + window(o.window));
        return;
      case op_kind::max_pool:
      case op_kind::avg_pool:
        add_map(y, o.in[0], figure::kind::map, arrow_kind::pooling,
                (o.kind == op_kind::max_pool ? "max pool " : "average pool ") + window(o.window));
        return;
      case op_kind::up_convolve:
        add_map(y, o.in[0], figure::kind::map, arrow_kind::enlarging, "up-conv " + window(o.window));
        return;
      case op_kind::upsample:
        add_map(y, o.in[0], figure::kind::map, arrow_kind::enlarging,
                std::string(o.linear ? "bilinear " : "nearest ") + window(o.window));
        return;
      case op_kind::add:
        add_map(y, o.in[1], figure::kind::sum, arrow_kind::sum, "add");
        result_.arrows.push_back({arrow_kind::sum, figure_of_[at(o.in[0])], figure_of_[at(y)], "add"});
        return;
      case op_kind::join:
        join(o);
        return;
      default:
        break;
    }
    figure_of_[at(y)] = figure_of_[at(o.in[0])];
    if (o.kind == op_kind::drop) shown(y).note = "dropout";
    if (o.kind == op_kind::activate || o.kind == op_kind::norm || o.kind == op_kind::norm_running)
      for (arrow& a : result_.arrows)
        if (a.to == figure_of_[at(y)]) a.words += ", " + op_name(net_, o);
  }

  std::string window(extent w) const {
    std::string text = std::to_string(w.height) + " × " + std::to_string(w.width);
    return net_.first_axis == 1 ? text : std::to_string(w.depth) + " × " + text;
  }

  figure sized(int v, figure::kind is) const {
    value const& x = net_.values[v];
    if (is == figure::kind::sum) return {is, v, row_of(v), 0, 16, 16, 0, x.channels, {}};
    double const share = static_cast<double>(x.size.height) / net_.values[0].size.height;
    return {is, v, row_of(v), 0, 3 + 1.5 * std::sqrt(x.channels), 14 + 106 * std::sqrt(share), 0, x.channels, {}};
  }

  /// Appends figures that touch, the last one's middle at `x` or as far to the right as the row demands.
  int stand(std::vector<figure> group, double x) {
    double width = 0;
    int channels = 0;
    for (figure const& f : group) width += f.width, channels += f.channels;
    picture_row& row = result_.rows[at(group[0].row)];
    double const slot = std::fmax(width, 23), from_last = width - group.back().width / 2 + (slot - width) / 2;
    double const left = std::fmax(x - from_last, row.right + picture::gap);
    double end = left + (slot - width) / 2;
    for (figure& f : group) {
      f.x = end + f.width / 2;
      end += f.width;
      f.channels = 0, f.label_x = left + slot / 2;
      row.height = std::fmax(row.height, f.height);
      result_.figures.push_back(f);
    }
    result_.figures.back().channels = channels;
    row.right = left + slot;
    return static_cast<int>(result_.figures.size()) - 1;
  }

  /// A new map; one that goes straight into a join leaves room for what it is joined with.
  void add_map(int y, int from, figure::kind is, arrow_kind how = {}, std::string words = {}) {
    std::vector<figure> group;
    std::vector<int> copied;
    op const* const join = is == figure::kind::map ? joined_by(y) : nullptr;
    if (join) leaves(join->in[0], copied);
    for (int v : copied) group.push_back(sized(v, figure::kind::copy));
    group.push_back(sized(y, is));
    bool const below = from != none && shown(from).row != group.back().row;
    int const self = stand(group, below ? shown(from).x : -1e9);
    figure_of_[at(y)] = self;
    if (join) awaited_.push_back({join, self});
    if (from != none) result_.arrows.push_back({how, figure_of_[at(from)], self, std::move(words)});
    copy_arrows(copied, self - static_cast<int>(copied.size()));
  }
  void copy_arrows(std::vector<int> const& copied, int first) {
    for (std::size_t i = 0; i < copied.size(); ++i) {
      bool const cropped = net_.producer(copied[i]).kind == op_kind::crop;
      result_.arrows.push_back({arrow_kind::copy, figure_of_[at(copied[i])], first + static_cast<int>(i),
                                cropped ? "copy and crop" : "copy"});
    }
  }

  /// The join that alone reads v, or what elementwise ops make of v, behind everything else that it joins; or none.
  op const* joined_by(int v) const {
    for (int i = net_.values[v].producer + 1; i < net_.forward_ops; ++i) {
      op const& o = net_.ops[i];
      if (o.kind == op_kind::norm_statistics || (o.in[0] != v && o.in[1] != v)) continue;
      if (readers_[at(v)] != 1) return nullptr;
      if (o.kind == op_kind::join)
        return o.in[1] == v && !only_joined(o.out[0]) && ready(o.in[0], net_.values[v].producer) ? &o : nullptr;
      if (o.kind != op_kind::activate && o.kind != op_kind::drop && o.kind != op_kind::norm) return nullptr;
      v = o.out[0];
    }
    return nullptr;
  }
  /// Are all leaves of a join figures before op `end` is one? A crop counts with its input.
  bool ready(int v, int end) const {
    op const& p = net_.producer(v);
    if (p.kind == op_kind::join) return ready(p.in[0], end) && ready(p.in[1], end);
    return p.kind == op_kind::crop ? ready(p.in[0], end) : net_.values[v].producer < end;
  }
  /// What a join of joins reads in the end. Crops are given the figures of their inputs on the way.
  void leaves(int v, std::vector<int>& into) {
    op const& p = net_.producer(v);
    if (p.kind == op_kind::join) {
      leaves(p.in[0], into);
      leaves(p.in[1], into);
      return;
    }
    if (p.kind == op_kind::crop) figure_of_[at(v)] = figure_of_[at(p.in[0])];
    into.push_back(v);
  }

  void join(op const& o) {
    int const y = o.out[0];
    for (auto const& [join, self] : awaited_)
      if (join == &o) {
        figure_of_[at(y)] = self;
        return;
      }
    if (only_joined(y)) return;
    std::vector<int> copied;
    std::vector<figure> group;
    leaves(y, copied);
    for (int v : copied) group.push_back(sized(v, figure::kind::copy));
    int const self = stand(group, -1e9);
    figure_of_[at(y)] = self;
    copy_arrows(copied, self + 1 - static_cast<int>(copied.size()));
  }
  /// A join that only another join reads is part of that one.
  bool only_joined(int v) const {
    for (int i = 0; i < net_.forward_ops; ++i)
      for (int u : net_.ops[i].in)
        if (u == v && net_.ops[i].kind != op_kind::join) return false;
    return v != net_.output;
  }

  /// Arrows along a row that would cross a map pass above it, the shorter ones lower; then the rows get their heights.
  void stack_rows() {
    for (arrow& a : result_.arrows)
      if (crosses(a)) a.lane = 1;
    std::vector<arrow*> passing;
    for (arrow& a : result_.arrows)
      if (a.lane > 0) passing.push_back(&a);
    std::stable_sort(passing.begin(), passing.end(), [&](arrow* a, arrow* b) { return reach(*a) < reach(*b); });
    for (std::size_t i = 0; i < passing.size(); ++i) {
      for (bool moved = true; moved;) {
        moved = false;
        for (std::size_t k = 0; k < i; ++k)
          if (passing[k]->lane == passing[i]->lane && overlap(*passing[k], *passing[i]))
            ++passing[i]->lane, moved = true;
      }
      picture_row& row = result_.rows[at(head(*passing[i]).row)];
      row.lanes = std::max(row.lanes, passing[i]->lane);
    }
    double y = 0;
    for (std::size_t r = 0; r < result_.rows.size(); ++r) {
      picture_row& row = result_.rows[r];
      double const above =
          r == 0 ? 0 : 2 * picture::caption + picture::gap + picture::lane * row.lanes + row.height / 2;
      row.y = y - above;
      y = row.y - row.height / 2;
    }
  }
  figure const& tail(arrow const& a) const { return result_.figures[at(a.from)]; }
  figure const& head(arrow const& a) const { return result_.figures[at(a.to)]; }
  double reach(arrow const& a) const { return head(a).x - tail(a).x; }
  bool crosses(arrow const& a) const {
    if (tail(a).row != head(a).row) return false;
    for (figure const& f : result_.figures)
      if (f.row == head(a).row && f.x > tail(a).right() && f.right() < head(a).left() + 0.01) return true;
    return false;
  }
  bool overlap(arrow const& a, arrow const& b) const {
    return tail(a).row == tail(b).row && tail(a).x < head(b).x && tail(b).x < head(a).x;
  }
};

}  // namespace detail

inline picture make_picture(flat_graph const& net) { return detail::picture_maker{net}(); }

}  // namespace oxbow
