// The steps that tensor cores do: which kernel, which tile, what it is launched with.
#pragma once
#include <oxbow/cuda/kernel/conv_3x3.cuh>
#include <oxbow/cuda/kernel/conv_image.cuh>
#include <oxbow/cuda/kernel/conv_window.cuh>
#include <oxbow/cuda/kernel/head.cuh>
#include <oxbow/cuda/run/launch.cuh>
#include <oxbow/cuda/run/program_needs.cuh>
#include <oxbow/cuda/run/sink_of.cuh>

namespace oxbow::on_cuda {

/// A step whose anchor is a convolution, or the gradient of one by its input. `fits` says whether it is one for tensor
/// cores; if so, prepare() adds its launch.
template <class Step, class Chip> struct matrix_step {
  using T = typename Step::number;
  static constexpr int a = Step::anchor;
  static constexpr auto const& op = Step::op(a);
  static constexpr bool forward = op.kind == op_kind::convolve || op.kind == op_kind::up_convolve;
  static constexpr int head = op.kind == op_kind::convolve ? Step::find(op_kind::convolve, a + 1) : Step::count;
  static constexpr bool has_head = head < Step::count;

  // ---- which kernel

  static constexpr bool flat = op.in_size.depth == 1 && op.out_size.depth == 1 && op.window.depth == 1;
  static constexpr bool is_any_convolution = op.kind == op_kind::convolve || op.kind == op_kind::convolve_grad;
  static constexpr bool reads = Step::for_matrices && flat && a == 0 && Step::reads_octets(0, 0) &&
                                (op.kind == op_kind::convolve || op.in[0].count == 1);
  static constexpr operand const& read(int n) {
    return Step::tensor(op.in[0].first + (n < op.in[0].count ? n : 0));
  }
  static constexpr bool reads_image() {
    if (!Step::for_matrices || Step::units != 1 || !flat || a != 0 || op.kind != op_kind::convolve ||
        op.in[0].made != none || op.in[0].count != 1 || has_head)
      return false;
    operand const& o = read(0);
    return o.type == element::f32 && layout::block > o.channels && o.first_channel == 0 && o.count == o.channels &&
           o.count * op.window.volume() <= 160 && op.stride.volume() == 1 && op.dilation.volume() == 1 &&
           !(o.mirrored && !(op.border == extent{0, 0, 0}));
  }
  static constexpr bool is_3x3 = is_any_convolution && op.window == extent{1, 3, 3} && op.stride.volume() == 1 &&
                                 op.dilation.volume() == 1 && op.border.height == op.border.width;
  /// Mirrored pixels and zeros around them: no kernel knows both.
  static constexpr bool has_two_borders() { return read(0).mirrored && !(op.border == extent{0, 0, 0}); }

  /// The channels of what is written: of both sides where a gradient goes to the two sides of a join.
  struct outputs { int first, second; };
  static constexpr outputs written() {
    int const s = Step::reader(0);
    if (forward || s == Step::count || Step::op(s).kind != op_kind::slice) return {op.out_channels, 0};
    int const split = Step::op(s).channel > 0 ? Step::op(s).channel : Step::op(s).out_channels;
    return {split, op.out_channels - split};
  }
  static constexpr int padded_outputs =
      layout_of_octets::padded(written().first) + layout_of_octets::padded(written().second);

  static constexpr conv_shape shape_3x3() {
    int const pad = op.kind == op_kind::convolve ? op.border.height : 2 - op.border.height;
    bool const inside = pad == 0 && Step::covers(0, 0, op.in_size);
    int const second = op.in[0].count == 2 ? read(1).count : 0;
    return {op.out_size.height, op.out_size.width, read(0).count * Step::units, second * Step::units,
            written().second ? padded_outputs : op.out_channels, pad,
            inside ? beyond::never : read(0).mirrored ? beyond::mirror : beyond::zeros};
  }
  static constexpr window_shape shape_of_window() {
    int const second = op.in[0].count == 2 ? read(1).count : 0;
    window_shape s{.height = op.out_size.height, .width = op.out_size.width, .first = read(0).count * Step::units,
                   .second = second * Step::units, .outputs = padded_outputs,
                   .taps_y = op.window.height, .taps_x = op.window.width, .mirror = read(0).mirrored};
    if (op.kind == op_kind::up_convolve) {
      s.height = op.in_size.height, s.width = op.in_size.width, s.taps_y = s.taps_x = 1;
      s.phases_y = op.window.height, s.phases_x = op.window.width;
    } else if (op.kind == op_kind::up_convolve_grad) {
      s.stride_y = op.window.height, s.stride_x = op.window.width;
    } else {
      s.dilation_y = op.dilation.height, s.dilation_x = op.dilation.width;
      bool const back = op.kind == op_kind::convolve_grad;
      (back ? s.spread_y : s.stride_y) = op.stride.height, (back ? s.spread_x : s.stride_x) = op.stride.width;
      s.pad_y = back ? op.dilation.height * (op.window.height - 1) - op.border.height : op.border.height;
      s.pad_x = back ? op.dilation.width * (op.window.width - 1) - op.border.width : op.border.width;
    }
    return s;
  }

  /// See window_reads.
  static constexpr bool is_dense(int chunk) {
    window_shape const s = shape_of_window();
    return op.in[0].count == 1 && s.first % chunk == 0 && s.spread_y == 1 && s.spread_x == 1 && s.pad_y == 0 &&
           s.pad_x == 0 && Step::covers(0, 0, op.in_size);
  }

  /// The activation in front of a head.
  static constexpr function const* in_front_of_head() {
    int const r = Step::reader(a);
    return r < Step::count && Step::op(r).kind == op_kind::activate ? Step::op(r).f : &function_of<identity>::self;
  }

  static auto sink(run_context const& c) {
    if constexpr (!forward) return sink_behind<Step, a>(c);
    else return sink_behind<Step, a>(c, add_bias{});
  }
  template <class S> static constexpr bool is_sink = !std::is_same_v<S, no_sink>;

  static constexpr bool fits() {
    if constexpr (reads_image()) return is_sink<decltype(sink({}))>;
    else if constexpr (!reads) return false;
    else if constexpr (has_two_borders()) return false;
    else if constexpr (has_head) return true;  // else nothing can be done for it; see fusions::narrow_heads
    else if constexpr (written().second > 0 && !is_any_convolution) return false;
    else if constexpr (!is_any_convolution && !(op.window == op.stride)) return false;
    else return is_sink<decltype(sink({}))>;
  }

  // ---- its launch

  static void prepare(prepared_step& step, program_needs<T>& needs) {
    if constexpr (reads_image()) prepare_image(step, needs);
    else if constexpr (has_head) prepare_head(step, needs);
    else if constexpr (is_3x3) prepare_3x3(step, needs);
    else prepare_window(step, needs);
  }

 private:
  /// With the packed bias in the first step, where there is one.
  template <class Sink> static void set_bias(Sink& s, float const* bias) {
    if constexpr (requires { s.steps.first.values; }) s.steps.first.values = bias;
    else if constexpr (forward) static_assert(sizeof(Sink) == 0, "matrix_step: a sink whose first step is no bias.");
  }
  static std::int64_t pack_bias(program_needs<T>& needs) {
    if constexpr (forward) return needs.pack_bias_of(op, padded_outputs);
    else return 0;
  }
  static auto finished_sink(run_context const& c, std::int64_t bias) {
    auto s = sink(c);
    set_bias(s, reinterpret_cast<float const*>(c.fragments + bias));
    return s;
  }
  static uint4 const* weights_at(run_context const& c, std::int64_t at) {
    return reinterpret_cast<uint4 const*>(c.fragments + at);
  }

  /// chunk: in units of 16 bits
  static packing order(int tile_outputs, int chunk) {
    packing p = order_of(tile_outputs, chunk / Step::units);
    p.step_inputs = 16 / Step::units;
    return p;
  }
  static packing order_of(int tile_outputs, int chunk) {
    int const first = read(0).count, second = op.in[0].count == 2 ? read(1).count : 0, ty = op.window.height,
              tx = op.window.width;
    outputs const to = written();
    switch (op.kind) {
      case op_kind::convolve: return pack_forward(tile_outputs, chunk, first, second, op.out_channels, ty, tx);
      case op_kind::convolve_grad: return pack_grad(tile_outputs, chunk, to.first, to.second, op.in_channels, ty, tx);
      case op_kind::up_convolve: return pack_up(tile_outputs, chunk, op.in_channels, op.out_channels, ty, tx);
      default: return pack_up_grad(tile_outputs, chunk, op.out_channels, op.in_channels, ty, tx);
    }
  }

  /// A tensor that a 3×3 convolution reads; one that it never leaves begins where it is read.
  template <conv_shape S> static source<T const> read_by_3x3(run_context const& c, int n) {
    if constexpr (S.edge == beyond::never)
      return {view_of<T const>(read(n), c.arena), op.in_size.height, op.in_size.width};
    else return source_of<T>(read(n), c.arena);
  }
  static void prepare_3x3(prepared_step& step, program_needs<T>& needs) {
    static constexpr conv_shape shape = shape_3x3();
    static constexpr conv_tile tile = tune::picked<shape, Chip>;
    using kernel = conv_3x3<shape, tile, T, decltype(sink({}))>;
    needs.share(kernel::sharing::workspace_floats, kernel::sharing::split);
    std::int64_t const w = needs.pack_weights_of(op, order(tile.outputs(), conv_shape::chunk)), b = pack_bias(needs);
    step.launches.push_back([w, b, &step](run_context const& c, cudaStream_t s) {
      launch<kernel>({read_by_3x3<shape>(c, 0), read_by_3x3<shape>(c, 1), weights_at(c, w), finished_sink(c, b),
                      c.shared_tiles, c.arrived},
                     kernel::grid, s, step.name);
    });
  }

  static void prepare_window(prepared_step& step, program_needs<T>& needs) {
    static constexpr window_shape shape = shape_of_window();
    static constexpr window_tile tile = tune::pick(shape, Chip::limits);
    using kernel = conv_window<tile, is_dense(tile.chunk) ? window_reads::dense : window_reads::anything, T,
                               decltype(sink({}))>;
    std::int64_t const w = needs.pack_weights_of(op, order(tile.columns(), tile.chunk)), b = pack_bias(needs);
    step.launches.push_back([w, b, &step](run_context const& c, cudaStream_t s) {
      launch<kernel>({shape, source_of<T>(read(0), c.arena), source_of<T>(read(1), c.arena), weights_at(c, w),
                      finished_sink(c, b)},
                     tune::blocks(shape, tile), s, step.name);
    });
  }

  static void prepare_image(prepared_step& step, program_needs<T>& needs) {
    static constexpr image_shape shape{op.out_size.height, op.out_size.width, padded_outputs, op.border.height,
                                       op.border.width, read(0).mirrored};
    using kernel = conv_image<op.in_channels, op.window.height, op.window.width, T, decltype(sink({}))>;
    std::int64_t const w = needs.pack_weights_of(op, pack_image(kernel::tile_outputs, op.in_channels,
                                                                op.window.height * op.window.width, op.out_channels)),
                       b = pack_bias(needs);
    step.launches.push_back([w, b, &step](run_context const& c, cudaStream_t s) {
      typename kernel::args const args{shape, source_of<float>(read(0), c.arena), weights_at(c, w),
                                       finished_sink(c, b)};
      launch<kernel>(args, kernel::blocks(args), s, step.name);
    });
  }

  /// The last 3×3 convolution with what follows: logits, or the loss and the way back as far as its own gradient.
  static void prepare_head(prepared_step& step, program_needs<T>& needs) {
    static constexpr conv_shape shape = shape_3x3();
    static constexpr auto const& h = Step::op(head);
    static constexpr int lost = Step::find(op_kind::loss), classes = h.out_channels;
    static constexpr bool learns = lost < Step::count;
    static constexpr conv_tile tile =
        tune::picked<shape, Chip, learns ? tune::tile_need::whole_and_room : tune::tile_need::whole_outputs>;
    static constexpr int width = tile.outputs();
    using active = called<in_front_of_head()>;
    std::int64_t const w = needs.pack_weights_of(op, order(width, conv_shape::chunk)),
                       b = needs.pack_bias_of(op, width), hb = needs.pack_bias_of(h, classes);
    std::int64_t const hw = needs.pack_rows_of(h, width);
    static constexpr auto layers = [](run_context const& c, std::int64_t b, std::int64_t hw, std::int64_t hb) {
      auto const at = [&](std::int64_t bytes) { return reinterpret_cast<float const*>(c.fragments + bytes); };
      return head_layers{at(b), at(hw), at(hb)};
    };
    if constexpr (!learns) {
      static constexpr auto const& to = Step::tensor(h.out[0].operand);
      static_assert(to.type == element::f32, "matrix_step: logits are stored in single precision.");
      using kernel = conv_3x3<shape, tile, T, head_logits<active, classes>>;
      step.launches.push_back([w, b, hb, hw, &step](run_context const& c, cudaStream_t s) {
        launch<kernel>({read_by_3x3<shape>(c, 0), read_by_3x3<shape>(c, 1), weights_at(c, w),
                        {layers(c, b, hw, hb), reinterpret_cast<float*>(c.arena + to.offset), shape.height,
                         shape.width},
                        nullptr, nullptr},
                       kernel::grid, s, step.name);
      });
    } else {
      static constexpr int dw = Step::find(op_kind::convolve_grad_weight), db = Step::find(op_kind::bias_grad);
      static constexpr int last = Step::count - 1;
      static_assert(dw < Step::count && db < Step::count && Step::stores_octets(last),
                    "matrix_step: the way back begins in the step of a head's loss.");
      static constexpr auto const& l = Step::op(lost);
      static constexpr loss_function const* minimised = l.loss;
      using sink_type = head_loss<T, active, minimised, classes>;
      using kernel = conv_3x3<shape, tile, T, sink_type>;
      std::int64_t const left = needs.leave(std::int64_t{kernel::tiles} * sink_type::sums_of(width));
      std::int64_t const to_weight = needs.parameters[Step::op(dw).parameter].offset,
                         to_bias = needs.parameters[Step::op(db).parameter].offset;
      step.launches.push_back([w, b, hb, hw, left, &step](run_context const& c, cudaStream_t s) {
        auto const at = [&](int operand) { return c.arena + Step::tensor(operand).offset; };
        launch<kernel>({read_by_3x3<shape>(c, 0), read_by_3x3<shape>(c, 1), weights_at(c, w),
                        {layers(c, b, hw, hb), reinterpret_cast<std::uint8_t const*>(at(l.in[1].first)),
                         reinterpret_cast<float const*>(at(l.in[2].first)), &c.run->label_factor, c.scale,
                         view_of<T>(Step::tensor(Step::op(last).out[0].operand), c.arena),
                         reinterpret_cast<float*>(at(l.out[1].operand)), c.left + left, shape.height, shape.width,
                         layout_of_octets::padded(op.out_channels)},
                        nullptr, nullptr},
                       kernel::grid, s, step.name);
      });
      head_sums const sums{nullptr, kernel::tiles, classes, width, op.out_channels};
      needs.finish(sums.blocks(), [=](run_context const& c) {
        head_sums h = sums;
        h.sums = c.left + left, h.weight = c.gradients + to_weight, h.bias = c.gradients + to_bias;
        return finish_job{.head = h};
      });
    }
  }
};

}  // namespace oxbow::on_cuda
