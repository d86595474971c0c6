// One step of a plan: which kernel its form asks for, and how much memory that needs.
#pragma once
#include <deque>

#include <oxbow/host/correlate.hpp>
#include <oxbow/host/loss_overlap.hpp>
#include <oxbow/host/normalisation.hpp>
#include <oxbow/host/step_share.hpp>
#include <oxbow/host/tile_program.hpp>
#include <oxbow/host/winograd/weight_grad.hpp>

namespace oxbow::on_host {

/// Steps of one form on one instruction set.
template <form Form, class Arch, tuning Tuned> struct step_kernel {
  static constexpr op_kind anchor = Form.kind(Form.anchor);

  /// Settles algorithms, tiles and scratch. No bit depends on `threads`.
  /// repack: weights are packed for each run
  static void prepare(prepared_step& s, int threads, bool repack) {
    if constexpr (is_reduction(anchor)) {
      if constexpr (anchor == op_kind::convolve_grad_weight || anchor == op_kind::up_convolve_grad_weight) {
        correlation const c = correlation_of(s);
        s.fast[Form.anchor] = winograd_tile_of_gradient(s.instructions[Form.anchor], c.columns, c.rows, Tuned);
        with_correlator(s.fast[Form.anchor], c, [&](auto const& by) {
          s.thread_floats = by.thread_floats(), s.shared_floats = by.shared_floats();
        });
      }
    } else {
      instruction const& a = s.instructions[Form.anchor];
      extent const unit = tile_unit(s.instructions, Form.count, Form.anchor);
      int& fast = s.fast[Form.anchor];  // that of merged steps is settled
      if (fast == 0 && (a.in[0].made == none || a.in_channels >= layout::block)) fast = winograd_tile(a, Tuned);
      int const most = fast > 0 ? most_shares(s, panel) : 1;
      s.tiles = fast > 0 ? fast_tiles(a, unit, pixels_of(fast), (threads + most - 1) / most) : tile_step<Arch>(a, unit);
      s.shares = even_shares(a, s.tiles, most, threads);
      s.by_panel = transforms_in_boxes(a, s.tiles, fast);
      s.packs_in_boxes = repack && s.by_panel && packs_in_boxes(a, s.tiles, fast);
      // Tiles of one size need not read as much: poolings, strides and mirrors meet them in another phase, the
      // borders cut them. So each tile is asked; what it lays out now is what it lays out when it runs.
      static float origin[layout::block];
      s.thread_floats = 0;
      std::deque<step_share> const shares = shares_of(s);
      for (std::int64_t i = 0; i < s.tiles.tiles() * s.shares; ++i) {
        tile_program<Form, Arch, Tuned.winograd> measured{share(s, shares, i), nullptr, origin};
        measured.run(s.tiles.at(i % s.tiles.tiles(), a.out_size));
        if (measured.used() > s.thread_floats) s.thread_floats = measured.used();
      }
    }
  }

  static void run(prepared_step const& s, run_context const& c) {
    if constexpr (is_reduction(anchor)) {
      reduce(s, c);
    } else {
      extent const size = s.instructions[Form.anchor].out_size;
      std::deque<step_share> const shares = shares_of(s);
      c.pool.run(s.tiles.tiles() * s.shares, [&](int thread, std::int64_t i) {
        tile_program<Form, Arch, Tuned.winograd> program{share(s, shares, i), &c, c.scratch_of(thread)};
        auto const tile = [&](std::int64_t piece) { return s.tiles.at(piece % s.tiles.tiles(), size); };
        program.run(tile(i), i + 1 < s.tiles.tiles() * s.shares ? tile(i + 1) : box{{}, {0, 0, 0}});
      });
    }
  }

 private:
  static constexpr int panel = packed_weights<Arch>::panel;

  static std::deque<step_share> shares_of(prepared_step const& s) {
    std::deque<step_share> all;
    std::int64_t const floats = fast_panel_floats<Arch, Tuned.winograd>(
        s.fast[Form.anchor], s.by_panel, s.instructions[Form.anchor].in_channels);
    for (int n = 0; s.shares > 1 && n < s.shares; ++n) all.emplace_back(s, n, panel, floats);
    return all;
  }
  /// The share that piece i of the work belongs to: the tiles of a share follow one another. So threads that have whole
  /// shares have equal work, however unequal the tiles.
  static prepared_step const& share(prepared_step const& s, std::deque<step_share> const& shares, std::int64_t i) {
    return s.shares == 1 ? s : shares[static_cast<std::size_t>(i / s.tiles.tiles())].step();
  }

  /// Calls f with the algorithm for a gradient of weights.
  template <class F> static void with_correlator(int fast, correlation const& c, F const& f) {
    if constexpr (anchor == op_kind::convolve_grad_weight) {
      if constexpr (Tuned.winograd >= 2) if (fast == 2) return f(winograd_correlator<Arch, 2>{c});
      if constexpr (Tuned.winograd >= 4) if (fast == 4) return f(winograd_correlator<Arch, 4>{c});
    }
    f(correlator<Arch>{c});
  }

  /// Where the gradient of a bias goes that is made with that of the weights, or null.
  static float* bias_of(prepared_step const& s, run_context const& c) {
    for (int n = 0; n < Form.count; ++n)
      if (Form.kind(n) == op_kind::bias_grad) return c.gradients + c.table[s.instructions[n].parameter].offset;
    return nullptr;
  }

  /// dy_sums: where the sums of dy go, or null
  static correlation correlation_of(prepared_step const& s, float* dy_sums = nullptr) {
    instruction const& i = s.instructions[Form.anchor];
    bool const up = i.kind == op_kind::up_convolve_grad_weight;
    source const &dy = i.in[0], &x = i.in[1], &a = up ? x : dy, &b = up ? dy : x;
    correlation c{.window = i.window,
                  .stride = i.stride,
                  .dilation = up ? extent{} : i.dilation,
                  .border = up ? extent{0, 0, 0} : i.border,
                  .a = s.operands + a.first,
                  .a_count = a.count,
                  .b = s.operands + b.first,
                  .b_count = b.count,
                  .dy_sums = dy_sums,
                  .dy_is_b = up};
    for (int n = 0; n < a.count; ++n) c.rows += c.a[n].count;
    for (int n = 0; n < b.count; ++n) c.columns += c.b[n].count;
    for (int axis = 0; axis < 3; ++axis) c.a_size[axis] = up ? i.in_size[axis] / i.stride[axis] : i.in_size[axis];
    return c;
  }

  static void reduce(prepared_step const& s, run_context const& c) {
    for (int n = 0; n < Form.count; ++n) {
      instruction const& i = s.instructions[n];
      operand const* const in = s.operands + i.in[0].first;
      if (i.kind == op_kind::convolve_grad_weight || i.kind == op_kind::up_convolve_grad_weight) {
        if constexpr (anchor == op_kind::convolve_grad_weight || anchor == op_kind::up_convolve_grad_weight)
          with_correlator(s.fast[n], correlation_of(s, bias_of(s, c)), [&](auto const& by) {
            by.run(
                c.pool, c.arena, c.shared, [&](int t) { return c.scratch_of(t); },
                c.gradients + c.table[i.parameter].offset, c.accumulate);
          });
      } else if (i.kind == op_kind::bias_grad) {
        if (anchor != op_kind::bias_grad) continue;  // made with the weights' gradient
        bias_grad(c.pool, in, i.in[0].count, c.arena, i.in_size, i.in_channels,
                  c.gradients + c.table[i.parameter].offset, c.accumulate);
      } else if (i.kind == op_kind::loss_overlap) {
        loss_overlap(c.pool, {in, i.in[0].count}, s.operands[i.in[1].first], s.operands[i.in[2].first], c.arena,
                     i.in_size, i.in_channels, at(s, i.out[0], c));
      } else if (i.kind == op_kind::norm_statistics) {
        float* const out = at(s, i.out[0], c);
        norm_statistics(c.pool, in, i.in[0].count, c.arena, i.in_size, i.in_channels, i.groups, out,
                        i.running ? c.parameter_at(i.parameter + 2) : nullptr,
                        i.running ? c.parameter_at(i.parameter + 3) : nullptr);
      } else {
        // Nobody reads the sums of a norm in front of which nothing learns: they are not stored then.
        std::vector<float> unread(i.out[0].operand == none ? static_cast<std::size_t>(2 * i.in_channels) : 0);
        float* const sums = unread.empty() ? at(s, i.out[0], c) : unread.data();
        operand const* const x = s.operands + i.in[1].first;
        norm_grad_statistics(c.pool, in, i.in[0].count, x, i.in[1].count, c.arena, i.in_size, i.in_channels, i.groups,
                             reinterpret_cast<float const*>(c.arena + s.operands[i.in[2].first].offset), sums);
        float* const g[2] = {c.gradients + c.table[i.parameter].offset, c.gradients + c.table[i.parameter + 1].offset};
        for (int k = 0; k < 2; ++k)
          for (int ch = 0; ch < i.in_channels; ++ch) {
            float const v = sums[k * i.in_channels + ch];
            g[k][ch] = c.accumulate ? g[k][ch] + v : v;
          }
      }
    }
  }
  static float* at(prepared_step const& s, sink const& out, run_context const& c) {
    return reinterpret_cast<float*>(c.arena + s.operands[out.operand].offset);
  }
};

}  // namespace oxbow::on_host
