// The paper's first experiment on an NVIDIA GPU, with the paper's network in full width:
//   em_membranes_cuda --images train/image --labels train/label --optimizer adam --rate 3e-4 --out run
// One of a quarter of the width, em_membranes' own, with --quarter.
#include <oxbow/cuda.cuh>

#include "support/membranes_experiment.hpp"
#include "support/networks.hpp"

using backend = oxbow::cuda_f16;

int main(int argc, char** argv) {
  CLI::App app{"Trains the paper's U-Net on a GPU on slices of electron microscopy and scores it as ISBI 2012 does."};
  support::membrane_settings s;
  bool quarter = false;
  s.ask(app);
  app.add_flag("--quarter", quarter, "a network a quarter as wide");
  return support::program(app, argc, argv, [&] {
    if (quarter) support::run_membranes<support::quarter_unet, backend>(s);
    else support::run_membranes<oxbow::unet_2015, backend>(s);
  });
}
