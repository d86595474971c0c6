// The host's side of the training runs that the device is compared with.
#include "training.hpp"

#include <oxbow/host/network.hpp>

oxbow::testing::run_of_host oxbow::testing::train_on_host(std::int64_t steps) {
  network<trained, host> net{host{1}, seed{3}};
  samples const data = lessons();
  auto const summary = train(net, data, how_to_train(steps));
  return {summary.losses, {net.parameters().begin(), net.parameters().end()}};
}
