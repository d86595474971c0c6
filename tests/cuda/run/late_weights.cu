// An optimizer that is still at work on the weights of deep layers while the next step begins makes the same bits as one
// that everything waits for.
#include <oxbow/cuda/run/network.cuh>
#include <oxbow/net/named.hpp>
#include <oxbow/train/optimizer.hpp>

#include <doctest/doctest.h>
using namespace oxbow;

namespace {

/// The paper's shape in small, all of it on tensor cores.
template <int F, class Inner> using scale = level<stage<F>, seq<max_pool<2>, Inner, up_conv<F>>, stage<F>>;
using paper = model<seq<scale<16, scale<40, seq<stage<72>, dropout<.5f>>>>, conv<3, 1>>, tile<44, 52>>;

/// A chip for which the same tiles are picked, but so slow that even the optimizer of this network takes a while.
struct slow : on_cuda::sm90 {
  static constexpr on_cuda::chip limits = [] {
    on_cuda::chip c = on_cuda::sm90::limits;
    c.clock /= 1000, c.l2 /= 1000, c.memory /= 1000;
    return c;
  }();
};

image<float> noise(extent size, std::uint32_t which) {
  image<float> x(size);
  random_stream const s{1, purpose::noise, which};
  for (std::size_t i = 0; i < x.data.size(); ++i) x.data[i] = s.uniform(i, -1, 1);
  return x;
}

struct outcome {
  std::vector<float> numbers;
  void take(std::span<float const> more) { numbers.insert(numbers.end(), more.begin(), more.end()); }
};

/// Five steps, one of them of two tiles, with everything in between that may ask for the weights.
template <class Backend> outcome train_with(Backend where, int update_launches) {
  network<paper, Backend> net{where, seed{3}};
  label_image labels(paper::output);
  for (std::size_t i = 0; i < labels.data.size(); ++i) labels.data[i] = static_cast<std::uint8_t>(i / 7 % 3);
  net.set_optimizer_state({std::vector<float>(static_cast<std::size_t>(net.trainable_count()))});
  sgd const optimizer{.rate = .05f, .momentum = .9f};
  outcome all;
  auto const run = [&](std::uint32_t step, bool accumulate) {
    image<float> const x = noise(paper::tile, step);
    all.numbers.push_back(static_cast<float>(
        net.loss_and_gradients(x.view(), std::as_const(labels).view(), {}, {1, step, accumulate}, accumulate)));
  };
  for (std::uint32_t step = 0; step < 5; ++step) {
    run(step, false);
    if (step == 1) run(step, true);
    all.numbers.push_back(static_cast<float>(net.gradient_norm()));
    net.template update<1>(optimizer.at(0, 1), 1.f);
    if (step == 1) {
      image<float> logits(paper::output, 3);
      net.infer(noise(paper::tile, 9).view(), logits.view());
      all.take(logits.data);
    } else if (step == 2) {
      all.take(std::as_const(net).parameters());
    } else if (step == 3) {
      all.take(net.optimizer_state()[0]);
      net.parameters()[5] += 1;
    }
  }
  CHECK(net.update_launches() == update_launches);
  all.take(std::as_const(net).parameters()), all.take(net.gradients());
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("the next step begins while deep layers are still being updated", B, cuda_f16, cuda_bf16) {
  outcome const together = train_with(tuned<B, slow>{}, 2), in_order = train_with(tuned<B, on_cuda::sm90>{}, 1);
  CHECK(together.numbers == in_order.numbers);
  CHECK(in_order.numbers[0] > 0);
  tuned<B, slow> one_by_one{};
  one_by_one.each_step = true;
  CHECK(train_with(one_by_one, 2).numbers == in_order.numbers);
}

TEST_CASE("a network that goes while its optimizer is at work") {
  for (int again = 0; again < 2; ++again) {
    network<paper, tuned<cuda_f16, slow>> net{{}, seed{3}};
    label_image const labels(paper::output);
    net.set_optimizer_state({std::vector<float>(static_cast<std::size_t>(net.trainable_count()))});
    image<float> const x = noise(paper::tile, 1);
    CHECK(net.loss_and_gradients(x.view(), labels.view(), {}, {}, false) > 0);
    net.update<1>(sgd{.rate = .05f}.at(0, 1), 1.f);
  }
}
