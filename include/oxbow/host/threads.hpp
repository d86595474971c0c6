// The host's threads are the library's pool.
#pragma once
#include <oxbow/core/threads.hpp>

namespace oxbow::on_host {

using oxbow::thread_pool;

}  // namespace oxbow::on_host
