// The patches that the ops of a step make of one tile.
#pragma once
#include <oxbow/host/box_view.hpp>
#include <oxbow/host/patch_moves.hpp>
#include <oxbow/host/step_context.hpp>

namespace oxbow::on_host {

/// Where the ops of a step find what they read, and lay out what they make. Without a context nothing is read or
/// stored: the scratch is laid out, to learn how much of it there must be.
class tile_patches {
 public:
  tile_patches(prepared_step const& s, run_context const* c, float* scratch)
      : s_{s}, c_{c}, next_{scratch}, begin_{scratch} {}

  /// Floats of scratch that have been laid out.
  std::int64_t used() const { return next_ - begin_; }

 protected:
  bool measuring() const { return c_ == nullptr; }
  instruction const& at(int i) const { return s_.instructions[i]; }

  float* take_floats(std::int64_t count) {
    float* const p = next_;
    next_ += (count + 15) / 16 * 16;
    return p;
  }
  patch take(box where, int channels) {
    return patch::over(take_floats(patch::floats(where.size, channels)), where, channels);
  }

  /// Input k of op i over a box: the patch that was made, or a new one with what is stored.
  patch input(int i, int k, box where, int channels) {
    source const& from = at(i).in[k];
    if (from.made != none) return made_[from.made];
    patch const p = take(where, channels);
    if (!measuring()) gather(p, s_.operands + from.first, from.count, c_->arena);
    return p;
  }
  /// The same, to be read once.
  box_view seen(int i, int k, box where, int channels) {
    source const& from = at(i).in[k];
    operand const* const operands = s_.operands + from.first;
    if (from.made == none && box_view::stored(operands, from.count, channels, where))
      return {operands, from.count, channels, where, measuring() ? nullptr : c_->arena};
    return input(i, k, where, channels);
  }
  /// A patch that op i may overwrite with its result: its input k, unless somebody reads that later.
  patch overwritable(int i, int k, box where, int channels) {
    patch const x = input(i, k, where, channels);
    int const m = at(i).in[k].made;
    if (m == none || !(read_after(m, i) || (alias_of_[m] != none && read_after(alias_of_[m], i)))) return x;
    patch const copy = take(x.where, channels);
    if (!measuring()) on_host::copy(x, copy);
    return copy;
  }
  /// Does an op after i read what m made, or a part of it?
  bool read_after(int m, int i) const {
    for (int j = i + 1; j < s_.what.count; ++j)
      for (source const& from : at(j).in)
        if (from.made != none && (from.made == m || alias_of_[from.made] == m)) return true;
    return false;
  }

  /// y: without memory if it is stored already
  void finish(int i, patch const& y) {
    made_[i] = y, box_[i] = y.where;
    if (measuring() || y.data == nullptr || at(i).out[0].operand == none) return;
    store(y, s_.operands[at(i).out[0].operand], c_->arena);
  }

  float const* weights(int i) const { return c_->packed + s_.weights[i]; }
  float const* bias(int i) const { return c_->packed + s_.biases[i]; }

  /// A tensor of one pixel: its channels lie side by side.
  float const* stored_floats(source const& from) const {
    return reinterpret_cast<float const*>(c_->arena + s_.operands[from.first].offset);
  }

  prepared_step const& s_;
  run_context const* c_;
  float *next_, *begin_;
  box box_[prepared_step::most_ops]{};
  patch made_[prepared_step::most_ops]{};
  int alias_of_[prepared_step::most_ops] = {none, none, none, none, none, none, none, none, none, none, none, none};
};

}  // namespace oxbow::on_host
