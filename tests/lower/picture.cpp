// The picture of a network.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <oxbow/check/trace.hpp>
#include <oxbow/lower/write_svg.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

namespace {

using everything = seq<
    level<seq<conv<4>, batch_norm, relu>, seq<max_pool<2>, conv<6, 3, pad::mirror>, silu, dropout<0.5f>, up_conv<4>>,
          seq<conv<4, 3, pad::zero, 1, 2>, group_norm<2>>>,
    residual<conv<4, 3, pad::zero>>, conv<2, 1>>;

template <class Net> flat_graph graph_of(int height, int width) { return infer<Net>({1, height, width}, 1, 1).net; }

bool contains(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }
std::string read(std::filesystem::path const& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace

TEST_CASE("a picture has a box for each map and an arrow for each step of the eye") {
  picture const p = make_picture(graph_of<everything>(16, 20));
  auto const figures = [&](figure::kind k) {
    return std::count_if(p.figures.begin(), p.figures.end(), [&](figure const& f) { return f.is == k; });
  };
  // The image; two maps at the top on the way down and one after it, two below; the copy of the skip; a sum.
  CHECK(figures(figure::kind::image) == 1);
  CHECK(figures(figure::kind::map) == 7);
  CHECK(figures(figure::kind::copy) == 1);
  CHECK(figures(figure::kind::sum) == 1);
  CHECK(p.rows.size() == 2);
  CHECK(p.rows[1].y < p.rows[0].y);
  CHECK(p.arrows.size() == 10);
  // What stands in a row stands beside each other.
  for (figure const& a : p.figures)
    for (figure const& b : p.figures)
      if (&a < &b && a.row == b.row) CHECK((a.right() <= b.left() + 1e-9 || b.right() <= a.left() + 1e-9));
  std::string const dot = draw(graph_of<everything>(16, 20));
  CHECK(contains(dot, "label=\"14×18\""));
  CHECK(contains(dot, "label=\"conv 3 × 3, batch_norm, relu\\l\""));
  CHECK(contains(dot, "label=\"level 1\\r\""));
}

TEST_CASE("the pictures of nested skips keep boxes apart and arrows in their own lanes") {
  picture const p = make_picture(graph_of<unet_plus_plus>(64, 64));
  CHECK(p.rows.size() == 5);
  for (std::size_t i = 0; i < p.figures.size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      if (p.figures[i].row == p.figures[k].row) CHECK(p.figures[i].left() >= p.figures[k].right() - 1e-9);
  auto const at = [&](int i) -> figure const& { return p.figures[static_cast<std::size_t>(i)]; };
  for (arrow const& a : p.arrows)
    for (arrow const& b : p.arrows)
      if (&a != &b && a.lane > 0 && a.lane == b.lane && at(a.from).row == at(b.from).row)
        CHECK((at(a.to).x <= at(b.from).x || at(b.to).x <= at(a.from).x));
}

TEST_CASE("the picture in the documentation is that of the network") {
  auto const folder = std::filesystem::path{__FILE__}.parent_path() / "../../docs/pictures";
  INFO("write draw<model<unet_2015, tile<572, 572>>>() to docs/pictures/unet_2015.dot, and make the SVG from it");
  CHECK(read(folder / "unet_2015.dot") == draw(graph_of<unet_2015>(572, 572)));
}

TEST_CASE("a picture becomes an SVG file where dot is installed, and an error says so where it is not") {
  std::string const dot = draw(graph_of<everything>(16, 20));
  auto const folder = std::filesystem::temp_directory_path() / ("oxbow-print-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  auto const path = folder / "a name; with $(things) a shell would run.svg";
  if (std::system("dot -V >/dev/null 2>&1") == 0) {
    write_svg(dot, path);
    std::string const svg = read(path);
    CHECK(contains(svg, "<svg"));
    CHECK(contains(svg, "</svg>"));
    CHECK(contains(svg, ">level 1</text>"));
    CHECK_THROWS_WITH_AS(write_svg(dot, folder / "absent" / "x.svg"),
                         doctest::Contains("Is the folder there, and may it be written?"), std::runtime_error);
  }
  char const* const before = std::getenv("PATH");
  std::string const kept = before ? before : "";
  ::setenv("PATH", folder.c_str(), 1);
  CHECK_THROWS_WITH_AS(write_svg(dot, path), doctest::Contains("the program dot is not installed"), std::runtime_error);
  ::setenv("PATH", kept.c_str(), 1);
  std::filesystem::remove_all(folder);
}
