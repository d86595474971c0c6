// Gradients of weights and biases on tensor cores: which kernel, which tile, what it is launched with.
#pragma once
#include <oxbow/cuda/kernel/conv_3x3_grad_weight.cuh>
#include <oxbow/cuda/kernel/conv_image.cuh>
#include <oxbow/cuda/kernel/conv_window_grad_weight.cuh>
#include <oxbow/cuda/run/launch.cuh>
#include <oxbow/cuda/run/program_needs.cuh>
#include <oxbow/cuda/run/step_view.cuh>

namespace oxbow::on_cuda {

/// A step whose anchor is the gradient of a convolution's weights, with that of its bias. `fits` says whether it is one
/// for tensor cores; if so, prepare() adds its launch, or its part of one, and what it leaves for finish_gradients.
template <class Step, class Chip> struct matrix_grad_step {
  using T = typename Step::number;
  static constexpr auto const& op = Step::op(0);
  static constexpr bool up = op.kind == op_kind::up_convolve_grad_weight;
  static constexpr bool has_bias = Step::count == 2 && Step::op(1).kind == op_kind::bias_grad;
  /// The layer's output channels, and those of its input.
  static constexpr int outputs = op.in_channels;
  static constexpr auto const& dy = Step::tensor(op.in[0].first);
  static constexpr operand const& x(int n) { return Step::tensor(op.in[1].first + (n < op.in[1].count ? n : 0)); }
  static constexpr int first = x(0).count, second = op.in[1].count == 2 ? x(1).count : 0, inputs = first + second;

  static constexpr bool image_is_read(operand const& o) {
    int const all = o.channels;
    return o.type == element::f32 && op.in[1].count == 1 && o.first_channel == 0 && o.count == all &&
           all < int{layout::block} && !up && o.count * op.window.volume() <= 48;
  }
  static constexpr bool reads_image = image_is_read(x(0));
  static constexpr bool is_3x3 = !up && op.window == extent{1, 3, 3} && op.stride.volume() == 1 &&
                                 op.dilation.volume() == 1 && op.border.height == op.border.width;
  static constexpr bool fits() {
    if (!Step::for_matrices || op.window.depth != 1 || op.in_size.depth != 1 || Step::count > (has_bias ? 2 : 1) ||
        !Step::reads_whole(0, 0, op.in_size) || op.in[1].made != none)
      return false;
    if (x(0).mirrored && !(op.border == extent{0, 0, 0})) return false;
    bool const dense = op.stride.volume() == 1 && op.dilation.volume() == 1;
    if (Step::units != 1 && (reads_image || !is_3x3)) return false;  // of 32-bit numbers, the one kernel there is
    if (reads_image) return dense;
    if (!Step::reads_octets(0, 1)) return false;
    // an up-convolution sums dy over its windows and reads x as it is
    return !up || (op.window == op.stride && op.in[1].count == 1 && Step::covers(x(0), x_size));
  }
  static constexpr extent x_size{1, op.in_size.height / op.stride.height, op.in_size.width / op.stride.width};

  /// Is it one of those that share a launch with the steps beside them? Then prepare() adds no launch: see
  /// gathered_gradients.cuh.
  static constexpr bool gathers() { return fits() && !reads_image; }
  /// The tile that it asks of that launch; none where it is no 3×3 convolution.
  static constexpr grad_tile tile() {
    if constexpr (gathers() && is_3x3) return tune::picked_grad<shape_3x3(), Chip, sizeof(T)>;
    else return {};
  }
  /// For another window: which of the kernels of that launch.
  static constexpr bool is_window() { return gathers() && !is_3x3; }
  static constexpr bool is_large() { return tune::pick_grad(window()) == tune::large_window_grad; }
  static constexpr bool is_dense() {
    // an up-convolution's pixels all lie in both of its tensors: see fits()
    return up && conv_window_grad_weight<tune::pick_grad(window()), window_reads::dense, T>::is_dense(window());
  }
  static void prepare(prepared_step& step, program_needs<T>& needs) {
    if constexpr (reads_image) prepare_image(step, needs);
    else if constexpr (is_3x3) gather_3x3(needs);
    else gather_window(needs);
  }

 private:
  static std::int64_t to_weight(program_needs<T>& needs) { return needs.parameters[op.parameter].offset; }
  static std::int64_t to_bias(program_needs<T>& needs) { return needs.parameters[op.parameter + 1].offset; }
  /// Has the last pass add up `parts` sums of the bias; returns where they are to be left.
  static std::int64_t finish_bias(program_needs<T>& needs, int parts) {
    if constexpr (!has_bias) return 0;
    else {
      std::int64_t const at = needs.leave(std::int64_t{parts} * layout_of_octets::padded(outputs)), to = to_bias(needs);
      needs.finish(bias_sums{.channels = outputs}.blocks(), [=](run_context const& c) {
        return finish_job{.bias = {c.left + at, parts, outputs, c.gradients + to}};
      });
      return at;
    }
  }

  static constexpr conv_shape shape_3x3() {
    return {op.in_size.height, op.in_size.width, first, second, outputs, op.border.height,
            x(0).mirrored ? beyond::mirror : beyond::zeros};
  }
  static void gather_3x3(program_needs<T>& needs) {
    static constexpr conv_shape shape = shape_3x3();
    std::int64_t const bias = finish_bias(needs, shape.chunks()), squares = needs.measure(tune::grad_tiles(shape)),
                       weight = to_weight(needs);
    needs.gathered_3x3.add(stream_of<T>(shape, tile(), Chip::limits), [=](run_context const& c) {
      return grad_job<T>{shape, source_of<T>(x(0), c.arena), source_of<T>(x(1), c.arena), view_of<T const>(dy, c.arena),
                         c.gradients + weight, has_bias ? c.left + bias : nullptr, c.squares + squares, tile().rows};
    });
  }

  /// For an up-convolution the roles change: see conv_window_grad_weight.
  static constexpr window_shape window() {
    return {.height = up ? x_size.height : op.in_size.height, .width = up ? x_size.width : op.in_size.width,
            .first = up ? outputs : first, .second = up ? 0 : second, .outputs = up ? inputs : outputs,
            .taps_y = op.window.height, .taps_x = op.window.width, .stride_y = op.stride.height,
            .stride_x = op.stride.width, .dilation_y = up ? 1 : op.dilation.height,
            .dilation_x = up ? 1 : op.dilation.width, .pad_y = up ? 0 : op.border.height,
            .pad_x = up ? 0 : op.border.width, .mirror = !up && x(0).mirrored};
  }
  static void gather_window(program_needs<T>& needs) {
    static constexpr window_shape shape = window();
    static constexpr int taps = shape.taps();
    using kernel = conv_window_grad_weight<tune::pick_grad(shape),
                                           is_dense() ? window_reads::dense : window_reads::anything, T>;
    static constexpr auto sums_up = !has_bias ? bias_of::nothing : up ? bias_of::input : bias_of::gradient;
    std::int64_t const bias = finish_bias(needs, up ? taps : 1), squares = needs.measure(kernel::tiles(shape)),
                       weight = to_weight(needs);
    auto& gathered = needs.gathered_windows[is_large()][is_dense()];
    gathered.add(kernel::stream_of(shape, Chip::limits), [=](run_context const& c) {
      window_grad_job<T> job{shape, source_of<T>(x(0), c.arena), source_of<T>(x(1), c.arena),
                             view_of<T const>(dy, c.arena), c.gradients + weight, taps,
                             taps * (up ? outputs : inputs), has_bias ? c.left + bias : nullptr, sums_up,
                             c.squares + squares};
      if constexpr (up) {
        job.first = job.second = source_of<T>(dy, c.arena);
        job.gradient = view_of<T const>(x(0), c.arena);
      }
      return job;
    });
  }

  static void prepare_image(prepared_step& step, program_needs<T>& needs) {
    static constexpr image_shape shape{op.in_size.height, op.in_size.width, layout_of_octets::padded(outputs),
                                       op.border.height, op.border.width, x(0).mirrored};
    static constexpr int entries = first * op.window.height * op.window.width;
    using kernel = conv_image_grad_weight<first, op.window.height, op.window.width, T>;
    // four blocks of 128 threads at a time
    int const splits = std::min(4 * Chip::limits.multiprocessors, kernel::patches(shape));
    std::int64_t const left = needs.leave(kernel::floats(shape, splits)), weight = to_weight(needs),
                       bias = has_bias ? to_bias(needs) : 0;
    step.launches.push_back([=, &step](run_context const& c, cudaStream_t s) {
      typename kernel::args const a{shape, source_of<float>(x(0), c.arena), view_of<T const>(dy, c.arena),
                                    c.left + left, splits};
      launch<kernel>(a, kernel::blocks(a), s, step.name);
    });
    image_sums const sums{nullptr, splits, kernel::inputs, kernel::padded_outputs(shape), entries, outputs, has_bias};
    needs.finish(sums.blocks(), [=](run_context const& c) {
      image_sums s = sums;
      s.sums = c.left + left, s.weight = c.gradients + weight, s.bias = c.gradients + bias;
      return finish_job{.image = s};
    });
  }
};

}  // namespace oxbow::on_cuda
