// A shipped program outside the project: oxbow_multiarch arrives, and every instruction set that this CPU has predicts.
#include <cmath>
#include <cstdlib>

#include "model.hpp"

int main() {
  using namespace oxbow;
  image<float> const tile{one_layer::tile, 1, 1.f};
  for (auto const set : {instruction_set::baseline, instruction_set::avx2, instruction_set::avx512}) {
    if (set > instruction_set_of_cpu()) continue;
    setenv("OXBOW_ISA", name_of(set).data(), 1);
    network<one_layer, host> net{host{.threads = 1}, seed{1}};
    image<float> logits{one_layer::output, one_layer::classes, std::nanf("")};
    net.infer(tile.view(), logits.view());
    // Two weights and two biases of zero, on an image of ones.
    for (int k = 0; k < 2; ++k)
      if (logits(3, 3, k) != net.parameters()[static_cast<std::size_t>(k)]) return 1;
  }
}
