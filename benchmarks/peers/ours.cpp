// One network of Oxbow for peers.py: OXBOW_PEER_NET on tiles of OXBOW_PEER_TILE pixels, with the weights of seed 1.
#include <oxbow/core/large_pages.hpp>
#include <oxbow/host/network.hpp>
#include <oxbow/net/named.hpp>
#include <oxbow/train/update.hpp>

#include <algorithm>

#include "run.hpp"

namespace {
using namespace oxbow;

using subject = model<OXBOW_PEER_NET, tile<OXBOW_PEER_TILE, OXBOW_PEER_TILE>>;
using subject_network = network<subject, host>;

image<float> some_tile() {
  image<float> tile{subject::tile, subject::input_channels};
  random_stream const s{1, purpose::example_data};
  for (std::size_t i = 0; i < tile.data.size(); ++i) tile.data[i] = s.uniform(i, -1, 1);
  return tile;
}

label_image some_labels() {
  label_image labels{subject::output};
  random_stream const s{2, purpose::example_data};
  for (std::size_t i = 0; i < labels.data.size(); ++i)
    labels.data[i] = static_cast<std::uint8_t>(s.below(i, static_cast<std::uint32_t>(subject::classes)));
  return labels;
}

/// Writes what the peers need to compute the same, and prints what is in weights.bin.
void prepare(subject_network&& net, std::string const& folder) {
  peers::write(folder + "/tile.bin", std::span<float const>{some_tile().data});
  peers::write(folder + "/labels.bin", std::span<std::uint8_t const>{some_labels().data});
  peers::write(folder + "/weights.bin", std::span<float const>{net.parameters()});
  std::printf("{\"output\": [%d, %d, %d], \"multiply_adds\": %lld, \"tensors\": [", subject::output.height,
              subject::output.width, subject::classes, static_cast<long long>(subject::multiply_adds));
  char const* between = "";
  for (network_tensor const& t : net.tensors()) {
    std::printf("%s{\"name\": \"%s\", \"offset\": %lld, \"shape\": [", between, t.name.c_str(),
                static_cast<long long>(t.offset));
    for (std::size_t i = 0; i < t.shape.size(); ++i)
      std::printf("%s%lld", i ? ", " : "", static_cast<long long>(t.shape[i]));
    std::printf("]}");
    between = ", ";
  }
  std::puts("]}");
}

void infer(subject_network& net, peers::options const& o) {
  image<float> const tile = some_tile();
  image<float> logits{subject::output, subject::classes};
  peers::measure(o.runs, "", [&] {
    net.infer(tile.view(), logits.view());
    return 0.;
  });
  if (!o.logits.empty()) peers::write(o.logits, std::span<float const>{logits.data});
}

/// A step as the loop of train/ takes it: the loss, its gradients, and the paper's optimizer.
void train(subject_network& net, peers::options const& o) {
  image<float> const tile = some_tile();
  label_image const labels = some_labels();
  constexpr sgd optimizer{.rate = 1e-3f, .momentum = .99f};
  std::vector<std::vector<float>> velocity(1, many_zeros(static_cast<std::size_t>(net.trainable_count())));
  std::uint32_t step = 0;
  peers::measure(o.runs, "", [&] {
    double const loss = net.loss_and_gradients(tile.view(), labels.view(), {}, {.seed = 1, .step = step}, false);
    auto const trainable = static_cast<std::size_t>(net.trainable_count());
    update_parameters<1>(optimizer.at(step, 1), 1, net.parameters().first(trainable), net.gradients().first(trainable),
                         velocity, [&](std::int64_t count, auto&& f) { net.for_each(count, f); });
    ++step;
    return loss;
  });
}

}  // namespace

int main(int count, char** words) {
  return peers::guarded([&] {
    peers::options const o{count, words};
    if (o.task == "prepare") return prepare(subject_network{host{.threads = o.threads}, seed{1}}, o.folder);
    subject_network net{host{.threads = o.threads, .keep_weights = o.keep_weights}, blank{}};
    auto const all = net.parameters();
    std::ranges::copy(peers::read<float>(o.folder + "/weights.bin", all.size()), all.begin());
    if (o.task == "infer") infer(net, o);
    else if (o.task == "train") train(net, o);
    else throw std::invalid_argument("--task must be prepare, infer or train, and is " + o.task);
  });
}
