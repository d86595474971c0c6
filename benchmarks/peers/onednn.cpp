// A U-Net out of oneDNN's primitives, version 3: each chooses its layouts, convolutions take in bias and ReLU.
#include <dnnl.hpp>

#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "run.hpp"

namespace {
using namespace dnnl;
using dims = memory::dims;
using arguments = std::unordered_map<int, memory>;

constexpr auto f32 = memory::data_type::f32;
constexpr auto any = memory::format_tag::any;

struct shape {
  int depth, first;
  bool same;
};

shape shape_of(std::string const& network) {
  if (network == "unet_2015") return {4, 64, false};
  if (network == "unet_16_wide") return {4, 16, false};
  if (network == "unet_small") return {3, 16, true};
  throw std::invalid_argument("--network " + network + " is not known here");
}

/// What flows, and in training its gradient, made when the backward pass first needs it.
struct value {
  memory data, gradient;
};

/// Builds a list of primitives, forward and backward. Every tensor keeps its own memory: the library plans none.
class unet {
 public:
  unet(std::string const& network, std::string const& folder, int size, bool train)
      : shape_{shape_of(network)}, train_{train}, weights_{read_all(folder + "/ordered.bin")},
        tile_{peers::read<float>(folder + "/tile.bin", static_cast<std::size_t>(size * size))} {
    memory const tile{{{1, 1, size, size}, f32, memory::format_tag::nchw}, engine_, tile_.data()};
    value* const last = conv(level(add({tile, {}}), 1), 2, 1, false);
    if (next_ != weights_.size()) throw std::runtime_error("ordered.bin has more weights than the network");
    auto const sizes = last->data.get_desc().get_dims();
    height_ = static_cast<int>(sizes[2]);
    width_ = static_cast<int>(sizes[3]);
    memory::desc const plain{sizes, f32, memory::format_tag::nhwc};
    logits_ = memory{plain, engine_};
    reorder_to(last->data, logits_, forward_);
    if (!train) return;
    labels_ = peers::read<std::uint8_t>(folder + "/labels.bin", static_cast<std::size_t>(height_ * width_));
    logits_gradient_ = memory{plain, engine_};
    last->gradient = memory{last->data.get_desc(), engine_};
    reorder_to(logits_gradient_, last->gradient, backward_);
    for (auto back = later_.rbegin(); back != later_.rend(); ++back) (*back)();
  }

  void infer() { run(forward_); }

  double step() {
    run(forward_);
    double const value = loss();
    run(backward_);
    return value;
  }

  std::span<float const> logits() const {
    return {static_cast<float const*>(logits_.get_data_handle()), static_cast<std::size_t>(height_ * width_ * 2)};
  }

 private:
  using steps = std::vector<std::pair<primitive, arguments>>;

  static std::vector<float> read_all(std::string const& path) {
    std::ifstream file{path, std::ios::binary | std::ios::ate};
    if (!file) throw std::runtime_error("cannot open " + path + ". Run peers.py, which prepares it.");
    return peers::read<float>(path, static_cast<std::size_t>(file.tellg()) / sizeof(float));
  }

  value* add(value v) {
    values_.push_back(std::make_unique<value>(std::move(v)));
    return values_.back().get();
  }

  void run(steps const& list) {
    for (auto const& [p, a] : list) p.execute(stream_, a);
    stream_.wait();
  }

  void reorder_to(memory const& from, memory const& to, steps& list) {
    list.push_back({reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}});
  }

  /// m in the layout that a primitive asked for: m itself, or a copy that the list refreshes.
  memory in_layout(memory const& m, memory::desc const& wanted, steps& list) {
    if (m.get_desc() == wanted) return m;
    memory const copy{wanted, engine_};
    reorder_to(m, copy, list);
    return copy;
  }

  /// The next tensor of ordered.bin, as the primitive wants it.
  memory parameter(memory::desc const& plain, memory::desc const& wanted) {
    std::size_t const count = plain.get_size() / sizeof(float);
    if (next_ + count > weights_.size()) throw std::runtime_error("ordered.bin ends before the network does");
    memory from{plain, engine_, weights_.data() + next_};
    next_ += count;
    memory to{wanted, engine_};
    reorder(from, to).execute(stream_, from, to);
    stream_.wait();
    return to;
  }

  /// Gradient descent with momentum .99 and rate .001, as two weighted sums.
  void update(memory const& p, memory const& gradient) {
    memory const g = in_layout(gradient, p.get_desc(), backward_);
    memory const velocity{p.get_desc(), engine_};
    std::memset(velocity.get_data_handle(), 0, p.get_desc().get_size());
    auto const weighted = [&](float a, memory const& x, float b, memory const& y) {
      sum::primitive_desc const how{engine_, x.get_desc(), {a, b}, {x.get_desc(), y.get_desc()}};
      backward_.push_back(
          {sum(how), {{DNNL_ARG_MULTIPLE_SRC, x}, {DNNL_ARG_MULTIPLE_SRC + 1, y}, {DNNL_ARG_DST, x}}});
    };
    weighted(.99f, velocity, 1, g);
    weighted(1, p, -1e-3f, velocity);
  }

  /// Either kind of convolution: its parameters, the forward step, and for later the gradients and the update.
  template <class Forward, class BackwardWeights, class BackwardData>
  value* weigh(value* x, algorithm kind, dims const& filter, memory::format_tag order, dims const& out, int stride,
               int border, bool relu) {
    auto const s = x->data.get_desc().get_dims();
    dims const strides{stride, stride}, pads{border, border};
    // One channel has no blocked layout to wait for.
    memory::desc const source = s[1] == 1 ? x->data.get_desc() : memory::desc{s, f32, any};
    memory::desc const w{filter, f32, any}, b{{filter[0]}, f32, memory::format_tag::x}, target{out, f32, any};
    primitive_attr fused;
    if (relu) {
      post_ops after;
      after.append_eltwise(algorithm::eltwise_relu, 0, 0);
      fused.set_post_ops(after);
    }
    auto const use = train_ ? prop_kind::forward_training : prop_kind::forward_inference;
    typename Forward::primitive_desc const how{engine_, use, kind, source, w, b, target, strides, pads, pads, fused};
    memory const weight = parameter({filter, f32, order}, how.weights_desc());
    memory const bias = parameter(b, how.bias_desc());
    memory const from = in_layout(x->data, how.src_desc(), forward_);
    value* const y = add({memory{how.dst_desc(), engine_}, {}});
    forward_.push_back({Forward(how),
                        {{DNNL_ARG_SRC, from},
                         {DNNL_ARG_WEIGHTS, weight},
                         {DNNL_ARG_BIAS, bias},
                         {DNNL_ARG_DST, y->data}}});
    if (train_) later_.push_back([=, this] {
      if (relu) through_relu(y);
      typename BackwardWeights::primitive_desc const for_weights{engine_, kind,    source, w,    b,
                                                                 target,  strides, pads,   pads, how};
      memory const dw{for_weights.diff_weights_desc(), engine_}, db{for_weights.diff_bias_desc(), engine_};
      backward_.push_back({BackwardWeights(for_weights),
                           {{DNNL_ARG_SRC, in_layout(from, for_weights.src_desc(), backward_)},
                            {DNNL_ARG_DIFF_DST, in_layout(y->gradient, for_weights.diff_dst_desc(), backward_)},
                            {DNNL_ARG_DIFF_WEIGHTS, dw},
                            {DNNL_ARG_DIFF_BIAS, db}}});
      if (s[1] != 1) {  // nobody wants the image's gradient
        typename BackwardData::primitive_desc const for_data{engine_, kind, source, w, target, strides, pads, pads, how};
        x->gradient = memory{for_data.diff_src_desc(), engine_};
        backward_.push_back({BackwardData(for_data),
                             {{DNNL_ARG_WEIGHTS, in_layout(weight, for_data.weights_desc(), backward_)},
                              {DNNL_ARG_DIFF_DST, in_layout(y->gradient, for_data.diff_dst_desc(), backward_)},
                              {DNNL_ARG_DIFF_SRC, x->gradient}}});
      }
      update(weight, dw);
      update(bias, db);
    });
    return y;
  }

  value* conv(value* x, int channels, int window, bool relu) {
    auto const s = x->data.get_desc().get_dims();
    int const border = window == 3 && shape_.same ? 1 : 0, less = window - 1 - 2 * border;
    return weigh<convolution_forward, convolution_backward_weights, convolution_backward_data>(
        x, algorithm::convolution_auto, {channels, s[1], window, window}, memory::format_tag::oihw,
        {1, channels, s[2] - less, s[3] - less}, 1, border, relu);
  }

  value* up_conv(value* x, int channels) {
    auto const s = x->data.get_desc().get_dims();
    return weigh<deconvolution_forward, deconvolution_backward_weights, deconvolution_backward_data>(
        x, algorithm::deconvolution_direct, {channels, s[1], 2, 2}, memory::format_tag::iohw,
        {1, channels, 2 * s[2], 2 * s[3]}, 2, 0, false);
  }

  void through_relu(value* y) {
    eltwise_forward::primitive_desc const hint{engine_, prop_kind::forward_training,
                                               algorithm::eltwise_relu_use_dst_for_bwd, y->data.get_desc(),
                                               y->data.get_desc(), 0.f, 0.f};
    y->gradient = in_layout(y->gradient, y->data.get_desc(), backward_);
    auto const d = y->gradient.get_desc();
    eltwise_backward::primitive_desc const how{
        engine_, algorithm::eltwise_relu_use_dst_for_bwd, d, d, y->data.get_desc(), 0.f, 0.f, hint};
    backward_.push_back({eltwise_backward(how),
                         {{DNNL_ARG_DST, y->data},
                          {DNNL_ARG_DIFF_DST, y->gradient},
                          {DNNL_ARG_DIFF_SRC, y->gradient}}});
  }

  value* max_pool(value* x) {
    auto const s = x->data.get_desc().get_dims();
    memory::desc const target{{1, s[1], s[2] / 2, s[3] / 2}, f32, any};
    dims const two{2, 2}, none{0, 0};
    auto const use = train_ ? prop_kind::forward_training : prop_kind::forward_inference;
    pooling_forward::primitive_desc const how{
        engine_, use, algorithm::pooling_max, x->data.get_desc(), target, two, two, none, none, none};
    value* const y = add({memory{how.dst_desc(), engine_}, {}});
    arguments a{{DNNL_ARG_SRC, x->data}, {DNNL_ARG_DST, y->data}};
    memory workspace;
    if (train_) a[DNNL_ARG_WORKSPACE] = workspace = memory{how.workspace_desc(), engine_};
    forward_.push_back({pooling_forward(how), a});
    if (train_) later_.push_back([=, this] {
      // The skip has brought the other half of x's gradient.
      memory const whole = x->gradient, part{x->data.get_desc(), engine_};
      memory const dy = in_layout(y->gradient, how.dst_desc(), backward_);
      pooling_backward::primitive_desc const back{engine_, algorithm::pooling_max, part.get_desc(), dy.get_desc(),
                                                  two,     two, none, none, none, how};
      backward_.push_back({pooling_backward(back),
                           {{DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_WORKSPACE, workspace}, {DNNL_ARG_DIFF_SRC, part}}});
      sum::primitive_desc const both{engine_, whole.get_desc(), {1, 1}, {whole.get_desc(), part.get_desc()}};
      backward_.push_back({sum(both),
                           {{DNNL_ARG_MULTIPLE_SRC, whole}, {DNNL_ARG_MULTIPLE_SRC + 1, part}, {DNNL_ARG_DST, whole}}});
    });
    return y;
  }

  /// A part of m, without a copy.
  memory part_of(memory const& m, dims const& size, dims const& offset) {
    return {m.get_desc().submemory_desc(size, offset), engine_, m.get_data_handle()};
  }

  value* joined(value* skip, value* up) {
    auto const s = skip->data.get_desc().get_dims(), u = up->data.get_desc().get_dims();
    dims const size{1, s[1], u[2], u[3]}, crop{0, 0, (s[2] - u[2]) / 2, (s[3] - u[3]) / 2};
    memory const cropped = part_of(skip->data, size, crop);
    concat::primitive_desc const how{engine_, 1, {cropped.get_desc(), up->data.get_desc()}};
    value* const y = add({memory{how.dst_desc(), engine_}, {}});
    forward_.push_back({concat(how),
                        {{DNNL_ARG_MULTIPLE_SRC, cropped},
                         {DNNL_ARG_MULTIPLE_SRC + 1, up->data},
                         {DNNL_ARG_DST, y->data}}});
    if (train_) later_.push_back([=, this] {
      memory const dy = in_layout(y->gradient, y->data.get_desc(), backward_);
      up->gradient = memory{up->data.get_desc(), engine_};
      reorder_to(part_of(dy, u, {0, s[1], 0, 0}), up->gradient, backward_);
      // Outside the crop the gradient is zero; pooling adds to all of it, so each step begins anew.
      skip->gradient = memory{skip->data.get_desc(), engine_};
      if (s != size) {
        memory const zero{skip->data.get_desc(), engine_};
        std::memset(zero.get_data_handle(), 0, zero.get_desc().get_size());
        reorder_to(zero, skip->gradient, backward_);
      }
      reorder_to(part_of(dy, size, {0, 0, 0, 0}), part_of(skip->gradient, size, crop), backward_);
    });
    return y;
  }

  value* stage(value* x, int channels) { return conv(conv(x, channels, 3, true), channels, 3, true); }

  value* level(value* x, int k) {
    int const channels = shape_.first << (k - 1);
    value* const skip = stage(x, channels);
    value* const below = max_pool(skip);
    value* const inner = k < shape_.depth ? level(below, k + 1) : stage(below, 2 * channels);
    return stage(joined(skip, up_conv(inner, channels)), channels);
  }

  /// Mean cross-entropy of two classes, and its gradient.
  double loss() {
    auto const* const z = static_cast<float const*>(logits_.get_data_handle());
    auto* const dz = static_cast<float*>(logits_gradient_.get_data_handle());
    double all = 0;
    float const share = 1.f / static_cast<float>(labels_.size());
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      float const right = z[2 * i + labels_[i]], wrong = z[2 * i + 1 - labels_[i]];
      float const odds = std::exp(-std::abs(wrong - right));
      all += std::max(wrong - right, 0.f) + std::log1p(odds);
      float const p = wrong > right ? 1 / (1 + odds) : odds / (1 + odds);  // of the wrong class
      dz[2 * i + 1 - labels_[i]] = p * share;
      dz[2 * i + labels_[i]] = -p * share;
    }
    return all / static_cast<double>(labels_.size());
  }

  shape shape_;
  bool train_;
  engine engine_{engine::kind::cpu, 0};
  stream stream_{engine_};
  std::vector<float> weights_, tile_;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<value>> values_;
  steps forward_, backward_;
  std::vector<std::function<void()>> later_;
  memory logits_, logits_gradient_;
  int height_ = 0, width_ = 0;
  std::vector<std::uint8_t> labels_;
};

}  // namespace

int main(int count, char** words) {
  return peers::guarded([&] {
    peers::options const o{count, words};
    auto const* const v = dnnl_version();
    std::string version = std::to_string(v->major);
    for (int part : {v->minor, v->patch}) version += "." + std::to_string(part);
    unet net{o.network, o.folder, o.tile, o.task == "train"};
    peers::measure(o.runs, version, [&] {
      if (o.task == "train") return net.step();
      net.infer();
      return 0.;
    });
    if (!o.logits.empty()) peers::write(o.logits, net.logits());
  });
}
