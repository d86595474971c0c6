// The hook between the training loop and whatever keeps its checkpoints.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <oxbow/core/training_state.hpp>

namespace oxbow {

/// Anything with save(training_state const&) and load_newest() → std::optional<training_state>
/// converts to this, for example io's `checkpoints`; training itself knows no files.
class checkpoint_store {
 public:
  checkpoint_store() = default;

  template <class Store>
  requires requires(Store store, training_state const& state) {
    store.save(state);
    std::optional<training_state>{store.load_newest()};
  }
  checkpoint_store(Store store) : self_{std::make_shared<holder<Store>>(std::move(store))} {}

  explicit operator bool() const { return self_ != nullptr; }

  /// Returns how to speak of the checkpoint: its path where `save` returns one, else its step.
  std::string save(training_state const& state) const { return self_->save(state); }
  std::optional<training_state> load_newest() const { return self_->load_newest(); }

 private:
  struct interface {
    virtual ~interface() = default;
    virtual std::string save(training_state const& state) = 0;
    virtual std::optional<training_state> load_newest() = 0;
  };
  template <class Store> struct holder final : interface {
    explicit holder(Store s) : store{std::move(s)} {}
    std::string save(training_state const& state) override {
      if constexpr (requires { std::string{store.save(state).string()}; }) {
        return store.save(state).string();
      } else {
        store.save(state);
        return "that of step " + std::to_string(state.step);
      }
    }
    std::optional<training_state> load_newest() override { return store.load_newest(); }
    Store store;
  };
  std::shared_ptr<interface> self_;
};

}  // namespace oxbow
