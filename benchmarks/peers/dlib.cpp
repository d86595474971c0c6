// U-Nets as dlib's types, on its CPU code: matrix products by the BLAS that the system has.
#include <dlib/dnn.h>
#include <dlib/revision.h>

#include <algorithm>
#include <string>
#include <vector>

#include "run.hpp"

namespace {
using namespace dlib;

/// y = concat(crop(tagged, as large as x), x): dlib's concat_prev takes images of one size only.
template <template <class> class Tag> class crop_and_concat_ {
 public:
  template <class Subnet> void setup(Subnet const&) {}

  template <class Subnet> void forward(Subnet const& sub, resizable_tensor& output) {
    tensor const& x = sub.get_output();
    tensor const& skip = layer<Tag>(sub).get_output();
    output.set_size(x.num_samples(), skip.k() + x.k(), x.nr(), x.nc());
    float* to = output.host_write_only();
    for_each_row(skip, x, [&](long at) { to = std::copy_n(skip.host() + at, x.nc(), to); });
    std::copy_n(x.host(), x.size(), to);
  }

  template <class Subnet> void backward(tensor const& gradient, Subnet& sub, tensor&) {
    tensor& x = sub.get_gradient_input();
    tensor& skip = layer<Tag>(sub).get_gradient_input();
    float const* from = gradient.host();
    float* const to = skip.host();
    for_each_row(skip, x, [&](long at) {
      for (long i = 0; i < x.nc(); ++i) to[at + i] += *from++;
    });
    float* const rest = x.host();
    for (std::size_t i = 0; i < x.size(); ++i) rest[i] += from[i];
  }

  tensor const& get_layer_params() const { return none_; }
  tensor& get_layer_params() { return none_; }
  friend void serialize(crop_and_concat_ const&, std::ostream&) {}
  friend void deserialize(crop_and_concat_&, std::istream&) {}
  friend std::ostream& operator<<(std::ostream& out, crop_and_concat_ const&) { return out << "crop_and_concat"; }

 private:
  /// f(offset of each row of the crop), for one sample.
  template <class F> static void for_each_row(tensor const& skip, tensor const& x, F&& f) {
    long const top = (skip.nr() - x.nr()) / 2, left = (skip.nc() - x.nc()) / 2;
    for (long k = 0; k < skip.k(); ++k)
      for (long r = 0; r < x.nr(); ++r) f((k * skip.nr() + top + r) * skip.nc() + left);
  }

  resizable_tensor none_;
};

template <int F, int Pad, class S> using conv3 = relu<add_layer<con_<F, 3, 3, 1, 1, Pad, Pad>, S>>;
template <int F, int Pad, class S> using stage = conv3<F, Pad, conv3<F, Pad, S>>;

template <int Id> struct tagged {
  template <class S> using tag = add_tag_layer<static_cast<unsigned long>(Id), S>;
};

template <int Depth, int F, int Pad, class S> struct nested {
  using skip = typename tagged<Depth>::template tag<stage<F, Pad, S>>;
  using inner = typename nested<Depth - 1, 2 * F, Pad, add_layer<max_pool_<2, 2, 2, 2, 0, 0>, skip>>::type;
  using up = add_layer<cont_<F, 2, 2, 2, 2, 0, 0>, inner>;
  using type = stage<F, Pad, add_layer<crop_and_concat_<tagged<Depth>::template tag>, up>>;
};
template <int F, int Pad, class S> struct nested<0, F, Pad, S> { using type = stage<F, Pad, S>; };

template <int Depth, int F, int Pad> using features = typename nested<Depth, F, Pad, input<matrix<float>>>::type;
template <int Depth, int F, int Pad>
using unet = loss_multiclass_log_per_pixel<add_layer<con_<2, 1, 1, 1, 1>, features<Depth, F, Pad>>>;

template <class Net> void run(peers::options const& o) {
  auto const size = static_cast<std::size_t>(o.tile);
  auto const tile = peers::read<float>(o.folder + "/tile.bin", size * size);
  matrix<float> const image = reshape(mat(tile), o.tile, o.tile);
  Net net;
  resizable_tensor x;
  net.to_tensor(&image, &image + 1, x);

  // Parameters exist only after a first pass over an image, and lie from the last layer to the first.
  std::vector<tensor*> parameters;
  net.subnet().forward(x);
  visit_layer_parameters(net, [&](std::size_t, tensor& t) {
    if (t.size() != 0) parameters.push_back(&t);
  });
  std::size_t count = 0;
  for (tensor const* t : parameters) count += t->size();
  auto const weights = peers::read<float>(o.folder + "/ordered.bin", count);
  float const* next = weights.data();
  for (auto t = parameters.rbegin(); t != parameters.rend(); ++t) {
    std::copy_n(next, (*t)->size(), (*t)->host_write_only());
    next += (*t)->size();
  }

  std::string const version = std::to_string(DLIB_MAJOR_VERSION) + "." + std::to_string(DLIB_MINOR_VERSION);
  if (o.task == "train") {
    tensor const& logits = net.subnet().get_output();
    auto const pixels = static_cast<std::size_t>(logits.nr() * logits.nc());
    auto const label = peers::read<std::uint8_t>(o.folder + "/labels.bin", pixels);
    std::vector<matrix<std::uint16_t>> labels(1);
    labels[0].set_size(logits.nr(), logits.nc());
    std::copy(label.begin(), label.end(), labels[0].begin());
    std::vector<sgd> solvers(net.num_computational_layers, sgd(0, .99f));
    peers::measure(o.runs, version, [&] {
      double const loss = net.compute_parameter_gradients(x, labels.begin());
      net.update_parameters(make_sstack(solvers), 1e-3);
      return loss;
    });
    return;
  }
  peers::measure(o.runs, version, [&] {
    net.subnet().forward(x).host();
    return 0.;
  });
  if (o.logits.empty()) return;
  tensor const& y = net.subnet().get_output();
  std::vector<float> logits(y.size());
  std::size_t const pixels = y.size() / 2;
  for (std::size_t i = 0; i < y.size(); ++i) logits[i % pixels * 2 + i / pixels] = y.host()[i];
  peers::write(o.logits, std::span<float const>{logits});
}

}  // namespace

int main(int count, char** words) {
  return peers::guarded([&] {
    peers::options const o{count, words};
    if (o.network == "unet_2015") run<unet<4, 64, 0>>(o);
    else if (o.network == "unet_16_wide") run<unet<4, 16, 0>>(o);
    else if (o.network == "unet_small") run<unet<3, 16, 1>>(o);
    else throw std::invalid_argument("--network " + o.network + " is not known here");
  });
}
