// Gradients of weights: those of consecutive steps in one launch for each kernel.
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
      constexpr op_kind kind = view::what.kind(view::anchor);
      constexpr bool weights = kind == op_kind::convolve_grad_weight || kind == op_kind::up_convolve_grad_weight;
      if constexpr (!view::for_matrices || !weights) return false;
      else return matrix_grad_step<view, Chip>::gathers();
    }
  }
  /// Adds the launches of all that have been gathered; returns how many.
  static int prepare(prepared_step& step, program_needs<T>& needs) {
    std::size_t const before = step.launches.size();
    if constexpr (tiles.count > 0) add_launch<kernel_3x3>(step, needs, needs.gathered_3x3);
    add_windows<false, false>(step, needs), add_windows<false, true>(step, needs);
    add_windows<true, false>(step, needs), add_windows<true, true>(step, needs);
    return static_cast<int>(step.launches.size() - before);
  }

 private:
  template <bool Large, bool Dense> static void add_windows(prepared_step& step, program_needs<T>& needs) {
    constexpr window_grad_tile tile = Large ? tune::large_window_grad : tune::small_window_grad;
    constexpr window_reads reads = Dense ? window_reads::dense : window_reads::anything;
    if constexpr (tiles.windows[Large][Dense])
      add_launch<conv_window_grad_weight<tile, reads, T>>(step, needs, needs.gathered_windows[Large][Dense]);
  }
  template <class Kernel, class Job>
  static void add_launch(prepared_step& step, program_needs<T>& needs, gathered_jobs<Job>& waiting) {
    gathered_jobs<Job> const gathered = std::exchange(waiting, {});
    if (gathered.jobs.empty()) return;
    int const most = Kernel::resident * Chip::limits.multiprocessors;
    stream_shares const shares = tune::share_out(gathered.stream, most, tune::grad_tile_cycles);
    int const blocks = shares.blocks();
    needs.share(Kernel::slot_floats(blocks), Kernel::counters(blocks));
    std::int64_t const jobs = needs.table(static_cast<std::int64_t>(gathered.jobs.size() * sizeof(Job)),
                                          [made = gathered.jobs](run_context const& c, std::byte* there) {
                                            for (auto const& make : made) {
                                              Job const job = make(c);
                                              std::memcpy(there, &job, sizeof job);
                                              there += sizeof job;
                                            }
                                          });
    std::int64_t const segments = table_of(needs, shares.segments), first_of = table_of(needs, shares.first_of);
    step.launches.push_back([=, &step](run_context const& c, cudaStream_t s) {
      launch<Kernel>({reinterpret_cast<Job const*>(c.tables + jobs),
                      reinterpret_cast<stream_segment const*>(c.tables + segments),
                      reinterpret_cast<int const*>(c.tables + first_of), blocks, c.shared_tiles, c.arrived, c.run},
                     blocks, s, step.name);
    });
  }
  template <class Item> static std::int64_t table_of(program_needs<T>& needs, std::vector<Item> const& items) {
    std::size_t const bytes = items.size() * sizeof(Item);
    return needs.table(static_cast<std::int64_t>(bytes), [items, bytes](run_context const&, std::byte* there) {
      std::memcpy(there, items.data(), bytes);
    });
  }
  /// What the steps ask for: the tiles of 3×3 convolutions, each once, and those of other windows.
  struct tile_list {
    grad_tile items[8]{};
    int count = 0;
    bool windows[2][2]{};  ///< (large, dense)
    constexpr void add(grad_tile const& t) {
      if (t.rows == 0) return;
      for (int i = 0; i < count; ++i)
        if (items[i] == t) return;
      items[count++] = t;
    }
  };
  template <int I> static constexpr void add(tile_list& all) {
    if constexpr (holds<I>()) {
      using step = matrix_grad_step<step_view<Program, I, Type>, Chip>;
      all.add(step::tile());
      if (step::is_window()) all.windows[step::is_large()][step::is_dense()] = true;
    }
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
  using kernel_3x3 = decltype(kernel_of(std::make_integer_sequence<int, tiles.count>{}));
};

}  // namespace oxbow::on_cuda
