// Measured by measure.py, which defines NET, TILE and USE: a whole program that predicts on the CPU.
#include <oxbow/host/network.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

using subject = model<NET, tile<TILE>>;

int main() {
  network<subject, host> net;
  image<float> const tile{subject::tile, subject::input_channels};
  image<float> logits{subject::output, subject::classes};
  net.infer(tile.view(), logits.view());
  return logits.data[0] > 0;
}
