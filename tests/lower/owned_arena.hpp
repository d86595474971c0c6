// The arena of a plan whose bytes know what lies in them.
#pragma once
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "plan_runner.hpp"

namespace oxbow::testing {

using ops::pixel;

/// A number for each element that an op of the graph computes. Views compute nothing: an element seen through crops,
/// joins, slices and borders has the number of what is seen. Independent of fusion, placement and plan.
class element_numbers {
 public:
  static constexpr int zero = -1;    ///< what a padding view puts around an image
  static constexpr int nobody = -2;  ///< bytes that hold no element

  explicit element_numbers(flat_graph const& net) : net_{net} {
    std::int64_t next = 0;
    for (auto const& v : net.values) {
      first_.push_back(static_cast<int>(next));
      next += v.count();
    }
    if (next > 2'000'000'000) throw std::runtime_error("element_numbers: the network is too large for the tests.");
  }

  int operator()(int v, int c, pixel p) const {
    for (;;) {
      op const& o = net_.producer(v);
      switch (o.kind) {
        case op_kind::crop:
          p = ops::shifted(p, o.border);
          break;
        case op_kind::pad_zero:
          p = ops::shifted(p, o.border, -1);
          if (!ops::contains(net_.values[o.in[0]].size, p)) return zero;
          break;
        case op_kind::mirror:
          p = ops::mirrored_pixel(p, o.border, net_.values[o.in[0]].size);
          break;
        case op_kind::slice:
          c += o.channel;
          break;
        case op_kind::join: {
          int const split = net_.values[o.in[0]].channels;
          v = c < split ? o.in[0] : o.in[1];
          c -= c < split ? 0 : split;
          continue;
        }
        default: {
          value const& x = net_.values[v];
          return first_[static_cast<std::size_t>(v)] + static_cast<int>(c * x.size.volume() + ops::index(x.size, p));
        }
      }
      v = o.in[0];
    }
  }

 private:
  flat_graph const& net_;
  std::vector<int> first_;
};

/// Memory in which every byte is owned by an element of a value, or by nobody.
///
/// errors  wrong_plan, where a read does not find what it wants, or anything lies outside
class owned_arena {
 public:
  /// Without arithmetic the owners are kept, and no numbers.
  owned_arena(flat_graph const& net, std::int64_t bytes, bool arithmetic)
      : net_{net},
        arithmetic_{arithmetic},
        number_{net},
        // All bits set is a NaN as a float, and no label.
        memory_(static_cast<std::size_t>(bytes), 0xff),
        owner_(memory_.size(), element_numbers::nobody) {}

  /// Stores a value; its whole buffer, padding included, belongs to it from now on.
  void write(operand const& o, int v, tensor const& made) {
    value const& x = net_.values[v];
    if (o.size != x.size || o.channels != x.channels || o.type != x.type || o.first_channel != 0 ||
        o.count != x.channels)
      fail("value " + std::to_string(v) + " is stored as a tensor of another shape.");
    if (o.offset < 0 || o.offset % buffer_alignment != 0 ||
        o.offset + bytes_of(x) > static_cast<std::int64_t>(memory_.size()))
      fail("the buffer of value " + std::to_string(v) + " lies outside the arena.");
    auto const begin = owner_.begin() + o.offset;
    std::fill(begin, begin + bytes_of(x), element_numbers::nobody);
    for (int c = 0; c < x.channels; ++c)
      ops::for_each_pixel(x.size, [&](pixel p) {
        place const at = find(o, c, p);
        if (arithmetic_) save(o, at, made(c, p));
        int const owner = owner_of_byte(o, v, c, p);
        for (int b = 0; b < std::max(1, static_cast<int>(o.type) / 8); ++b)
          owner_[at.byte + static_cast<std::size_t>(b)] = owner;
      });
  }
  void check_stored(operand const& o, int v) const {
    value const& x = net_.values[v];
    for (int c = 0; c < x.channels; ++c)
      ops::for_each_pixel(x.size, [&](pixel p) {
        if (owner_[find(o, c, p).byte] != owner_of_byte(o, v, c, p)) fail("two values that this step writes overlap.");
      });
  }

  /// The whole value v, read through the operands that the plan gives; around it, as far as `margin`, zeros must be
  /// seen.
  tensor read(plan const& steps, source const& from, int v, extent margin) const {
    value const& x = net_.values[v];
    tensor y;
    if (arithmetic_) y = tensor{x.size, x.channels};
    int channel = 0;
    for (int k = from.first; k < from.first + from.count; ++k) {
      operand const& o = steps.operands[k];
      if (o.first_channel < 0 || o.first_channel + o.count > o.channels || channel + o.count > x.channels)
        fail("value " + std::to_string(v) + " is read from channels that are not there.");
      for (int c = 0; c < o.count; ++c, ++channel)
        ops::for_each_pixel(ops::bordered(x.size, margin), [&](pixel wide) {
          pixel const p = ops::shifted(wide, margin, -1);
          float const seen = look(o, v, channel, o.first_channel + c, p, !ops::contains(x.size, p));
          if (arithmetic_ && ops::contains(x.size, p)) y(channel, p) = seen;
        });
    }
    if (channel != x.channels) fail("value " + std::to_string(v) + " is read with too few channels.");
    return y;
  }

 private:
  flat_graph const& net_;
  bool arithmetic_;
  element_numbers number_;
  std::vector<unsigned char> memory_;
  std::vector<int> owner_;

  [[noreturn]] static void fail(std::string const& what) { throw wrong_plan(what); }

  struct place {
    std::size_t byte = 0;
    int bit = 0;
  };
  /// Where an element of a stored tensor lies, by core/layout.hpp.
  place find(operand const& o, int c, pixel p) const {
    int const bits = static_cast<int>(o.type), lane = c % layout::block * bits;
    std::int64_t const pixels = c / layout::block * o.size.volume() + ops::index(o.size, p);
    std::int64_t const byte = o.offset + pixels * layout::pixel_bytes(o.channels, bits) + lane / 8;
    if (byte < 0 || byte + (bits + 7) / 8 > static_cast<std::int64_t>(memory_.size()))
      fail("byte " + std::to_string(byte) + " lies outside the arena.");
    return {static_cast<std::size_t>(byte), lane % 8};
  }

  float load(operand const& o, place at) const {
    if (o.type == element::f32) {
      float x;
      std::memcpy(&x, &memory_[at.byte], sizeof x);
      return x;
    }
    int const bits = static_cast<int>(o.type);
    return static_cast<float>(memory_[at.byte] >> at.bit & ((1 << bits) - 1));
  }
  void save(operand const& o, place at, float x) {
    if (o.type == element::f32) {
      std::memcpy(&memory_[at.byte], &x, sizeof x);
      return;
    }
    int const mask = (1 << static_cast<int>(o.type)) - 1, old = memory_[at.byte];
    memory_[at.byte] = static_cast<unsigned char>((old & ~(mask << at.bit)) | (static_cast<int>(x) & mask) << at.bit);
  }
  /// Elements of less than a byte share their byte's owner: the first of them.
  int owner_of_byte(operand const& o, int v, int c, pixel p) const {
    int const per_byte = std::max(1, 8 / static_cast<int>(o.type));
    return number_(v, c / per_byte * per_byte, p);
  }

  /// What operand o shows at p of value v.
  float look(operand const& o, int v, int channel, int stored_channel, pixel p, bool beyond) const {
    int const wanted = beyond ? element_numbers::zero : number_(v, channel, p);
    pixel q = ops::shifted(p, o.shift);
    bool inside = true;
    for (int a = 0; a < 3; ++a) {
      if (q[a] >= o.low[a] && q[a] < o.high[a]) continue;
      if (o.mirrored && !beyond) q[a] = o.low[a] + mirrored(q[a] - o.low[a], o.high[a] - o.low[a]);
      else inside = false;
    }
    // A zero within the value may also be one that is stored, where a view is a step of its own.
    if (inside ? beyond : wanted != element_numbers::zero)
      fail("value " + std::to_string(v) + " is read " + (inside ? "where zeros belong." : "as zero where it is not."));
    if (!inside) return 0;
    if (!ops::contains(o.size, q)) fail("value " + std::to_string(v) + " is read outside its tensor.");
    place const at = find(o, stored_channel, q);
    if (owner_[at.byte] != (static_cast<int>(o.type) < 8 ? owner_of_byte(o, v, channel, p) : wanted))
      fail("value " + std::to_string(v) + " is read where it does not lie, at " + place_text(p.z, p.y, p.x) + ".");
    return arithmetic_ ? load(o, at) : 0;
  }
};

}  // namespace oxbow::testing
