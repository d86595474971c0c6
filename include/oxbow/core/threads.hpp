// A pool of threads that shares out numbered pieces of work.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace oxbow {

/// Runs f(thread, piece) for each piece. Each thread has a share of pieces next to one another, which depends on the
/// numbers of pieces and threads alone: from step to step it works on the same part of an image. One that is done helps
/// the others. Who runs a piece decides nothing about a result: pieces are independent, and whoever needs a sum adds up
/// the pieces in their order.
class thread_pool {
 public:
  /// threads: 0 is one for each core. throws std::system_error where the system has no room for so many
  explicit thread_pool(int threads = 0) {
    if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
    if (threads <= 0) threads = 1;
    shares_ = std::vector<share>(static_cast<std::size_t>(threads));
    try {
      for (int t = 1; t < threads; ++t) workers_.emplace_back([this, t] { work(t); });
    } catch (...) {  // the system has no room for so many
      join();
      throw;
    }
  }
  ~thread_pool() { join(); }
  thread_pool(thread_pool const&) = delete;
  thread_pool& operator=(thread_pool const&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Blocks until all pieces are done; the first exception of any of them is thrown here. A call from
  /// inside a piece, of this pool or of another, runs its pieces one after the other on the thread that makes it.
  template <class F> void run(std::int64_t pieces, F&& f) {
    share_out_(*this, pieces,
               {[](void* context, int thread, std::int64_t piece) {
                  (*static_cast<std::remove_reference_t<F>*>(context))(thread, piece);
                },
                const_cast<void*>(static_cast<void const*>(&f))});
  }

  /// The same without the number of the thread: for_each(n, f) of the generic algorithms.
  template <class F> void operator()(std::int64_t pieces, F&& f) {
    run(pieces, [&](int, std::int64_t i) { f(i); });
  }

 private:
  void join() {
    {
      std::lock_guard const lock{mutex_};
      stop_ = true;
    }
    wake_.notify_all();
    for (auto& w : workers_) w.join();
  }

  /// A call of anybody's f.
  struct work_item {
    void (*call)(void* context, int thread, std::int64_t piece) = nullptr;
    void* context = nullptr;

    void operator()(int thread, std::int64_t piece) const { call(context, thread, piece); }
  };

  void share_out(std::int64_t pieces, work_item const& f) {
    if (pieces <= 0) return;
    if (place const* const outer = place_in_this_pool()) {
      int const thread = outer->thread;
      for (std::int64_t i = 0; i < pieces; ++i) f(thread, i);
      return;
    }
    std::lock_guard const one_caller{caller_};
    if (workers_.empty() || pieces == 1 || innermost() != nullptr) {
      place const here{*this, 0};
      for (std::int64_t i = 0; i < pieces; ++i) f(0, i);
      return;
    }
    {
      std::lock_guard const lock{mutex_};
      work_ = f;
      std::int64_t const threads = size();
      for (std::int64_t t = 0; t < threads; ++t) {
        share& s = shares_[static_cast<std::size_t>(t)];
        s.next = first_of(t, threads, pieces), s.end = first_of(t + 1, threads, pieces);
      }
      busy_ = static_cast<int>(workers_.size());
      error_ = nullptr;
      ++generation_;
    }
    wake_.notify_all();
    take(0);
    linger([&] { return busy_ == 0; });
    std::unique_lock lock{mutex_};
    done_.wait(lock, [&] { return busy_ == 0; });
    if (error_) std::rethrow_exception(error_);
  }

  /// Says, while it lives, that this thread runs pieces of a pool; places within places form a list.
  class place {
   public:
    place(thread_pool const& p, int number) : pool{&p}, thread{number}, outer{innermost()} { innermost() = this; }
    ~place() { innermost() = outer; }
    place(place const&) = delete;
    place& operator=(place const&) = delete;

    thread_pool const* pool;
    int thread;
    place const* outer;
  };
  static place const*& innermost() {
    thread_local place const* at = nullptr;
    return at;
  }
  place const* place_in_this_pool() const {
    place const* at = innermost();
    while (at != nullptr && at->pool != this) at = at->outer;
    return at;
  }

  /// The pieces of a thread that nobody has taken yet. On a cache line of its own, as threads write it all the time.
  struct alignas(64) share {
    std::atomic<std::int64_t> next{0};
    std::int64_t end = 0;
  };
  /// Where the share of a thread begins; the caller, which need not be woken, has no fewer pieces than the others.
  static std::int64_t first_of(std::int64_t thread, std::int64_t threads, std::int64_t pieces) {
    return (thread * pieces + threads - 1) / threads;
  }

  void take(int thread) {
    place const here{*this, thread};
    try {
      for (int k = 0, t = thread; k < size(); ++k, t = t + 1 < size() ? t + 1 : 0) {
        share& s = shares_[static_cast<std::size_t>(t)];
        for (std::int64_t i = s.next++; i < s.end; i = s.next++) work_(thread, i);
      }
    } catch (...) {
      std::lock_guard const lock{mutex_};
      if (!error_) error_ = std::current_exception();
      for (share& s : shares_) s.next = s.end;
    }
  }

  /// Waits for what is likely to happen soon: the next step follows in microseconds, and who sleeps needs a hundred to
  /// wake up. No longer than some hundred, and whoever else wants the core has it meanwhile.
  template <class Happened> static void linger(Happened const& happened) {
    constexpr int turns = 500;
    for (int i = 0; i < turns && !happened(); ++i) std::this_thread::yield();
  }

  void work(int thread) {
    std::uint64_t seen = 0;
    for (;;) {
      // Not at first: a new thread is on the core that made it, and is given one of its own when it is woken up.
      if (seen > 0) linger([&] { return stop_ || generation_ != seen; });
      {
        std::unique_lock lock{mutex_};
        wake_.wait(lock, [&] { return stop_ || generation_ != seen; });
        if (stop_) return;
        seen = generation_;
      }
      take(thread);
      {
        std::lock_guard const lock{mutex_};
        --busy_;
      }
      done_.notify_one();
    }
  }

  /// The function of whoever made the pool. Code that was compiled for another instruction set has functions of its own
  /// (docs/portable-binaries.md), and lists of places that know nothing of each other would start threads twice.
  void (*const share_out_)(thread_pool&, std::int64_t, work_item const&) =
      [](thread_pool& pool, std::int64_t pieces, work_item const& f) { pool.share_out(pieces, f); };

  std::vector<std::thread> workers_;
  std::mutex mutex_, caller_;
  std::condition_variable wake_, done_;
  std::vector<share> shares_;  ///< of each thread
  work_item work_;
  // Written under the mutex, and read without it by those who linger.
  std::atomic<int> busy_{0};
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<bool> stop_{false};
  std::exception_ptr error_;
};

}  // namespace oxbow
