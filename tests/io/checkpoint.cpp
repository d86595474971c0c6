#include <poll.h>
#include <sys/wait.h>
#include <oxbow/core/random.hpp>
#include <oxbow/io/checkpoint.hpp>

#include <bit>
#include <csignal>
#include <thread>

#include "files.hpp"

using namespace oxbow;

namespace {

/// A state whose every number follows from its step, NaNs with payload among them.
training_state state_at(std::uint64_t step, std::size_t size = 12) {
  training_state state;
  state.schema = 0xFEDCBA9876543210u;
  state.step = step;
  state.seed = ~step;
  random_stream const random{step, purpose::noise};
  for (std::size_t i = 0; i < size; ++i) state.parameters.push_back(std::bit_cast<float>(random.word(i)));
  state.optimizer = {std::vector<float>(state.parameters.rbegin(), state.parameters.rend()), {}, {1.f}};
  state.optimizer_name = "adam w \"quoted\" ü";
  state.set_figure("best score", 0.1 * static_cast<double>(step));
  state.set_figure("loss", std::bit_cast<double>(0x7FF8000000000123u));
  return state;
}

template <class T> bool same_bits(std::vector<T> const& a, std::vector<T> const& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

bool same_bits(training_state const& a, training_state const& b) {
  bool same = a.schema == b.schema && a.step == b.step && a.seed == b.seed && a.optimizer_name == b.optimizer_name &&
              same_bits(a.parameters, b.parameters) && a.optimizer.size() == b.optimizer.size() &&
              a.extra.size() == b.extra.size();
  for (std::size_t i = 0; same && i < a.optimizer.size(); ++i) same = same_bits(a.optimizer[i], b.optimizer[i]);
  for (std::size_t i = 0; same && i < a.extra.size(); ++i)
    same = a.extra[i].first == b.extra[i].first &&
           std::bit_cast<std::uint64_t>(a.extra[i].second) == std::bit_cast<std::uint64_t>(b.extra[i].second);
  return same;
}

}  // namespace

TEST_CASE("a state comes back with the same bits") {
  test::folder const folder;
  checkpoints store{folder / "run/checkpoints"};
  CHECK_FALSE(store.load_newest().has_value());
  auto const state = state_at(17, 1000);
  auto const path = store.save(state);
  CHECK(path.filename() == "00000001-last-17.safetensors");
  CHECK(same_bits(store.load(path), state));
  CHECK(same_bits(store.load_newest().value(), state));
  training_state const empty;
  store.save(empty);
  CHECK(same_bits(store.load_newest().value(), empty));
}

TEST_CASE("the newest is the one saved last, and each tag keeps its own") {
  test::folder const folder;
  checkpoints store{folder.path, 2};
  for (std::uint64_t const step : {100u, 200u, 300u}) store.save(state_at(step));
  store.save(state_at(250), "best");
  CHECK(store.load_newest()->step == 250);  // of any tag
  store.save(state_at(260), "best");
  store.save(state_at(50));  // the run went back
  CHECK(store.load_newest()->step == 50);
  std::vector<std::string> names;
  for (auto const& path : store.paths()) names.push_back(path.filename());
  CHECK(names == std::vector<std::string>{"00000006-last-50.safetensors", "00000005-best-260.safetensors",
                                          "00000004-best-250.safetensors", "00000003-last-300.safetensors"});
  CHECK_SENTENCE(store.save(state_at(1), "a/b"), "a/b", "letters, digits and _");
  CHECK_SENTENCE(store.save(state_at(1), ""), "tag");
  CHECK_SENTENCE(checkpoints(folder.path, 0), "at least one");
}

TEST_CASE("other files in the folder are left alone, leftovers of killed saves are not") {
  test::folder const folder;
  for (auto const* name : {"notes.txt", "weights.safetensors", "9-last-x.safetensors", "a-b-3.safetensors.partial",
                           "99999999999999999999999-last-1.safetensors"})
    test::put(folder / name, "mine");
  test::put(folder / "00000009-last-1.safetensors.77-0.partial", "torn");
  checkpoints store{folder.path, 1};
  store.save(state_at(1));
  store.save(state_at(2));
  CHECK(test::files_in(folder.path) == 6);
  CHECK_FALSE(std::filesystem::exists(folder / "00000009-last-1.safetensors.77-0.partial"));
  CHECK(test::contents(folder / "notes.txt") == "mine");
  CHECK(store.load_newest()->step == 2);
}

TEST_CASE("every flipped bit and every lost byte is found, and the checkpoint before is used") {
  test::folder const folder;
  std::string said;
  checkpoints store{folder.path, 2, [&](std::string const& sentence) { said = sentence; }};
  store.save(state_at(1));
  auto const newest = store.save(state_at(2));
  auto const good = test::contents(newest);
  auto const falls_back = [&](std::string const& bad) {
    test::put(newest, bad);
    said.clear();
    auto const state = store.load_newest();
    return state && same_bits(*state, state_at(1)) && test::contains(said, newest.string()) &&
           test::contains(said, "Trying the checkpoint before it");
  };
  int missed = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1 << i % 8);
    missed += !falls_back(bad);
    missed += !falls_back(good.substr(0, i));
  }
  missed += !falls_back(good + '\0');
  missed += !falls_back(std::string(good.size(), '\0'));
  CHECK(missed == 0);
  test::put(newest, good);
  CHECK(same_bits(store.load_newest().value(), state_at(2)));
  test::put(newest, good.substr(0, 100));
  std::filesystem::remove(store.paths().back());
  CHECK_FALSE(store.load_newest().has_value());
  CHECK_SENTENCE(store.load(newest), newest.string());
  store.save(state_at(3));  // goes on after the damaged one
  CHECK(store.load_newest()->step == 3);
}

TEST_CASE("a safetensors file that is no checkpoint says so") {
  test::folder const folder;
  write_safetensors(folder / "w", {});
  CHECK_SENTENCE(checkpoints(folder.path).load(folder / "w"), "w: is not a checkpoint");
  CHECK_SENTENCE(checkpoints(folder.path).load(folder / "absent"), "No such file");
  test::put(folder / "file", "");
  CHECK_SENTENCE(checkpoints(folder / "file").save({}), "file");
}

TEST_CASE("a save that the disk refuses throws and the newest stays") {
  test::folder const folder;
  checkpoints store{folder.path};
  store.save(state_at(1));
  std::filesystem::path const next = folder / "00000002-last-2.safetensors";
  std::filesystem::create_directories(next / "in the way");
  CHECK_SENTENCE(detail::write_checkpoint(next, state_at(2)), "cannot be given its name");
  CHECK(test::files_in(folder.path) == 2);
  CHECK(store.load_newest()->step == 1);
}

TEST_CASE("a reader beside a writer always gets a whole state, never an older one") {
  test::folder const folder;
  checkpoints store{folder.path, 1};
  store.save(state_at(1));
  std::atomic<std::uint64_t> saved{1};
  std::atomic<bool> done{false};
  std::thread writer{[&] {
    for (std::uint64_t step = 2; step <= 60; ++step) {
      checkpoints{folder.path, 1}.save(state_at(step, 5000));
      saved = step;
    }
    done = true;
  }};
  int wrong = 0, reads = 0;
  for (std::uint64_t before = 1; !done; ++reads) {
    std::uint64_t const at_least = saved;
    auto const state = checkpoints{folder.path}.load_newest();
    bool const whole = state && (state->step == 1 || same_bits(*state, state_at(state->step, 5000)));
    wrong += !whole || state->step < before || state->step < at_least;
    if (state) before = state->step;
  }
  writer.join();
  CHECK(reads > 0);
  CHECK(wrong == 0);
}

TEST_CASE("kill -9 at any moment leaves a valid checkpoint, never older than the last completed save") {
  test::folder const folder;
  constexpr std::size_t size = 100'000;
  constexpr int kills = 60;
  random_stream const random{2024, purpose::noise};
  std::uint64_t completed = 0;
  int torn = 0, wrong = 0;
  for (int kill = 0; kill < kills; ++kill) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    pid_t const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {  // goes on from the newest and tells of each save that has returned
      checkpoints store{folder.path, 2};
      auto const from = store.load_newest();
      for (std::uint64_t step = from ? from->step + 1 : 1;; ++step) {
        store.save(state_at(step, size));
        if (::write(pipe[1], &step, sizeof step) != sizeof step) ::_exit(1);
      }
    }
    ::close(pipe[1]);
    // Every other child dies after its first save, at a random moment of the next ones; the rest anywhere.
    pollfd ready{pipe[0], POLLIN, 0};
    if (kill % 2 == 0) ::poll(&ready, 1, 60'000);
    ::usleep(random.below(static_cast<std::uint64_t>(kill), 20'000));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    for (std::uint64_t step = 0; ::read(pipe[0], &step, sizeof step) == sizeof step;) completed = step;
    ::close(pipe[0]);
    for (auto const& entry : std::filesystem::directory_iterator{folder.path})
      torn += entry.path().extension() == partial_suffix;
    bool complained = false;
    auto const state = checkpoints{folder.path, 2, [&](auto const&) { complained = true; }}.load_newest();
    // The save under way at the kill may have got its name already.
    bool const fresh = state ? state->step == completed || state->step == completed + 1 : completed == 0;
    wrong += !fresh || complained || (state && !same_bits(*state, state_at(state->step, size)));
    if (state) completed = state->step;
  }
  CHECK(wrong == 0);
  CHECK(completed >= kills / 2);
  MESSAGE(kills, " kills, ", torn, " of them in the middle of a write, ", completed, " saves");
}
