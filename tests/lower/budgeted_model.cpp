// Training the paper's network in less memory: what a budget costs.
#include <doctest/doctest.h>

#include <oxbow/lower/elements.hpp>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

using plain = model<unet_2015, tile<572, 572>>;
using tight = model<unet_2015, tile<572, 572>, training_memory<450'000'000>>;
using roomy = model<unet_2015, tile<572, 572>, training_memory<600'000'000>>;

// A budget that the plan fits anyway changes nothing.
static_assert(&roomy::training::graph == &roomy::lowered_::differentiated);
static_assert(roomy::training::peak_bytes == plain::training::peak_bytes);

// One that it does not fit makes activations again, forward unchanged.
static_assert(plain::training::peak_bytes > 500'000'000);
static_assert(tight::training::peak_bytes <= 450'000'000);
static_assert(tight::training::steps.multiply_adds() > plain::training::steps.multiply_adds());
static_assert(tight::training::steps.multiply_adds() < plain::training::steps.multiply_adds() / 100 * 101);
static_assert(tight::inference::peak_bytes == plain::inference::peak_bytes);
static_assert(tight::schema == plain::schema && tight::parameter_count == plain::parameter_count);

// On tensor cores gradients wait for one another, unless the budget is too small for that.
template <class Model, element Type> using on_matrices = programs_in<typename Model::lowered_, Type>;
static_assert(on_matrices<plain, element::tf32>::training::peak_bytes > 600'000'000);
static_assert(on_matrices<roomy, element::tf32>::waiting::peak_bytes > 600'000'000);
static_assert(on_matrices<roomy, element::tf32>::training::peak_bytes <= 600'000'000);
static_assert(on_matrices<roomy, element::f16>::training::peak_bytes ==
              on_matrices<plain, element::f16>::training::peak_bytes);

TEST_CASE("a budget says what it costs") {
  MESSAGE("training in ", plain::training::peak_bytes, " bytes: ", plain::training::steps.multiply_adds(),
          " multiply-adds; in ", tight::training::peak_bytes, " bytes: ", tight::training::steps.multiply_adds());
  CHECK(tight::training::graph.ops.size() > plain::training::graph.ops.size());
}
