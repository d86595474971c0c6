// Scores probability maps of membranes, whoever made them, as the ISBI 2012 challenge does:
//   score_maps --labels train/label run/step_*
// A folder holds one map per slice, TIFF files of floats, 0 membrane to 1 interior, called like the slice's labels.
#include <cstdio>

#include <CLI/CLI.hpp>
#include <oxbow/core/threads.hpp>
#include <oxbow/io.hpp>
#include <oxbow/oxbow.hpp>

#include "support/folder.hpp"
#include "support/membrane_table.hpp"
using namespace oxbow;

int main(int argc, char** argv) try {
  std::filesystem::path labels;
  std::vector<std::filesystem::path> folders;
  int threads = 0;
  CLI::App app{"Scores probability maps of membranes as the ISBI 2012 challenge does."};
  app.add_option("maps", folders, "folders of maps; one alone is scored at every threshold")->required();
  app.add_option("--labels", labels, "folder of the labels: 0 membrane, 1 or 255 interior")->required();
  app.add_option("--threads", threads, "0: one for each core")->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  thread_pool pool{threads};
  auto const score = [&](std::filesystem::path const& folder) {
    auto const maps = support::read_named_pairs(folder, labels, 2, support::membrane_labels);
    return score_membranes(maps.labels, maps.images, {}, pool);
  };
  if (folders.size() == 1) {
    std::fputs(support::membrane_text("threshold", support::threshold_rows(score(folders[0]))).c_str(), stdout);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (auto const& folder : folders)
    rows.push_back(support::membrane_row(folder.filename().string(), support::best_of(score(folder))));
  std::fputs(support::membrane_text("maps", std::move(rows)).c_str(), stdout);
} catch (std::exception const& error) {
  std::fprintf(stderr, "score_maps: %s\n", error.what());
  return 1;
}
