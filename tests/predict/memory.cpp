// Predicting takes the image, its result, and as much beside them for a large image as for a small one.
#include <doctest/doctest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include <oxbow/core/activations.hpp>
#include <oxbow/host/network.hpp>
#include <oxbow/net/named.hpp>
#include <oxbow/predict/predict.hpp>

namespace {
std::atomic<std::size_t> live{0}, most{0};

void* counted(std::size_t bytes, std::size_t align) {
  void* const p = std::aligned_alloc(align, (bytes + align - 1) / align * align);
  if (p == nullptr) throw std::bad_alloc{};
  std::size_t const now = live += ::malloc_usable_size(p);
  for (std::size_t seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {}
  return p;
}
void forgotten(void* p) {
  if (p == nullptr) return;
  live -= ::malloc_usable_size(p);
  std::free(p);
}
}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes, 16); }
void* operator new[](std::size_t bytes) { return counted(bytes, 16); }
void* operator new(std::size_t bytes, std::align_val_t a) { return counted(bytes, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t bytes, std::align_val_t a) { return counted(bytes, static_cast<std::size_t>(a)); }
void operator delete(void* p) noexcept { forgotten(p); }
void operator delete[](void* p) noexcept { forgotten(p); }
void operator delete(void* p, std::size_t) noexcept { forgotten(p); }
void operator delete[](void* p, std::size_t) noexcept { forgotten(p); }
void operator delete(void* p, std::align_val_t) noexcept { forgotten(p); }
void operator delete[](void* p, std::align_val_t) noexcept { forgotten(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { forgotten(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { forgotten(p); }

using namespace oxbow;

namespace {

/// What `call` took beyond what was there before and what it returned.
template <class Call> std::size_t beside_the_result(Call&& call) {
  std::size_t const before = live;
  most = before;
  auto const result = call();
  return most - before - result.data.size() * sizeof(result.data[0]);
}

using small = model<unet<1, 4, 2, pad::zero>, tile<64, 64>>;

}  // namespace

TEST_CASE("the memory of a prediction does not grow with the image") {
  network<small, host> net{host{2}, seed{1}};
  image<float> const little({1, 70, 70}, 1, 0.5f), much({1, 700, 900}, 1, 0.5f);
  predict(net, little);  // the arena and the packed weights come with the first
  auto const both = [&](image<float> const& x) {
    return std::pair{beside_the_result([&] { return predict(net, x, {.normalise = per_image}); }),
                     beside_the_result([&] { return predict_labels(net, x, {.normalise = per_image}); })};
  };
  auto const [p, labels] = both(little);
  auto const [p_much, labels_much] = both(much);
  CHECK(p > 0);  // the counting works: a tile and its logits
  CHECK(most > 700 * 900);
  // The allocator rounds the result's own block up, to a page at most.
  CHECK(p_much <= p + 4096);
  CHECK(labels_much <= labels + 4096);
}
