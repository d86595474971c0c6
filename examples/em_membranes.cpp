// The paper's first experiment: membranes in slices of electron microscopy, learned with elastic deformations and
// border weights, and scored as the ISBI 2012 challenge does, every epoch, on slices that are held out:
//   em_membranes --images train/image --labels train/label --out run
#include <oxbow/oxbow.hpp>

#include "support/membranes_experiment.hpp"
#include "support/networks.hpp"

int main(int argc, char** argv) {
  CLI::App app{"Trains a U-Net on slices of electron microscopy and scores it as the ISBI 2012 challenge does."};
  support::membrane_settings s;
  s.ask(app);
  return support::program(app, argc, argv, [&] { support::run_membranes<support::quarter_unet, oxbow::host>(s); });
}
