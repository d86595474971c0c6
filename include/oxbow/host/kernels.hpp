// What a model's file of kernels includes: it is compiled once for each instruction set.
#pragma once
#include <oxbow/host/executor.hpp>

namespace oxbow::kernels {

template <class Model, instruction_set Set>
std::unique_ptr<on_host::engine> inference<Model, Set>::make(on_host::thread_pool& pool, bool repack) {
  static_assert(Set == on_host::compiled_for, "kernels: only for the instruction set that the file is compiled for.");
  return std::make_unique<on_host::executor_of<Model, typename Model::inference>>(pool, repack);
}

template <class Model, instruction_set Set>
std::unique_ptr<on_host::engine> training<Model, Set>::make(on_host::thread_pool& pool) {
  static_assert(Set == on_host::compiled_for, "kernels: only for the instruction set that the file is compiled for.");
  return std::make_unique<on_host::executor_of<Model, typename Model::training>>(pool, true);
}

}  // namespace oxbow::kernels
