// Packed weights, and the squares of numbers that they are turned in.
#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

#include <oxbow/core/random.hpp>
#include <oxbow/host/pack.hpp>

using namespace oxbow;
using on_host::native;
using packed = on_host::packed_weights<native>;

TEST_CASE("A square of numbers is turned over its diagonal") {
  constexpr int w = on_host::width_of<native>;
  on_host::vec<native> square[w];
  for (int i = 0; i < w; ++i) {
    float row[w];
    for (int j = 0; j < w; ++j) row[j] = static_cast<float>(100 * i + j);
    square[i] = on_host::vec<native>::load_unaligned(row);
  }
  on_host::transpose<native>(square);
  for (int i = 0; i < w; ++i) {
    float row[w];
    square[i].store_unaligned(row);
    for (int j = 0; j < w; ++j) CHECK(row[j] == static_cast<float>(100 * j + i));
  }
}

// Tensors in memory of exactly their size: whoever reads beyond one is caught by the address sanitizer.
TEST_CASE("Every weight is packed where a convolution reads it, for any shape and role") {
  random_stream const random{7, purpose::example_data};
  for (int trial = 0; trial < 60; ++trial) {
    auto const below = [&](int k, std::uint32_t n) {
      return static_cast<int>(random.below(static_cast<std::uint64_t>(8 * trial + k), n));
    };
    bool const multiples = trial % 3 == 0;
    weight_use u;
    u.rows = multiples ? 16 * (1 + below(0, 5)) : 1 + below(0, 70);
    u.columns = multiples ? 16 * (1 + below(1, 5)) : 1 + below(1, 70);
    u.window = trial % 5 == 4 ? extent{1, 2, 2} : extent{1, 3, 3};
    u.rows_are_outputs = below(2, 2) == 0;
    u.flipped = below(3, 2) == 0;
    int const taps = u.taps(), outputs = u.outputs(), inputs = u.inputs();
    CAPTURE(u.rows);
    CAPTURE(u.columns);
    CAPTURE(taps);
    CAPTURE(u.rows_are_outputs);
    CAPTURE(u.flipped);

    std::size_t const count = static_cast<std::size_t>(u.rows) * static_cast<std::size_t>(u.columns * taps);
    std::unique_ptr<float[]> const weights{new float[count]};
    for (std::size_t i = 0; i < count; ++i) weights[i] = random.uniform(1000 + i, -1, 1);
    bool const scales = below(4, 2) == 0;
    std::vector<float> factor(static_cast<std::size_t>(layout::blocks(outputs) * layout::block));
    for (std::size_t i = 0; i < factor.size(); ++i) factor[i] = random.uniform(500 + i, .5f, 2);

    std::int64_t const floats = packed::floats(u);
    std::unique_ptr<float, void (*)(void*)> const memory{
        static_cast<float*>(std::aligned_alloc(64, (static_cast<std::size_t>(floats) * sizeof(float) + 63) / 64 * 64)),
        std::free};
    float* const out = memory.get();
    for (std::int64_t i = 0; i < floats; ++i) out[i] = std::numeric_limits<float>::quiet_NaN();
    for (int panel = 0; panel < packed::panels(outputs); ++panel)
      for (int block = 0; block < layout::blocks(inputs); ++block)
        packed::pack(weights.get(), u, panel, block, scales ? factor.data() : nullptr, out);

    for (int k = 0; k < packed::panels(outputs) * packed::panel; ++k)
      for (int c = 0; c < inputs; ++c)
        for (int t = 0; t < taps; ++t) {
          int const block = c / layout::block, first = block * layout::block,
                    in_block = inputs - first < layout::block ? inputs - first : layout::block;
          float const is = out[packed::offset(k / packed::panel, inputs, block, taps) +
                               (t * in_block + c - first) * packed::panel + k % packed::panel];
          int const row = u.rows_are_outputs ? k : c, column = u.rows_are_outputs ? c : k,
                    tap = u.flipped ? taps - 1 - t : t;
          float const wanted =
              k < outputs ? weights[static_cast<std::size_t>((row * u.columns + column) * taps + tap)] *
                                (scales ? factor[static_cast<std::size_t>(k)] : 1.f)
                          : 0.f;
          REQUIRE(is == wanted);
        }
  }
}
