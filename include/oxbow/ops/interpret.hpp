// Runs a flat graph as it is written: the oracle for everything that is done to make it fast.
#pragma once
#include <stdexcept>
#include <string>
#include <utility>

#include <oxbow/core/wording.hpp>
#include <oxbow/graph/graph.hpp>
#include <oxbow/ops/convolution.hpp>
#include <oxbow/ops/elementwise.hpp>
#include <oxbow/ops/loss.hpp>
#include <oxbow/ops/normalisation.hpp>
#include <oxbow/ops/pooling.hpp>
#include <oxbow/ops/upsampling.hpp>
#include <oxbow/ops/views.hpp>

namespace oxbow::ops {

/// What a run needs and the graph does not say.
template <std::floating_point Real> struct context {
  bool training = false;               ///< else nothing is dropped, and a batch norm uses its running statistics
  random_key key{};                    ///< of the dropout masks
  std::vector<std::uint8_t> labels{};  ///< for a training graph: a class or `ignored` per output pixel, row-major
  tensor<Real> weights{};              ///< for a training graph: 1 × output size; empty: every pixel weighs 1
};

/// Everything that a run computed.
template <std::floating_point Real> struct interpretation {
  std::vector<tensor<Real>> values;  ///< every value of the graph
  std::vector<Real> parameters;      ///< as given, with the running statistics moved if training
  std::vector<Real> gradients;       ///< one per trained parameter; zero where no op of the graph writes
  int output_value = 0, loss_value = none;

  tensor<Real> const& output() const { return values[static_cast<std::size_t>(output_value)]; }
  tensor<Real> const& pixel_loss() const { return values[static_cast<std::size_t>(loss_value)]; }
  /// The loss of the tile: the sum over its pixels.
  double loss() const {
    double sum = 0;
    for (Real const l : pixel_loss().data) sum += l;
    return sum;
  }
};

/// The run itself, one member function per family of ops.
template <std::floating_point Real> class interpreter {
 public:
  interpreter(flat_graph const& net, tensor<Real> const& image, std::vector<Real> const& parameters,
              context<Real> const& given)
      : net_{net}, image_{image}, given_{given} {
    if (static_cast<std::int64_t>(parameters.size()) != net.parameter_count)
      throw std::runtime_error("interpret: " + std::to_string(parameters.size()) + " parameters are given, but the " +
                               "network has " + std::to_string(net.parameter_count) + ": pass its whole arena.");
    run_.values.resize(static_cast<std::size_t>(net.values.size()));
    run_.parameters = parameters;
    run_.gradients.resize(static_cast<std::size_t>(net.trained_count));
    run_.output_value = net.output, run_.loss_value = net.loss;
  }

  interpretation<Real> operator()() && {
    for (at_ = 0; at_ < net_.ops.size(); ++at_) {
      op const& o = net_.ops[at_];
      if (is_source(o.kind)) source(o);
      else if (is_view(o.kind)) view(o);
      else if (o.kind >= op_kind::convolve_grad) backward(o);
      else forward(o);
    }
    return std::move(run_);
  }

 private:
  flat_graph const& net_;
  tensor<Real> const& image_;
  context<Real> const& given_;
  interpretation<Real> run_;
  int at_ = 0;  ///< the op that runs

  void source(op const& o) {
    value const& y = net_.values[o.out[0]];
    auto const n = static_cast<std::size_t>(y.count());
    if (o.kind == op_kind::image) return result(o, image_);
    if (o.kind == op_kind::labels) {
      if (given_.labels.size() != n)
        fail("needs a label for each of " + size_text(y.size) + " pixels and is given " +
             std::to_string(given_.labels.size()) + " labels.");
      auto label = given_.labels.begin();
      return result(o, make_tensor<Real>(y.size, 1, [&](int, pixel) { return *label++; }));
    }
    result(o, given_.weights.data.empty() ? tensor<Real>{y.size, 1, Real{1}} : given_.weights);
  }

  void forward(op const& o) {
    auto const& x = in(o, 0);
    switch (o.kind) {
      case op_kind::convolve:
        return result(o, folded(o, convolve(x, weight(o), parameter(o, role::bias), geometry(o))));
      case op_kind::up_convolve: return result(o, folded(o, up_convolve(x, weight(o), parameter(o, role::bias))));
      case op_kind::upsample:
        return result(o, o.linear ? upsample_linear(x, o.window) : upsample_nearest(x, o.window));
      case op_kind::max_pool: {
        auto pool = max_pool(x, o.window);
        result(o, std::move(pool.y));
        if (o.out[1] != none) result(o, std::move(pool.place), 1);
        return;
      }
      case op_kind::avg_pool: return result(o, avg_pool(x, o.window));
      case op_kind::activate: return result(o, activate(x, *o.f));
      case op_kind::drop:
        return result(o, given_.training ? drop(x, drop_stream(given_.key, o.channel), o.rate) : x);
      case op_kind::add: return result(o, add(x, like(x, in(o, 1))));
      case op_kind::norm_statistics: return statistics(o, x);
      case op_kind::norm:
        return result(o, norm(x, in(o, 1), parameter(o, role::scale), parameter(o, role::shift)));
      case op_kind::norm_running: return result(o, norm_running(o.parameter, x));
      default: break;
    }
    loss(o);
  }

  void backward(op const& o) {
    auto const& dy = in(o, 0);
    extent const size = net_.values[o.out[0]].size;
    switch (o.kind) {
      case op_kind::convolve_grad: return result(o, convolve_grad(dy, weight(o), geometry(o), size));
      case op_kind::convolve_grad_weight:
        return gradient(o, role::weight, convolve_grad_weight(dy, in(o, 1), geometry(o)).data);
      case op_kind::up_convolve_grad: return result(o, up_convolve_grad(dy, weight(o), size));
      case op_kind::up_convolve_grad_weight:
        return gradient(o, role::weight, up_convolve_grad_weight(dy, in(o, 1), o.window).data);
      case op_kind::bias_grad: return gradient(o, role::bias, bias_grad(dy));
      case op_kind::upsample_grad:
        return result(o, o.linear ? upsample_linear_grad(dy, o.window) : upsample_nearest_grad(dy, o.window));
      case op_kind::max_pool_grad: return result(o, max_pool_grad(dy, like(dy, in(o, 1)), o.window, size));
      case op_kind::avg_pool_grad: return result(o, avg_pool_grad(dy, o.window, size));
      case op_kind::activate_grad: return result(o, activate_grad(dy, like(dy, in(o, 1)), *o.f));
      case op_kind::norm_grad_statistics: return norm_sums(o, norm_grad_statistics(dy, like(dy, in(o, 1)), in(o, 2)));
      case op_kind::norm_grad:
        return result(o, norm_grad(dy, like(dy, in(o, 1)), in(o, 2), in(o, 3), parameter(o, role::scale)));
      case op_kind::mirror_grad: return result(o, mirror_grad(dy, o.border, size));
      default: fail("has no meaning here.");
    }
  }

  void view(op const& o) {
    auto const& x = in(o, 0);
    value const& y = net_.values[o.out[0]];
    switch (o.kind) {
      case op_kind::crop:
        for (int a = 0; a < 3; ++a)
          if (o.border[a] < 0 || o.border[a] + y.size[a] > x.size[a])
            fail("crops " + size_text(y.size) + " out of " + size_text(x.size) + ", which is too small.");
        return result(o, crop(x, o.border, y.size));
      case op_kind::pad_zero: return result(o, pad_zero(x, o.border, y.size));
      case op_kind::mirror: return result(o, mirror(x, o.border));
      case op_kind::join: {
        auto const& second = in(o, 1);
        if (second.size != x.size) fail("joins " + size_text(x.size) + " and " + size_text(second.size) + ".");
        return result(o, join(x, second));
      }
      default: break;
    }
    if (o.channel < 0 || o.channel + y.channels > x.channels) fail("slices beyond the last channel.");
    result(o, slice(x, o.channel, y.channels));
  }

  /// A convolution that has absorbed the batch norm behind it.
  tensor<Real> folded(op const& o, tensor<Real> y) const {
    return o.folded == none ? std::move(y) : norm_running(o.folded, y);
  }
  tensor<Real> norm_running(int first, tensor<Real> const& x) const {
    return norm(x, running(first), elements(index_of(first, role::scale)), elements(index_of(first, role::shift)));
  }

  /// A batch norm that trains moves its running statistics; one that predicts uses them.
  void statistics(op const& o, tensor<Real> const& x) {
    if (o.running && !given_.training) return result(o, running(o.parameter));
    if (o.running) {
      auto mean = parameter(o, role::running_mean), variance = parameter(o, role::running_variance);
      update_running(x, mean, variance);
      store(run_.parameters, index_of(o.parameter, role::running_mean), mean.data());
      store(run_.parameters, index_of(o.parameter, role::running_variance), variance.data());
    }
    result(o, norm_statistics(x, o.groups));
  }

  void norm_sums(op const& o, tensor<Real> const& sums) {
    int const scale = index_of(o.parameter, role::scale), shift = index_of(o.parameter, role::shift);
    result(o, sums);
    if (o.out[1] == none) return;
    gradient(scale, sums.data.data());
    gradient(shift, sums.data.data() + net_.parameters[scale].count());
    flat_result(o.out[1], sums.data);
  }

  void loss(op const& o) {
    auto const& logits = in(o, 0);
    std::vector<std::uint8_t> labels;
    for (Real const label : in(o, 1).data) labels.push_back(static_cast<std::uint8_t>(label));
    if (in(o, 1).size != logits.size || in(o, 2).size != logits.size)
      fail("is a loss of " + size_text(logits.size) + " logits, " + size_text(in(o, 1).size) + " labels and " +
           size_text(in(o, 2).size) + " weights.");
    if (o.kind == op_kind::loss_overlap) return result(o, loss_overlap(logits, labels, in(o, 2)));
    auto both = softmax_loss(*o.loss, logits, labels, in(o, 2), o.in[3] == none ? std::vector<Real>{} : in(o, 3).data);
    result(o, std::move(both.gradient));
    if (o.out[1] != none) result(o, std::move(both.loss), 1);
  }

  // What an op reads.

  tensor<Real> const& in(op const& o, int which) const {
    int const v = o.in[which];
    if (v < 0 || run_.values[static_cast<std::size_t>(v)].data.empty())
      fail("reads input " + std::to_string(which) + ", which no earlier op has written.");
    return run_.values[static_cast<std::size_t>(v)];
  }
  tensor<Real> const& like(tensor<Real> const& a, tensor<Real> const& b) const {
    if (a.size != b.size || a.channels != b.channels) fail("reads " + shape(a) + " and " + shape(b) + " together.");
    return b;
  }
  taps geometry(op const& o) const { return {o.window, o.stride, o.dilation, o.border}; }

  /// The parameter tensor with a role, in the layer whose tensors begin at `first`. An op may name a later one of its
  /// layer (bias_grad names the bias); the tensors of a layer lie side by side, at most four.
  int index_of(int first, role is) const {
    for (int i = first; i >= 0 && i < first + 4 && i < net_.parameters.size(); ++i)
      if (net_.parameters[i].is == is) return i;
    fail("needs a parameter that it does not have.");
  }
  std::vector<Real> elements(int i) const {
    auto const first = run_.parameters.begin() + static_cast<std::ptrdiff_t>(net_.parameters[i].offset);
    return {first, first + static_cast<std::ptrdiff_t>(net_.parameters[i].count())};
  }
  std::vector<Real> parameter(op const& o, role is) const { return elements(index_of(o.parameter, is)); }
  filter<Real> weight(op const& o) const {
    int const i = index_of(o.parameter, role::weight);
    oxbow::parameter const& p = net_.parameters[i];
    filter<Real> w{p.rows, p.columns, p.window};
    w.data = elements(i);
    return w;
  }
  tensor<Real> running(int first) const {
    return running_statistics(elements(index_of(first, role::running_mean)),
                              elements(index_of(first, role::running_variance)));
  }

  // What an op writes.

  void store(std::vector<Real>& arena, int i, Real const* from) const {
    auto const& p = net_.parameters[i];
    if (p.offset + p.count() > static_cast<std::int64_t>(arena.size())) fail("writes beyond the end of its arena.");
    for (std::int64_t k = 0; k < p.count(); ++k) arena[static_cast<std::size_t>(p.offset + k)] = from[k];
  }
  void result(op const& o, tensor<Real> made, int which = 0) {
    value const& v = net_.values[o.out[which]];
    if (!(made.size == v.size) || made.channels != v.channels)
      fail("makes " + shape(made) + ", but its value is declared as " + std::to_string(v.channels) + " channels of " +
           size_text(v.size) + ".");
    run_.values[static_cast<std::size_t>(o.out[which])] = std::move(made);
  }
  /// The gradient of parameter tensor i: into its place in the arena.
  void gradient(int i, Real const* made) { store(run_.gradients, i, made); }
  void gradient(op const& o, role is, std::vector<Real> const& made) {
    int const i = index_of(o.parameter, is);
    if (static_cast<std::int64_t>(made.size()) != net_.parameters[i].count())
      fail("makes " + std::to_string(made.size()) + " gradients for " + std::to_string(net_.parameters[i].count()) +
           " parameters.");
    gradient(i, made.data());
    flat_result(o.out[0], made);
  }
  /// A value that lies in the gradient arena has the elements of its parameters, in whatever shape it is declared.
  void flat_result(int v, std::vector<Real> const& made) {
    value const& declared = net_.values[v];
    if (static_cast<std::int64_t>(made.size()) != declared.count() || !declared.in_gradients)
      fail("makes " + std::to_string(made.size()) + " gradients for a value of " + std::to_string(declared.count()) +
           " elements that lies " + (declared.in_gradients ? "in" : "outside") + " the gradient arena.");
    tensor<Real> y{declared.size, declared.channels};
    y.data = made;
    run_.values[static_cast<std::size_t>(v)] = std::move(y);
  }

  static std::string shape(tensor<Real> const& t) {
    return std::to_string(t.channels) + " channels of " + size_text(t.size);
  }
  [[noreturn]] void fail(std::string const& what) const {
    throw std::runtime_error("interpret: op " + std::to_string(at_) + " (kind " +
                             std::to_string(static_cast<int>(net_.ops[at_].kind)) + ") " + what);
  }
};

/// Runs every op of the graph, each value in a tensor of its own.
///
/// shapes  image: as the graph's image; parameters: the whole arena, net.parameter_count elements
/// errors  std::runtime_error where sizes, labels or the graph itself do not fit together
/// cost    memory for all values at once; no attempt at speed
template <std::floating_point Real>
interpretation<Real> interpret(flat_graph const& net, tensor<Real> const& image, std::vector<Real> const& parameters,
                               context<Real> const& given = {}) {
  return interpreter<Real>{net, image, parameters, given}();
}

}  // namespace oxbow::ops
