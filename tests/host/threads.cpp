// The pool of threads: every piece once, whatever happens.
#include <oxbow/host/threads.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>
#include <string>

using namespace oxbow;

TEST_CASE("every piece runs once, on a thread with a number of its own") {
  for (int threads : {1, 2, 3, 4, 9}) {
    on_host::thread_pool pool{threads};
    CHECK(pool.size() == threads);
    for (std::int64_t pieces : {0, 1, 2, 3, 5, 64, 1001})
      for (int again = 0; again < 5; ++again) {
        std::vector<std::atomic<int>> runs(static_cast<std::size_t>(pieces)),
            at_work(static_cast<std::size_t>(threads));
        std::atomic<bool> sound{true};
        pool.run(pieces, [&](int thread, std::int64_t piece) {
          if (thread < 0 || thread >= threads || at_work[static_cast<std::size_t>(thread)]++ != 0) sound = false;
          ++runs[static_cast<std::size_t>(piece)];
          --at_work[static_cast<std::size_t>(thread)];
        });
        CHECK(sound);
        for (auto const& r : runs) CHECK(r == 1);
      }
  }
}

TEST_CASE("which share a thread begins with depends on the numbers of pieces and threads alone") {
  for (int threads : {1, 2, 3, 5})
    for (int pieces : {5, 7, 30}) {
      on_host::thread_pool pool{threads};
      for (int again = 0; again < 5; ++again) {
        std::vector<std::int64_t> first(static_cast<std::size_t>(threads), -1);
        std::atomic<int> begun{0};
        pool.run(pieces, [&](int thread, std::int64_t piece) {
          if (first[static_cast<std::size_t>(thread)] >= 0) return;
          first[static_cast<std::size_t>(thread)] = piece;
          ++begun;
          while (begun < threads) std::this_thread::yield();  // so that nobody is helped before it begins
        });
        for (int t = 0; t < threads; ++t)
          CHECK(first[static_cast<std::size_t>(t)] == (t * pieces + threads - 1) / threads);
      }
    }
}

TEST_CASE("who is done helps: one piece that waits for all others holds up nobody") {
  for (int threads : {2, 3, 4})
    for (std::int64_t waiting = 0; waiting < 12; ++waiting) {
      on_host::thread_pool pool{threads};
      std::atomic<int> ran{0};
      pool.run(12, [&](int, std::int64_t piece) {
        for (auto const begin = std::chrono::steady_clock::now(); piece == waiting && ran < 11;) {
          std::this_thread::yield();
          if (std::chrono::steady_clock::now() - begin > std::chrono::seconds{20}) return;
        }
        ++ran;
      });
      CHECK(ran == 12);
    }
}

TEST_CASE("all threads take part where a piece waits for the others") {
  on_host::thread_pool pool{3};
  std::atomic<int> there{0};
  pool.run(3, [&](int, std::int64_t) {
    ++there;
    while (there < 3) std::this_thread::yield();
  });
  CHECK(there == 3);
}

TEST_CASE("a piece may share out work of its own: it runs there, on the same thread") {
  for (int threads : {1, 2, 4}) {
    on_host::thread_pool pool{threads};
    std::atomic<int> inner{0}, elsewhere{0};
    pool.run(7, [&](int outer, std::int64_t) {
      auto const id = std::this_thread::get_id();
      pool.run(11, [&](int thread, std::int64_t) {
        ++inner;
        elsewhere += thread != outer || std::this_thread::get_id() != id;
      });
    });
    CHECK(inner == 77);
    CHECK(elsewhere == 0);
  }
}

TEST_CASE("two pools may call each other from their pieces") {
  for (int threads : {1, 2, 3}) {
    on_host::thread_pool a{threads}, b{threads};
    std::atomic<int> innermost{0};
    a.run(5, [&](int outer, std::int64_t) {
      b.run(3, [&](int, std::int64_t) {
        a.run(2, [&](int thread, std::int64_t) { innermost += thread == outer; });
      });
    });
    CHECK(innermost == 30);
  }
}

TEST_CASE("an exception of a piece arrives at the caller, and the pool goes on") {
  for (int threads : {1, 2, 4}) {
    on_host::thread_pool pool{threads};
    for (int again = 0; again < 20; ++again) {
      std::string said;
      std::atomic<int> ran{0};
      try {
        pool.run(100, [&](int, std::int64_t piece) {
          ++ran;
          if (piece % 10 == 3) throw std::runtime_error("piece " + std::to_string(piece));
        });
      } catch (std::runtime_error const& e) {
        said = e.what();
      }
      CHECK(said.substr(0, 6) == "piece ");
      CHECK(ran >= 4);
      std::atomic<int> after{0};
      pool.run(50, [&](int, std::int64_t) { ++after; });
      CHECK(after == 50);
    }
    // From a piece within a piece as well.
    CHECK_THROWS_AS(pool.run(4,
                             [&](int, std::int64_t) {
                               pool.run(4, [](int, std::int64_t piece) {
                                 if (piece == 2) throw std::logic_error("inner");
                               });
                             }),
                    std::logic_error);
  }
}

TEST_CASE("callers on several threads take turns") {
  on_host::thread_pool pool{3};
  std::atomic<int> at_work{0}, both{0}, ran{0};
  auto const call = [&] {
    for (int i = 0; i < 200; ++i) {
      std::atomic<int> mine{0};
      pool.run(4, [&](int thread, std::int64_t) {
        if (thread == 0) {
          if (at_work++ != 0) ++both;
          --at_work;
        }
        ++mine;
      });
      if (mine == 4) ++ran;
    }
  };
  std::thread other{call};
  call();
  other.join();
  CHECK(ran == 400);
  CHECK(both == 0);
}

TEST_CASE("the pool is the for_each of the generic algorithms") {
  on_host::thread_pool pool{2};
  std::vector<int> squares(30);
  pool(30, [&](std::int64_t i) { squares[static_cast<std::size_t>(i)] = static_cast<int>(i * i); });
  for (int i = 0; i < 30; ++i) CHECK(squares[static_cast<std::size_t>(i)] == i * i);
}

TEST_CASE("no number of threads is one for each core") { CHECK(on_host::thread_pool{}.size() >= 1); }
