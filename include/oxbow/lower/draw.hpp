// A network as a picture, in Graphviz' language.
#pragma once
#include <oxbow/lower/picture.hpp>
#include <oxbow/lower/table.hpp>

namespace oxbow {
namespace detail {

struct point {
  double x = 0, y = 0;
};

/// Cubic Bézier curves, end to end, as Graphviz writes them: a first point, then three for each curve.
class spline {
 public:
  explicit spline(point first) : points_{first} {}
  spline& line(point to) { return curve(points_.back(), to, to); }
  spline& curve(point a, point b, point to) {
    points_.insert(points_.end(), {a, b, to});
    return *this;
  }
  std::string text() const {
    std::string s;
    for (point const& p : points_) {
      if (!s.empty()) s += ' ';
      s.append(decimal(p.x, 1)).append(1, ',').append(decimal(p.y, 1));
    }
    return s;
  }

 private:
  std::vector<point> points_;
};

/// Writes figures at places that are known: the engine nop2 adds nothing of its own.
class dot_writer {
 public:
  explicit dot_writer(flat_graph const& net, picture const& p) : net_{net}, picture_{p} {}

  std::string operator()() {
    text_ =
        "digraph network {\n"
        "  graph [layout=nop2, bgcolor=white, pad=0.2, outputorder=edgesfirst];\n"
        "  node [shape=box, style=filled, fixedsize=true, label=\"\", penwidth=0.8, "
        "fontname=\"Helvetica,Arial,sans-serif\", fontsize=10];\n"
        "  edge [penwidth=1.4, arrowsize=0.6];\n";
    for (figure const& f : picture_.figures) draw(f);
    for (arrow const& a : picture_.arrows) draw(a);
    levels();
    legend();
    return text_ + "}\n";
  }

 private:
  flat_graph const& net_;
  picture const& picture_;
  std::string text_{};
  int nodes_ = 0, captions_ = 0;

  static constexpr char const* dark = "#374151";
  static constexpr char const* pale = "#6b7280";

  static char const* colour(arrow_kind k) {
    constexpr char const* colours[] = {"#1f5fa8", "#0f9d8a", "#9aa3ad", "#c8372d", "#3a9a45", "#374151"};
    return colours[static_cast<int>(k)];
  }
  figure const& at(int i) const { return picture_.figures[static_cast<std::size_t>(i)]; }
  picture_row const& row(figure const& f) const { return picture_.rows[static_cast<std::size_t>(f.row)]; }
  static std::string number(double x) { return decimal(x, 1); }
  static std::string pair(point p) { return number(p.x) + "," + number(p.y); }

  void node(std::string const& name, point p, double width, double height, std::string const& more) {
    text_ += "  " + name + " [pos=\"" + pair(p) + "\", width=" + decimal(width / 72, 3) +
             ", height=" + decimal(height / 72, 3) + more + "];\n";
  }
  /// align: l, r or n, the middle. p is the middle of the text's box.
  void caption(std::string const& words, point p, double width, char align, char const* ink, int size = 10) {
    std::string const broken = align == 'n' ? "" : std::string{"\\"} + align;
    node("t" + std::to_string(captions_++), p, width, picture::caption,
         ", shape=plaintext, style=\"\", fontsize=" + std::to_string(size) + ", fontcolor=\"" + ink + "\", label=\"" +
             words + broken + "\"");
  }

  /// "568²", or both sizes where they differ.
  std::string size_caption(figure const& f) const {
    extent const e = net_.values[f.value].size;
    std::string const h = std::to_string(e.height), w = std::to_string(e.width), d = std::to_string(e.depth);
    bool const flat = net_.first_axis == 1, square = e.height == e.width;
    if (flat) return square ? h + "²" : h + "×" + w;
    return square && e.depth == e.height ? h + "³" : d + "×" + h + "×" + w;
  }

  void draw(figure const& f) {
    point const p{f.x, row(f).y};
    bool const result = f.value == last_value();
    std::string look = ", fillcolor=\"#cfe1f4\", color=\"#1f5fa8\"";
    if (f.is == figure::kind::image) look = ", fillcolor=\"#e5e7eb\", color=\"#4b5563\"";
    if (f.is == figure::kind::copy) look = ", fillcolor=white, color=\"#9aa3ad\"";
    if (f.is == figure::kind::sum)
      look = ", shape=circle, fillcolor=white, color=\"#374151\", label=\"+\", fontsize=12";
    if (result) look = ", fillcolor=\"#c9ece5\", color=\"#0f9d8a\"";
    node("f" + std::to_string(nodes_++), p, f.width, f.height, look);
    if (f.channels == 0 || f.is == figure::kind::sum) return;
    double const half = f.height / 2 + picture::caption / 2;
    caption(std::to_string(f.channels), {f.label_x, p.y + half}, 40, 'n', dark);
    caption(size_caption(f), {f.label_x, p.y - half}, 60, 'n', pale, 9);
    if (!f.note.empty()) caption(f.note, {f.label_x, p.y - half - 9}, 60, 'n', pale, 9);
    if (f.is == figure::kind::image) caption("image", {f.left() - 45, p.y}, 80, 'r', dark, 12);
    if (result) caption("output", {f.right() + 45, p.y}, 80, 'l', dark, 12);
  }
  int last_value() const { return picture_.figures.back().value; }

  point top(figure const& f) const {
    return {f.x, row(f).y + f.height / 2 + (f.is == figure::kind::sum ? 0 : picture::caption)};
  }
  point bottom(figure const& f) const {
    double const words = f.is == figure::kind::sum ? 0 : f.note.empty() ? picture::caption : picture::caption + 9;
    return {f.x, row(f).y - f.height / 2 - words};
  }

  /// Arrows that pass above a row stand a little aside of those that come from other rows.
  static double aside(figure const& f) {
    return f.is == figure::kind::map ? std::fmin(5, f.width / 3) : f.is == figure::kind::sum ? 5 : 0;
  }

  void edge(std::string const& from, std::string const& to, arrow_kind is, point end, spline const& s) {
    text_ +=
        "  " + from + " -> " + to + " [color=\"" + colour(is) + "\", pos=\"e," + pair(end) + " " + s.text() + "\"];\n";
  }

  void draw(arrow const& a) {
    figure const &f = at(a.from), &t = at(a.to);
    constexpr double tip = 6, bend = 5;
    std::string const from = "f" + std::to_string(a.from), to = "f" + std::to_string(a.to);
    if (f.row == t.row && a.lane == 0) {
      double const y = row(f).y;
      point const end{t.left() - 1, y};
      edge(from, to, a.is, end, spline{{f.right() + 1, y}}.line({end.x - tip, y}));
    } else if (f.row == t.row) {
      double const y = row(f).y + row(f).height / 2 + picture::caption + picture::lane * a.lane;
      double const x0 = f.x + aside(f), x1 = t.x - aside(t);
      point const end{x1, top(t).y - (t.is == figure::kind::sum ? 1.5 : 0)};
      spline over{{x0, top(f).y}};
      over.line({x0, y - bend}).curve({x0, y}, {x0, y}, {x0 + bend, y});
      over.line({x1 - bend, y}).curve({x1, y}, {x1, y}, {x1, y - bend}).line({x1, end.y + tip});
      edge(from, to, a.is, end, over);
    } else {
      bool const down = f.row < t.row;
      point const start = down ? bottom(f) : top(f), end = down ? top(t) : bottom(t);
      point const tail{end.x, end.y + (down ? tip : -tip)};
      double const middle = (start.y + tail.y) / 2;
      edge(from, to, a.is, end, spline{start}.curve({start.x, middle}, {end.x, middle}, tail));
    }
  }

  /// At the left end of each row the level whose encoder stands there.
  void levels() {
    for (std::size_t r = 0; r < picture_.rows.size(); ++r) {
      figure const* first = nullptr;
      int number = 0;
      for (figure const& f : picture_.figures) {
        if (f.row != static_cast<int>(r)) continue;
        if (!first || f.left() < first->left()) first = &f;
        int const layer = net_.producer(f.value).layer;
        if (number > 0 || layer == none) continue;
        path const& where = net_.layers[layer];
        for (int i = 0; i + 1 < where.size(); ++i)
          if (where[i].what == word::level && where[i + 1].what == word::encode) number = where[i].number;
      }
      if (number > 0)
        caption("level " + std::to_string(number),
                {first->left() - 45, picture_.rows[r].y + picture_.rows[r].height / 2 - 6}, 80, 'r', pale, 10);
    }
  }

  /// A line for each kind of arrow: at the right below the staircase of the decoders, or below everything.
  void legend() {
    std::vector<arrow> lines;
    for (arrow const& a : picture_.arrows) {
      bool known = false;
      for (arrow const& l : lines) known = known || (l.is == a.is && l.words == a.words);
      if (!known) lines.push_back(a);
    }
    std::stable_sort(lines.begin(), lines.end(), [](arrow const& a, arrow const& b) { return a.is < b.is; });
    constexpr double line = 15, width = 170;
    double right = 0, low = 0;
    for (picture_row const& r : picture_.rows)
      right = std::fmax(right, r.right), low = std::fmin(low, r.y - r.height / 2);
    double const height = line * static_cast<double>(lines.size()), left = right - width + 40;
    double y = low + height - line;
    for (picture_row const& r : picture_.rows)
      if (r.y - r.height / 2 - 2 * picture::caption < y + line && r.right > left - 20)
        y = low - 3 * picture::caption - line;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (i == 0 || lines[i].is != lines[i - 1].is) {
        std::string const from = "k" + std::to_string(nodes_++), to = "k" + std::to_string(nodes_++);
        node(from, {left, y}, 1, 1, ", style=invis");
        node(to, {left + 26, y}, 1, 1, ", style=invis");
        edge(from, to, lines[i].is, {left + 26, y}, spline{{left, y}}.line({left + 20, y}));
      }
      caption(lines[i].words, {left + 32 + 100, y}, 200, 'l', dark, 10);
      y -= line;
    }
  }
};

}  // namespace detail

/// The network as a picture, U-shaped where it is a U: maps as boxes with channels above and size below, an arrow for
/// what is done. `dot -Tsvg` makes an image of it.
inline std::string draw(flat_graph const& net) { return detail::dot_writer{net, make_picture(net)}(); }
template <class Model> std::string draw() { return draw(Model::forward); }

}  // namespace oxbow
