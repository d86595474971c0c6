// A step on some of its anchor's output channels: where tiles are few, threads share out the channels as well.
#pragma once
#include <algorithm>
#include <vector>

#include <oxbow/host/step_context.hpp>

namespace oxbow::on_host {
namespace detail {

/// Does the op make each channel of the same one alone?
constexpr bool keeps_channels(op_kind k) {
  return k == op_kind::activate || k == op_kind::activate_grad || k == op_kind::add || k == op_kind::drop ||
         k == op_kind::crop || is_pooling(k) || is_pooling_grad(k);
}

/// The first tile that an op works on, or none.
inline int tile_of(instruction const& i) {
  for (source const& from : i.in)
    if (from.made != none) return from.made;
  return none;
}

}  // namespace detail

/// Channels that a share has a multiple of: whole panels of weights that are whole blocks.
inline int share_unit(int panel) { return std::max(panel, layout::block); }

/// Into how many shares the outputs of a step's anchor can be cut: one where an op behind it needs them together.
/// panel: outputs of a panel of packed weights
inline int most_shares(prepared_step const& s, int panel) {
  auto const whole_blocks = [](int channels) { return channels % layout::block == 0; };
  if (!whole_blocks(s.instructions[s.what.anchor].out_channels)) return 1;
  for (int i = s.what.anchor + 1; i < s.what.count; ++i) {
    instruction const& o = s.instructions[i];
    bool const slices = o.kind == op_kind::slice;
    if (!slices && !detail::keeps_channels(o.kind)) return 1;
    if (slices && !(whole_blocks(o.channel) && whole_blocks(o.out_channels))) return 1;
    if (detail::tile_of(o) == none) return 1;
    for (source const& from : o.in)
      if (from.made != none && from.made < s.what.anchor) return 1;
  }
  int const unit = share_unit(panel);
  return (s.instructions[s.what.anchor].out_channels + unit - 1) / unit;
}

/// Share `number` of a step's shares: the same ops on some of the channels, about as many for each share. It is a step
/// of its own; ops before the anchor are done for each share again. panel_floats: from one panel of the anchor's packed
/// weights to the next
class step_share {
 public:
  step_share(prepared_step const& whole, int number, int panel, std::int64_t panel_floats)
      : step_{whole}, anchor_{whole.what.anchor} {
    int const outputs = whole.instructions[anchor_].out_channels, unit = share_unit(panel),
              units = (outputs + unit - 1) / unit;
    auto const edge = [&](int n) { return std::min(n * units / whole.shares * unit, outputs); };
    made_[anchor_] = {edge(number), edge(number + 1) - edge(number)};
    std::copy_n(whole.instructions, whole.what.count, ops_);
    for (int i = 0; i < whole.what.count; ++i) {
      if (i == anchor_) ops_[i].out_channels = made_[i].count;
      if (i > anchor_) follow(i);
      for (source& from : ops_[i].in)
        if (from.made == none && from.count > 0) from = read(whole.operands, i, from);
      for (sink& to : ops_[i].out)
        if (to.operand != none) to.operand = add(from_channel(whole.operands[to.operand], made_[i].first));
      step_.first_channel[i] = made_[i].first;
    }
    if (whole.added != nullptr) added_ = from_channel(*whole.added, made_[anchor_].first), step_.added = &added_;
    step_.instructions = ops_;
    step_.operands = operands_.data();
    step_.biases[anchor_] += made_[anchor_].first;
    step_.weights[anchor_] += made_[anchor_].first / panel * panel_floats;
  }
  step_share(step_share const&) = delete;
  step_share& operator=(step_share const&) = delete;

  prepared_step const& step() const { return step_; }

 private:
  /// Some channels of what an op makes.
  struct range {
    int first = 0, count = 0;
  };

  /// An op behind the anchor makes of the channels that there are what follows from them.
  void follow(int i) {
    instruction& o = ops_[i];
    range const x = made_[detail::tile_of(o)];
    made_[i] = x;
    if (o.kind == op_kind::slice) {
      int const first = std::max(x.first, o.channel), end = std::min(x.first + x.count, o.channel + o.out_channels);
      made_[i] = {std::max(first - o.channel, 0), std::max(end - first, 0)};
      o.channel = std::max(first - x.first, 0);
    }
    if (o.kind != op_kind::drop) o.in_channels = x.count;
    o.out_channels = made_[i].count;
  }

  /// Those of an op's stored operands that it reads: all, or behind the anchor those of its own channels.
  source read(operand const* all, int i, source from) {
    source to{.first = static_cast<int>(operands_.size())};
    range const want = made_[i];
    for (int k = 0, begin = 0; k < from.count; begin += all[from.first + k].count, ++k) {
      operand o = all[from.first + k];
      if (i > anchor_) {
        if (is_pooling_grad(ops_[i].kind)) {  // the places of maxima
          o = from_channel(o, want.first);
        } else {
          int const first = std::max(want.first, begin), end = std::min(want.first + want.count, begin + o.count);
          if (first >= end) continue;
          o.first_channel += first - begin, o.count = end - first;
        }
      }
      add(o);
    }
    to.count = static_cast<int>(operands_.size()) - to.first;
    return to;
  }

  /// The tensor from a whole block of channels on. It keeps its number of channels, by which its lanes are known.
  static operand from_channel(operand o, int channel) {
    o.offset += layout::blocks(channel) * o.size.volume() * layout::pixel_bytes(o.channels, bits_of(o.type));
    return o;
  }
  int add(operand const& o) {
    operands_.push_back(o);
    return static_cast<int>(operands_.size()) - 1;
  }

  prepared_step step_;
  int anchor_;
  instruction ops_[prepared_step::most_ops];
  range made_[prepared_step::most_ops]{};
  std::vector<operand> operands_;
  operand added_{};
};

}  // namespace oxbow::on_host
