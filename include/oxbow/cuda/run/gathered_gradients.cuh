// Gradients of 3×3 weights: those of consecutive steps in one launch.
#pragma once
#include <cstring>
#include <utility>

#include <oxbow/cuda/run/matrix_grad_step.cuh>

namespace oxbow::on_cuda {

/// The plan puts such steps side by side (fusions::gradients_together).
template <class Program, element Type, class Chip> struct gathered_gradients {
  using t = program_tables<Program>;
  using T = number_type<Type>;

  /// Does step I share a launch with those beside it?
  template <int I> static constexpr bool holds() {
    if constexpr (I >= t::steps) return false;
    else {
      using view = step_view<Program, I, Type>;
      if constexpr (!view::for_matrices || view::what.kind(view::anchor) != op_kind::convolve_grad_weight) return false;
      else return matrix_grad_step<view, Chip>::gathers();
    }
  }
  /// Adds the launch of all that have been gathered.
  static void prepare(prepared_step& step, program_needs<T>& needs) {
    std::vector<stream_job> stream;
    for (auto const& g : needs.gathered) stream.push_back(kernel::stream_of(g.shape, g.tile, Chip::limits));
    int const most = kernel::resident * Chip::limits.multiprocessors;
    stream_shares const shares = tune::share_out(stream, most, tune::grad_tile_cycles);
    int const blocks = shares.blocks();
    needs.share(kernel::slot_floats(blocks), kernel::counters(blocks));

    std::vector<gathered_gradient<T>> const gathered = std::exchange(needs.gathered, {});
    std::int64_t const jobs =
        needs.table(static_cast<std::int64_t>(gathered.size() * sizeof(grad_job<T>)),
                    [gathered](run_context const& c, std::byte* there) {
                      for (auto const& g : gathered) {
                        grad_job<T> job = g.job(c);
                        while (!(tiles.items[job.tile] == g.tile)) ++job.tile;
                        std::memcpy(there, &job, sizeof job);
                        there += sizeof job;
                      }
                    });
    std::int64_t const segments = table_of(needs, shares.segments), first_of = table_of(needs, shares.first_of);
    step.launches.push_back([=, &step](run_context const& c, cudaStream_t s) {
      launch<kernel>({reinterpret_cast<grad_job<T> const*>(c.tables + jobs),
                      reinterpret_cast<stream_segment const*>(c.tables + segments),
                      reinterpret_cast<int const*>(c.tables + first_of), blocks, c.shared_tiles, c.arrived, c.run},
                     blocks, s, step.name);
    });
  }

 private:
  template <class Item> static std::int64_t table_of(program_needs<T>& needs, std::vector<Item> const& items) {
    std::size_t const bytes = items.size() * sizeof(Item);
    return needs.table(static_cast<std::int64_t>(bytes), [items, bytes](run_context const&, std::byte* there) {
      std::memcpy(there, items.data(), bytes);
    });
  }
  /// The tiles that the steps ask for, each once.
  struct tile_list {
    grad_tile items[8]{};
    int count = 0;
    constexpr void add(grad_tile const& t) {
      for (int i = 0; i < count; ++i)
        if (items[i] == t) return;
      items[count++] = t;
    }
  };
  template <int I> static constexpr void add(tile_list& all) {
    if constexpr (holds<I>()) all.add(matrix_grad_step<step_view<Program, I, Type>, Chip>::tile());
  }
  template <int... I> static constexpr tile_list tiles_of(std::integer_sequence<int, I...>) {
    tile_list all;
    (add<I>(all), ...);
    return all;
  }
  static constexpr tile_list tiles = tiles_of(std::make_integer_sequence<int, t::steps>{});
  template <int... N> static auto kernel_of(std::integer_sequence<int, N...>) {
    return conv_3x3_grad_weight<T, tiles.items[N]...>{};
  }
  using kernel = decltype(kernel_of(std::make_integer_sequence<int, tiles.count>{}));
};

}  // namespace oxbow::on_cuda
