// Sums of a tile that several blocks have made: to the bit those that one makes who adds them in order, whoever of the
// blocks comes last.
#include <oxbow/cuda/kernel/shared_sums.cuh>

#include <algorithm>

#include "device.cuh"

using namespace oxbow;
using namespace oxbow::testing;

namespace {

/// Block b has the sums values(b, ·); the one that has all of a tile stores them. Tiles of `count` blocks each.
/// Many: by last_of_many. Room: bytes of shared memory at hand.
template <bool Many, int Room> struct adds_up {
  static constexpr int threads = 64, m = 2, n = 3, each = m * n * 4;
  using sums = on_cuda::shared_sums<threads, m, n>;
  static constexpr int slot_floats = sums::slot_floats;
  struct storage {
    alignas(16) unsigned char room[Room];
    unsigned flag;
  };
  struct args {
    int count, tiles;
    float const* values;
    float* slots;
    unsigned* counters;  ///< (level, block)
    float* out;          ///< (tile, thread, each)
  };
  __device__ static void run(args const& a, storage& s) {
    int const block = static_cast<int>(blockIdx.x), tile = block / a.count, mine = block % a.count;
    float acc[m][n][4];
    for (int i = 0; i < each; ++i) acc[i / 4 / n][i / 4 % n][i % 4] = a.values[(block * each + i) * threads + threadIdx.x];
    for (unsigned i = threadIdx.x; i < Room; i += threads) s.room[i] = 0xff;  // what was there before
    __syncthreads();
    auto const slot = [&](int i) {
      return reinterpret_cast<float4*>(a.slots) + (tile * a.count + i) * (slot_floats / 4);
    };
    bool last;
    if constexpr (Many) {
      auto const counter = [&](int level, int i) { return a.counters + level * a.count * a.tiles + tile * a.count + i; };
      last = sums::last_of_many(acc, slot, a.count, mine, counter, s.flag, s.room);
    } else {
      last = sums::last_to_arrive(acc, slot, 0, a.count - 1, mine, a.counters + tile, s.flag, s.room);
    }
    for (unsigned i = threadIdx.x; i < Room; i += threads) s.room[i] = 0;  // what comes after
    if (!last) return;
    for (int i = 0; i < each; ++i) a.out[(tile * each + i) * threads + threadIdx.x] = acc[i / 4 / n][i / 4 % n][i % 4];
  }
};

/// In fp32, in the order of the blocks; of more than `fan` in groups of as many.
float in_order(std::vector<float> v, std::size_t fan) {
  while (v.size() > 1) {
    std::vector<float> groups;
    for (std::size_t i = 0; i < v.size(); i += fan) {
      float sum = v[i];
      for (std::size_t k = i + 1; k < std::min(i + fan, v.size()); ++k) sum += v[k];
      groups.push_back(sum);
    }
    v = groups;
  }
  return v[0];
}

template <bool Many, int Room> void check(int count, int tiles) {
  using kernel = adds_up<Many, Room>;
  constexpr int numbers = kernel::each * kernel::threads;
  int const blocks = count * tiles, levels = Many ? kernel::sums::levels(count) : 1;
  INFO(tiles, " tiles of ", count, " blocks each");
  random_stream const r{5, purpose::example_data, static_cast<std::uint32_t>(count)};
  std::vector<float> values(static_cast<std::size_t>(blocks * numbers));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = r.uniform(i, -1, 1) * (i % 3 ? 1.f : 1000.f);
  device_array<float> const d_values(values), slots(static_cast<std::size_t>(blocks * kernel::slot_floats));
  device_array<float> const out(static_cast<std::size_t>(tiles * numbers));
  device_array<unsigned> const counters(std::vector<unsigned>(static_cast<std::size_t>(std::max(1, levels) * blocks)));
  for (int again = 0; again < 2; ++again) {  // counters are left at zero
    launch<kernel>({count, tiles, d_values.data, slots.data, counters.data, out.data}, blocks);
    int wrong = 0;
    auto const got = out.host();
    for (int tile = 0; tile < tiles; ++tile)
      for (int i = 0; i < numbers; ++i) {
        std::vector<float> all;
        for (int b = 0; b < count; ++b) all.push_back(values[static_cast<std::size_t>((tile * count + b) * numbers + i)]);
        float const expected = in_order(all, Many ? kernel::sums::fan : all.size());
        wrong += std::memcmp(&got[static_cast<std::size_t>(tile * numbers + i)], &expected, sizeof expected) != 0;
      }
    CHECK(wrong == 0);
  }
}

constexpr int enough = 4 * on_cuda::shared_sums<64, 2, 3>::slot_floats, too_small = enough - 16;

}  // namespace

TEST_CASE_TEMPLATE("blocks that share a tile", room, std::integral_constant<int, enough>,
                   std::integral_constant<int, too_small>) {
  for (int count : {1, 2, 3, 4, 7, 16}) check<false, room::value>(count, 3);
}
TEST_CASE_TEMPLATE("many blocks that share a tile", room, std::integral_constant<int, enough>,
                   std::integral_constant<int, too_small>) {
  for (int count : {1, 2, 6, 7, 13, 40, 74}) check<true, room::value>(count, 2);
}
