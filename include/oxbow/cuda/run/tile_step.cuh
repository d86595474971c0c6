// One step of a plan as one kernel: each op in turn, on patches in shared memory.
#pragma once
#include <utility>

#include <oxbow/cuda/kernel/elementwise.cuh>
#include <oxbow/cuda/kernel/loss.cuh>
#include <oxbow/cuda/kernel/resize.cuh>
#include <oxbow/cuda/kernel/run_scalars.cuh>
#include <oxbow/cuda/run/tile_op.cuh>

namespace oxbow::on_cuda {

/// Runs the ops of a form on one tile of the anchor's output, in float. A value that is not stored is computed where it
/// is read and lives in shared memory; what it would be in memory's type does not matter.
///
/// order   a block's threads share out the elements of one op, then meet; blocks share nothing. So neither the order of
///         blocks nor that of threads has any influence on a bit.
///
/// Loss, Classes: what is minimised, and of how many classes, where the form has a loss.
template <form Form, loss_function const* Loss = &loss_of<cross_entropy>::self, int Classes = 1> struct tile_step {
  static_assert(Form.count <= tile_extents::most_ops);
  static constexpr int threads = 128;
  struct storage {
    patch made[Form.count];
    patch second[Form.count];  ///< the places of maxima, and the loss of each pixel
    float floats[1];           ///< the launch says how many
  };
  struct args {
    tile_op const* ops;
    stored const* operands;
    std::byte* arena;
    float const* parameters;
    float const* packed;
    run_scalars const* run;
    step_tiles tiles;
  };

  __device__ static void run(args const& a, storage& smem) {
    if (threadIdx.x == 0) lay_out(a, smem);
    __syncthreads();
    [&]<int... I>(std::integer_sequence<int, I...>) { (step<I>(a, smem), ...); }
    (std::make_integer_sequence<int, Form.count>{});
  }

 private:
  __device__ static op_kinds kinds_of() {
    constexpr std::uint64_t kinds = Form.kinds;
    constexpr int count = Form.count, anchor = Form.anchor;
    return op_kinds{kinds, count, anchor};
  }

  __device__ static void lay_out(args const& a, storage& smem) {
    int const range = static_cast<int>(blockIdx.x) % a.tiles.ranges();
    op_kinds const kinds = kinds_of();
    tile_extents const e{kinds, a.ops, a.tiles.at(static_cast<int>(blockIdx.x) / a.tiles.ranges()),
                         a.tiles.range(range)};
    for (int i = 0; i < Form.count; ++i) {
      tile_op const& o = a.ops[i];
      op_kind const k = kinds[i];
      patch& y = smem.made[i];
      if (kinds.is_part(i) && k == op_kind::crop) y = smem.made[o.in[0].made].cropped(o.border);
      else if (kinds.is_part(i)) y = smem.made[o.in[0].made].sliced(o.channel, o.out_channels);
      else if (o.in_place) y = smem.made[o.in[kinds.main_input(o, i)].made];
      else y = patch::over(smem.floats + o.patch, e.where[i], e.channels[i].first, e.channels[i].count);
      smem.second[i] = k == op_kind::loss ? patch::over(smem.floats + o.second, y.where, 0, 1)
                                          : patch::over(smem.floats + o.second, y.where, y.first, y.count);
    }
  }

  /// An input, wherever it is: for elements.
  struct reader {
    patch made;
    joined tensors;
    std::byte const* arena;
    bool is_made;
    __device__ float operator()(int c, int z, int y, int x) const {
      return is_made ? made(c, z, y, x) : tensors(arena, c, z, y, x);
    }
  };
  __device__ static reader input(args const& a, storage const& smem, int i, int k) {
    tile_source const& s = a.ops[i].in[k];
    return {s.made != none ? smem.made[s.made] : patch{}, {a.operands + s.first, s.count}, a.arena, s.made != none};
  }

  template <int I> __device__ static void step(args const& a, storage& smem) {
    constexpr op_kind kind = Form.kind(I);
    tile_op const& o = a.ops[I];
    patch const y = smem.made[I];
    if constexpr (is_convolution(kind)) convolution_op<I>(a, smem, o, y);
    else if constexpr (kind == op_kind::up_convolve) up_convolution_op(a, smem, o, y);
    else if constexpr (is_elementwise(kind)) elementwise_op<I>(a, smem, o, y);
    else if constexpr (kind == op_kind::loss) loss_op<I>(a, smem, o, y);
    else if constexpr (is_view(kind) && I != Form.anchor) {
    }  // a part of a patch
    else if constexpr (is_view(kind))
      view_op<I>(a, o, y);
    else resize_op<I>(a, smem, o, y);
    __syncthreads();
    if (I < Form.anchor) {
      zero_beyond(y, o.out_size);
      __syncthreads();
    }
    if (o.out[0] != none) {
      store_patch(y, a.operands[o.out[0]], a.arena);
      __syncthreads();  // the next op may overwrite the patch
    }
  }

  template <int I>
  __device__ static void convolution_op(args const& a, storage& smem, tile_op const& o, patch const& y) {
    packed_filter const w{a.packed + o.weights, o.bias == none ? nullptr : a.packed + o.bias, o.in_channels,
                          o.out_channels};
    if (o.in[0].made != none) return convolve(smem.made[o.in[0].made], y, o.out_size, o.taps, w, true);
    box const needed = read_box(o.taps, intersection(y.where, {{0, 0, 0}, o.out_size}));
    joined const from{a.operands + o.in[0].first, o.in[0].count};
    for (int first = 0; first < o.in_channels; first += layout::block) {
      patch const x = patch::over(smem.floats + o.scratch, needed, first, min(layout::block, o.in_channels - first));
      if (first > 0) __syncthreads();
      gather(x, from, a.arena);
      __syncthreads();
      convolve(x, y, o.out_size, o.taps, w, first == 0);
    }
  }

  __device__ static void up_convolution_op(args const& a, storage& smem, tile_op const& o, patch const& y) {
    packed_filter const w{a.packed + o.weights, a.packed + o.bias, o.in_channels, o.out_channels};
    joined const from{a.operands + o.in[0].first, o.in[0].count};
    for (int first = 0; first < o.in_channels; first += layout::block) {
      patch const x = patch::over(smem.floats + o.scratch, divided(y.where, o.stride), first,
                                  min(layout::block, o.in_channels - first));
      if (first > 0) __syncthreads();
      gather(x, from, a.arena);
      __syncthreads();
      up_convolve(x, y, o.stride, w, first == 0);
    }
  }

  template <int I>
  __device__ static void elementwise_op(args const& a, storage& smem, tile_op const& o, patch const& y) {
    constexpr op_kind kind = Form.kind(I);
    int const main = kinds_of().main_input(o, I);
    reader const x = input(a, smem, I, main);
    if constexpr (kind == op_kind::activate) {
      map(x, y, [](float e, int, int, int, int) { return value_of<Form.function_at(I)>(e); });
    } else if constexpr (kind == op_kind::activate_grad) {
      reader const at = input(a, smem, I, 1);
      map(x, y,
          [&](float d, int c, int z, int v, int u) { return d * derivative_of<Form.function_at(I)>(at(c, z, v, u)); });
    } else if constexpr (kind == op_kind::add) {
      reader const other = input(a, smem, I, 1 - main);
      map(x, y, [&](float e, int c, int z, int v, int u) { return e + other(c, z, v, u); });
    } else if constexpr (kind == op_kind::drop) {
      random_key const key{a.run->seed, a.run->step, a.run->sample};
      map(x, y, dropper{ops::drop_stream(key, o.channel), o.out_size, o.out_channels, o.rate});
    } else {
      channel_factors const f = channel_factors::over(smem.floats + o.scratch, y.first, y.count);
      for (int c = y.first + static_cast<int>(threadIdx.x); c < y.first + y.count; c += threads)
        set_factors<kind>(a, o, f, c);
      __syncthreads();
      if constexpr (kind == op_kind::norm_grad) {
        reader const at = input(a, smem, I, 1);
        map(x, y, [&](float d, int c, int z, int v, int u) {
          int const i = c - f.first;
          return fmaf(d, f.a[i], fmaf(at(c, z, v, u), f.b[i], f.c[i]));
        });
      } else {
        map(x, y, [&](float e, int c, int, int, int) { return fmaf(e, f.a[c - f.first], f.b[c - f.first]); });
      }
    }
  }

  template <op_kind Kind>
  __device__ static void set_factors(args const& a, tile_op const& o, channel_factors const& f, int c) {
    int const i = c - f.first;
    auto const tensor = [&](int k) {
      return reinterpret_cast<float const*>(a.arena + a.operands[o.in[k].first].offset);
    };
    float const* const p = a.parameters;
    if constexpr (Kind == op_kind::norm) {
      float const* const s = tensor(1);
      int const g = c / (o.out_channels / o.groups);
      auto const n = ops::norm_factor_of(p[o.parameter[0] + c], p[o.parameter[1] + c], s[g], s[o.groups + g]);
      f.a[i] = n.a, f.b[i] = n.b;
    } else if constexpr (Kind == op_kind::norm_running) {
      auto const n = ops::running_factor_of(p[o.parameter[0] + c], p[o.parameter[1] + c], p[o.parameter[2] + c],
                                            p[o.parameter[3] + c]);
      f.a[i] = n.a, f.b[i] = n.b;
    } else {
      int const g = c / (o.out_channels / o.groups);
      auto const means =
          ops::norm_grad_means_of(g, p + o.parameter[0], tensor(3), o.out_channels, o.groups, o.out_size.volume());
      auto const n = ops::norm_grad_factor_of(p[o.parameter[0] + c], tensor(2)[g], tensor(2)[o.groups + g], means);
      f.a[i] = n.a, f.b[i] = n.b, f.c[i] = n.c;
    }
  }

  template <int I> __device__ static void loss_op(args const& a, storage& smem, tile_op const& o, patch const& y) {
    patch const loss = smem.second[I];
    if (!o.in_place) {
      reader const x = input(a, smem, I, 0);
      map(x, y, [](float e, int, int, int, int) { return e; });
      __syncthreads();
    }
    stored const &labels = a.operands[o.in[1].first], &weights = a.operands[o.in[2].first];
    float const each = a.run->label_factor, scale = a.run->loss_scale();
    auto const* const sums = reinterpret_cast<float const*>(a.arena + a.operands[max(o.in[3].first, 0)].offset);
    pixel_losses<Loss, Classes>(y, labels, weights, a.arena, each, scale, loss, sums);
    if (o.out[1] == none) return;
    __syncthreads();
    store_patch(loss, a.operands[o.out[1]], a.arena);
  }

  /// A view that is a step of its own: its operands are seen through it.
  template <int I> __device__ static void view_op(args const& a, tile_op const& o, patch const& y) {
    constexpr op_kind kind = Form.kind(I);
    constexpr int sign = kind == op_kind::crop ? 1 : kind == op_kind::pad_zero || kind == op_kind::mirror ? -1 : 0;
    joined const from{a.operands + o.in[0].first, o.in[0].count + (kind == op_kind::join ? o.in[1].count : 0)};
    int const channel = kind == op_kind::slice ? o.channel : 0;
    for_each(y.where, y.first, y.count, [&](int c, int z, int v, int u) {
      y(c, z, v, u) =
          from(a.arena, c + channel, z + sign * o.border.depth, v + sign * o.border.height, u + sign * o.border.width);
    });
  }

  /// Ops whose output has another size than their input: poolings, enlargements, and their gradients.
  template <int I> __device__ static void resize_op(args const& a, storage& smem, tile_op const& o, patch const& y) {
    constexpr op_kind kind = Form.kind(I);
    reader const x = input(a, smem, I, 0);
    extent const w = o.window;
    if constexpr (kind == op_kind::max_pool) {
      bool const keeps = o.out[1] != none;
      max_pool(x, y, w, keeps ? &smem.second[I] : nullptr);
      if (!keeps) return;
      __syncthreads();
      store_places(smem.second[I], a.operands[o.out[1]], a.arena);
    } else if constexpr (kind == op_kind::max_pool_grad) {
      max_pool_grad(x, a.operands[o.in[1].first], a.arena, y, w);
    } else if constexpr (kind == op_kind::avg_pool) {
      ops::mean_axis const axes[3]{{w.depth}, {w.height}, {w.width}};
      sum_along_axes(x, y, axes);
    } else if constexpr (kind == op_kind::avg_pool_grad) {
      ops::mean_grad_axis axes[3];
      for (int i = 0; i < 3; ++i) axes[i] = {w[i], 0, o.out_size[i] / w[i]};
      sum_along_axes(x, y, axes);
    } else if constexpr (kind == op_kind::upsample) {
      ops::enlarge_axis axes[3];
      for (int i = 0; i < 3; ++i) axes[i] = {w[i], o.in_size[i], o.linear != 0};
      sum_along_axes(x, y, axes);
    } else if constexpr (kind == op_kind::upsample_grad) {
      ops::enlarge_grad_axis axes[3];
      for (int i = 0; i < 3; ++i) axes[i].forward = {w[i], o.out_size[i], o.linear != 0};
      sum_along_axes(x, y, axes);
    } else {
      static_assert(kind == op_kind::mirror_grad);
      ops::mirror_grad_axis axes[3];
      for (int i = 0; i < 3; ++i) axes[i] = {o.border[i], o.out_size[i]};
      sum_along_axes(x, y, axes);
    }
  }
};

}  // namespace oxbow::on_cuda
