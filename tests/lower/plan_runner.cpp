#include "plan_runner.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>

#include "owned_arena.hpp"

namespace oxbow::testing {
namespace {

class plan_runner {
 public:
  plan_runner(flat_graph const& net, plan const& steps, bool arithmetic)
      : net_{net}, plan_{steps}, arithmetic_{arithmetic}, arena_{net, steps.peak_bytes, arithmetic} {}

  plan_result operator()(tensor const& image, std::vector<float> const& parameters, ops::context<float> const& given) {
    given_ = &given;
    result_ = {{}, std::vector<float>(static_cast<std::size_t>(net_.trained_count)), parameters};
    gradient_written_.assign(result_.gradients.size(), false);
    write_sources(image);
    int step = 0;
    try {
      for (; step < plan_.steps.size(); ++step) run_step(plan_.steps[step]);
    } catch (wrong_plan const& e) {
      throw wrong_plan("step " + std::to_string(step + 1) + ": " + e.what());
    }
    result_.output = arena_.read(plan_, {.first = plan_.output, .count = 1}, net_.output, {0, 0, 0});
    std::int64_t expected = 0, written = 0;
    for (auto const& v : net_.values) expected += v.in_gradients ? v.count() : 0;
    for (bool const w : gradient_written_) written += w;
    if (written != expected)
      fail("the plan ends with " + std::to_string(written) + " of " + std::to_string(expected) + " gradients.");
    return std::move(result_);
  }

 private:
  flat_graph const& net_;
  plan const& plan_;
  bool arithmetic_;
  owned_arena arena_;
  std::vector<bool> gradient_written_;
  plan_result result_;
  ops::context<float> const* given_ = nullptr;

  [[noreturn]] static void fail(std::string const& what) { throw wrong_plan(what); }

  void write_sources(tensor const& image) {
    for (auto const& o : net_.ops) {
      if (!is_source(o.kind)) continue;
      value const& x = net_.values[o.out[0]];
      int const where = o.kind == op_kind::image    ? plan_.image
                        : o.kind == op_kind::labels ? plan_.labels
                                                    : plan_.weights;
      if (where == none) fail("the plan has no place for a source.");
      tensor data{x.size, x.channels, 1};
      if (o.kind == op_kind::image && arithmetic_) data = image;
      if (o.kind == op_kind::labels && arithmetic_) data.data.assign(given_->labels.begin(), given_->labels.end());
      if (o.kind == op_kind::weights && arithmetic_ && !given_->weights.data.empty()) data = given_->weights;
      arena_.write(plan_.operands[where], o.out[0], data);
    }
  }

  // Steps.

  /// How far beyond the value an op's window reaches, where it must see zeros.
  static extent margin(instruction const& i, int input) {
    if ((i.kind == op_kind::convolve && input == 0) || (i.kind == op_kind::convolve_grad_weight && input == 1))
      return i.border;
    if (i.kind != op_kind::convolve_grad || input != 0) return {0, 0, 0};
    extent m;
    for (int a = 0; a < 3; ++a) m[a] = (i.window[a] - 1) * i.dilation[a];
    return m;
  }

  void run_step(plan_step const& s) {
    // A step works in tiles, in any order: all that it reads must be there before it writes anything, and still after.
    std::map<std::array<int, 2>, tensor> inputs;
    for (int k = 0; k < s.count; ++k)
      read_stored(s, k, [&](int input, tensor t) { inputs[{k, input}] = std::move(t); });
    std::vector<std::array<tensor, 2>> made(static_cast<std::size_t>(s.count));
    for (int k = 0; k < s.count; ++k) {
      instruction const& i = plan_.instructions[s.first + k];
      op const& o = net_.ops[i.op];
      std::vector<tensor const*> in;
      for (int input = 0; input < 4 && o.in[input] != none; ++input) {
        if (i.in[input].count > 0) {
          in.push_back(&inputs[{k, input}]);
          continue;
        }
        int const at = i.in[input].made;
        if (at < 0 || at >= k) fail("an input comes from nowhere.");
        if (net_.ops[plan_.instructions[s.first + at].op].out[i.in[input].which] != o.in[input])
          fail("an input comes from the wrong op of the step.");
        in.push_back(&made[static_cast<std::size_t>(at)][static_cast<std::size_t>(i.in[input].which)]);
      }
      if (arithmetic_) {
        made[static_cast<std::size_t>(k)] = compute(i, in);
        check_made(i, o, made[static_cast<std::size_t>(k)]);
      }
      for (int out = 0; out < 2; ++out) sink_output(i, o, out, made[static_cast<std::size_t>(k)]);
    }
    for (int k = 0; k < s.count; ++k) {
      read_stored(s, k, [](int, tensor const&) {});
      instruction const& i = plan_.instructions[s.first + k];
      for (int out = 0; out < 2; ++out)
        if (i.out[out].operand != none && !i.out[out].to_gradients)
          arena_.check_stored(plan_.operands[i.out[out].operand], net_.ops[i.op].out[out]);
    }
  }

  template <class F> void read_stored(plan_step const& s, int k, F&& f) const {
    instruction const& i = plan_.instructions[s.first + k];
    for (int input = 0; input < 4; ++input)
      if (i.in[input].count > 0) f(input, arena_.read(plan_, i.in[input], net_.ops[i.op].in[input], margin(i, input)));
  }

  void check_made(instruction const& i, op const& o, std::array<tensor, 2> const& made) const {
    for (std::size_t k = 0; k < 2; ++k) {
      if (o.out[k] == none) continue;
      value const& y = net_.values[o.out[k]];
      if (static_cast<std::int64_t>(made[k].data.size()) != y.count()) fail("an op makes a tensor of another size.");
      if (k == 0 && !y.in_gradients && (i.out_size != y.size || i.out_channels != y.channels || made[0].size != y.size))
        fail("an instruction is wrong about the size of its output.");
    }
  }

  void sink_output(instruction const& i, op const& o, int out, std::array<tensor, 2> const& made) {
    sink const& to = i.out[out];
    if (to.operand == none) return;
    if (o.out[out] == none) fail("an output is stored that the op does not make.");
    tensor const& y = made[static_cast<std::size_t>(out)];
    operand const& w = plan_.operands[to.operand];
    if (!to.to_gradients) return arena_.write(w, o.out[out], y);
    std::int64_t const n = net_.values[o.out[out]].count();
    if (w.offset < 0 || w.offset + n > static_cast<std::int64_t>(result_.gradients.size()))
      fail("a gradient is written outside its arena.");
    for (std::int64_t k = 0; k < n; ++k) {
      auto const at = static_cast<std::size_t>(w.offset + k);
      if (gradient_written_[at]) fail("a gradient is written twice.");
      gradient_written_[at] = true;
      if (arithmetic_) result_.gradients[at] = y.data[static_cast<std::size_t>(k)];
    }
  }

  // Parameters.

  std::vector<float> elements(int i) const {
    auto const first = result_.parameters.begin() + static_cast<std::ptrdiff_t>(net_.parameters[i].offset);
    return {first, first + static_cast<std::ptrdiff_t>(net_.parameters[i].count())};
  }
  void store(int i, std::vector<float> const& data) {
    std::copy(data.begin(), data.end(),
              result_.parameters.begin() + static_cast<std::ptrdiff_t>(net_.parameters[i].offset));
  }
  ops::filter<float> weight(int i) const {
    parameter const& p = net_.parameters[i];
    ops::filter<float> w{p.rows, p.columns, p.window};
    w.data = elements(i);
    return w;
  }
  tensor running(int first) const { return ops::running_statistics(elements(first + 2), elements(first + 3)); }
  tensor norm_running(int first, tensor const& x) const {
    return ops::norm(x, running(first), elements(first), elements(first + 1));
  }

  // Ops, from what the instruction says and nothing else.

  static tensor flat(std::vector<float> data) {
    tensor y;
    y.data = std::move(data);
    return y;
  }

  std::array<tensor, 2> compute(instruction const& i, std::vector<tensor const*> const& in) {
    auto const& x = *in[0];
    if (i.in_size != x.size || i.in_channels != x.channels)
      fail("an instruction is wrong about the size of its input.");
    ops::taps const taps{i.window, i.stride, i.dilation, i.border};
    int const p = i.parameter;
    switch (i.kind) {
      case op_kind::convolve:
        return {folded(i, x, ops::convolve(x, weight(p), elements(p + 1), taps))};
      case op_kind::up_convolve:
        return {folded(i, x, ops::up_convolve(x, weight(p), elements(p + 1)))};
      case op_kind::upsample:
        return {i.linear ? ops::upsample_linear(x, i.window) : ops::upsample_nearest(x, i.window)};
      case op_kind::max_pool: {
        auto both = ops::max_pool(x, i.window);
        return {std::move(both.y), std::move(both.place)};
      }
      case op_kind::avg_pool:
        return {ops::avg_pool(x, i.window)};
      case op_kind::activate:
        return {ops::activate(x, *i.f)};
      case op_kind::drop:
        return {given_->training ? ops::drop(x, ops::drop_stream(given_->key, i.channel), i.rate) : x};
      case op_kind::add:
        return {ops::add(x, *in[1])};
      case op_kind::norm_statistics:
        return {statistics(i, x)};
      case op_kind::norm:
        return {ops::norm(x, *in[1], elements(p), elements(p + 1))};
      case op_kind::norm_running:
        return {norm_running(p, x)};
      case op_kind::loss_overlap: {
        std::vector<std::uint8_t> labels;
        for (float const l : in[1]->data) labels.push_back(static_cast<std::uint8_t>(l));
        return {ops::loss_overlap(x, labels, *in[2])};
      }
      case op_kind::loss: {
        std::vector<std::uint8_t> labels;
        for (float const l : in[1]->data) labels.push_back(static_cast<std::uint8_t>(l));
        auto both = ops::softmax_loss(*i.loss, x, labels, *in[2], in.size() > 3 ? in[3]->data : std::vector<float>{});
        return {std::move(both.gradient), std::move(both.loss)};
      }
      case op_kind::convolve_grad:
        return {ops::convolve_grad(x, weight(p), taps, i.out_size)};
      case op_kind::convolve_grad_weight:
        return {flat(ops::convolve_grad_weight(x, *in[1], taps).data)};
      case op_kind::up_convolve_grad:
        return {ops::up_convolve_grad(x, weight(p), i.out_size)};
      case op_kind::up_convolve_grad_weight:
        return {flat(ops::up_convolve_grad_weight(x, *in[1], i.window).data)};
      case op_kind::bias_grad:
        return {flat(ops::bias_grad(x))};
      case op_kind::upsample_grad:
        return {i.linear ? ops::upsample_linear_grad(x, i.window) : ops::upsample_nearest_grad(x, i.window)};
      case op_kind::max_pool_grad:
        return {ops::max_pool_grad(x, *in[1], i.window, i.out_size)};
      case op_kind::avg_pool_grad:
        return {ops::avg_pool_grad(x, i.window, i.out_size)};
      case op_kind::activate_grad:
        return {ops::activate_grad(x, *in[1], *i.f)};
      case op_kind::norm_grad_statistics: {
        tensor sums = ops::norm_grad_statistics(x, *in[1], *in[2]);
        return {sums, flat(sums.data)};
      }
      case op_kind::norm_grad:
        return {ops::norm_grad(x, *in[1], *in[2], *in[3], elements(p))};
      case op_kind::mirror_grad:
        return {ops::mirror_grad(x, i.border, i.out_size)};
      case op_kind::crop:
        return {ops::crop(x, i.border, i.out_size)};
      case op_kind::pad_zero:
        return {ops::pad_zero(x, i.border, i.out_size)};
      case op_kind::mirror:
        return {ops::mirror(x, i.border)};
      case op_kind::join:
        return {ops::join(x, *in[1])};
      case op_kind::slice:
        return {ops::slice(x, i.channel, i.out_channels)};
      default:
        fail("an instruction is no op.");
    }
  }

  tensor statistics(instruction const& i, tensor const& x) {
    if (i.running && !given_->training) return running(i.parameter);
    if (i.running) {
      auto mean = elements(i.parameter + 2), variance = elements(i.parameter + 3);
      ops::update_running(x, mean, variance);
      store(i.parameter + 2, mean);
      store(i.parameter + 3, variance);
    }
    return ops::norm_statistics(x, i.groups);
  }

  /// A convolution that has absorbed a batch norm: weights w · a and bias (b − mean) · a + shift, with
  /// a = scale / sqrt(variance + epsilon), must give what the norm gives behind it, but for rounding. With e = 2^−24:
  /// rounding w · a changes the sum by e · Σ|w · a · x|, rounding the bias by e · |bias|, and the result is rounded;
  /// the other way rounds the convolution's result c, then the inverse deviation, then its own result, which makes e ·
  /// |a| · |c|, e · |a| · |c − mean| and e · |y|. Sums are taken in double, which adds less than a hundredth.
  tensor folded(instruction const& i, tensor const& x, tensor const& c) const {
    if (i.folded == none) return c;
    tensor const y = norm_running(i.folded, c);
    auto const scale = elements(i.folded), shift = elements(i.folded + 1), mean = elements(i.folded + 2);
    auto const variance = elements(i.folded + 3), bias = elements(i.parameter + 1);
    bool const up = i.kind == op_kind::up_convolve;
    auto w = weight(i.parameter), size_of_w = w;
    std::vector<float> b, no_bias(bias.size());
    std::vector<double> a;
    for (std::size_t k = 0; k < bias.size(); ++k) {
      a.push_back(scale[k] / std::sqrt(variance[k] + ops::norm_epsilon));
      b.push_back(static_cast<float>((double{bias[k]} - mean[k]) * a[k] + shift[k]));
    }
    for (int r = 0; r < w.rows; ++r)
      for (int k = 0; k < w.columns; ++k)
        ops::for_each_pixel(w.window, [&](pixel t) {
          w(r, k, t) = static_cast<float>(w(r, k, t) * a[static_cast<std::size_t>(up ? k : r)]);
          size_of_w(r, k, t) = std::abs(w(r, k, t));
        });
    tensor size_of_x = x;
    for (float& v : size_of_x.data) v = std::abs(v);
    ops::taps const taps{i.window, i.stride, i.dilation, i.border};
    tensor const z = up ? ops::up_convolve(x, w, b) : ops::convolve(x, w, b, taps);
    tensor const sum =
        up ? ops::up_convolve(size_of_x, size_of_w, no_bias) : ops::convolve(size_of_x, size_of_w, no_bias, taps);
    for (int k = 0; k < y.channels; ++k)
      ops::for_each_pixel(y.size, [&](pixel p) {
        auto const n = static_cast<std::size_t>(k);
        double const size_of_a = std::abs(a[n]);
        double const bound =
            std::ldexp(1.01, -24) * (sum(k, p) + std::abs(b[n]) + std::abs(z(k, p)) + size_of_a * std::abs(c(k, p)) +
                                     size_of_a * std::abs(double{c(k, p)} - mean[n]) + std::abs(y(k, p)));
        if (!(std::abs(double{y(k, p)} - z(k, p)) <= bound)) fail("a folded norm is not the norm.");
      });
    return y;
  }
};

}  // namespace

plan_result run_plan(flat_graph const& net, plan const& steps, tensor const& image,
                     std::vector<float> const& parameters, ops::context<float> const& given, bool arithmetic) {
  return plan_runner{net, steps, arithmetic}(image, parameters, given);
}

}  // namespace oxbow::testing
