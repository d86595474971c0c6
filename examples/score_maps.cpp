// Scores probability maps of membranes, whoever made them, as the ISBI 2012 challenge does:
//   score_maps --labels train/label run/step_*
// A folder holds one map per slice, TIFF files of floats, 0 membrane to 1 interior, called like the slice's labels.
#include <oxbow/core/threads.hpp>

#include "support/folder.hpp"
#include "support/map_in_order.hpp"
#include "support/membrane_table.hpp"
#include "support/program.hpp"
using namespace oxbow;

int main(int argc, char** argv) {
  std::filesystem::path labels;
  std::vector<std::filesystem::path> folders;
  int threads = 0;
  bool in_order = false;
  CLI::App app{"Scores probability maps of membranes as the ISBI 2012 challenge does."};
  app.add_option("maps", folders, "folders of maps; one alone is scored at every threshold")->required();
  app.add_option("--labels", labels, "folder of the labels: 0 membrane, 1 or 255 interior")->required();
  app.add_flag("--in-order", in_order, "score the maps with closed borders and without doubtful regions");
  app.add_option("--threads", threads, "0: one for each core")->capture_default_str();
  return support::program(app, argc, argv, [&] {
    thread_pool pool{threads};
    std::vector<std::vector<std::string>> rows;
    for (auto const& folder : folders) {
      auto maps = support::read_named_pairs(folder, labels, support::read_membranes);
      if (in_order) std::ranges::transform(maps.images, maps.images.begin(), support::in_order);
      auto const report = score_membranes(maps.labels, maps.images, {}, pool);
      if (folders.size() == 1) rows = support::threshold_rows(report);
      else rows.push_back(support::membrane_row(folder.filename().string(), support::best_of(report)));
    }
    std::fputs(support::membrane_text(folders.size() == 1 ? "threshold" : "maps", std::move(rows)).c_str(), stdout);
  });
}
