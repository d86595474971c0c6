// What is stored as it is made, so that no patch has it.
#pragma once
#include <algorithm>

#include <oxbow/host/pool_grad_store.hpp>
#include <oxbow/host/tile_patches.hpp>
#include <oxbow/host/winograd/convolve.hpp>

namespace oxbow::on_host {

/// Where what a fast convolution makes, as a step's anchor, is stored and no more, alone or after the ops behind it: an
/// activation, the gradient of one, the slices of a join's gradient, the first perhaps with the gradient of an
/// activation, or an activation, its maxima and the part of it that a skip keeps. The convolution then does all that,
/// and those ops find a patch without memory. The same for the gradient of a max pooling.
class stored_results : public tile_patches {
 public:
  using tile_patches::tile_patches;

 protected:
  /// Of op i over a box. width: of the vectors
  bool stored_at_once(int i, box where, int width) const {
    int const behind = s_.what.count - 1 - i;
    if (i != s_.what.anchor || s_.fast[i] == 0 || (behind > 0 && !nobody_else_wants(i, behind))) return false;
    auto const in_blocks = [&](sink const& to) { return stored_in_blocks(to, width); };
    auto const whole = [&](int k) {
      return in_blocks(at(k).out[0]) && s_.operands[at(k).out[0].operand].size == at(i).out_size;
    };
    if (is_pooled(i)) {
      instruction const &y = at(i + 1), &most = at(i + 2);
      bool const keeps = is_next(i + 2, op_kind::crop), unread = y.out[0].operand == none;
      if (behind != (keeps ? 3 : 2) || !(most.window == extent{1, 2, 2}) || most.in[0].made != i + 1) return false;
      if (!in_blocks(most.out[0]) || !(unread || whole(i + 1))) return false;
      return !keeps || (unread && at(i + 3).in[0].made == i + 1 && in_blocks(at(i + 3).out[0]));
    }
    auto const looks_at_stored = [&](int k) {
      source const& from = at(k).in[1];
      return from.made == none && from.count == 1 &&
             box_view::stored(s_.operands + from.first, 1, at(k).out_channels, where);
    };
    if (is_sliced(i)) {
      instruction const &a = at(i + 1), &b = at(i + 2);
      bool const masks = is_masked(i);
      return behind == (masks ? 3 : 2) && whole(masks ? i + 3 : i + 1) && whole(i + 2) && b.in[0].made == i &&
             a.channel == 0 && b.channel == a.out_channels && a.out_channels % layout::block == 0 &&
             a.out_channels + b.out_channels == at(i).out_channels &&
             (!masks || (a.out[0].operand == none && looks_at_stored(i + 3)));
    }
    if (behind == 0) return whole(i);
    if (behind > 1 || !whole(i + 1)) return false;
    return is_next(i, op_kind::activate) || (is_next(i, op_kind::activate_grad) && looks_at_stored(i + 1));
  }

  /// Where it is stored.
  box_result stored_result(int i, box where) const {
    box_result y;
    y.size = where.size;
    if (is_pooled(i)) {
      instruction const& most = at(i + 2);
      if (is_next(i + 2, op_kind::crop)) y.to[0] = stored(at(i + 3).out[0], where, at(i + 3).border);
      else if (at(i + 1).out[0].operand != none) y.to[0] = stored(at(i + 1).out[0], where);
      box const pooled{{0, where.origin.height / 2, where.origin.width / 2},
                       {1, where.size.height / 2, where.size.width / 2}};
      y.pooled.to = stored(most.out[0], pooled);
      if (most.out[1].operand != none) {
        operand const& o = s_.operands[most.out[1].operand];
        std::int64_t const pixel = layout::pixel_bytes(o.channels, bits_of(o.type));
        y.pooled.places = c_->arena + o.offset + o.size.index(0, pooled.origin.height, pooled.origin.width) * pixel;
        y.pooled.place_row = o.size.width * pixel, y.pooled.next_place_block = o.size.volume() * pixel;
      }
    } else {
      y.to[0] = stored(at(is_sliced(i) && !is_masked(i) ? i + 1 : s_.what.count - 1).out[0], where);
      if (is_sliced(i)) y.to[1] = stored(at(i + 2).out[0], where), y.second = at(i + 1).out_channels;
    }
    if (is_next(i, op_kind::activate_grad)) y.at = view_of(s_.operands[at(i + 1).in[1].first], i, where);
    if (is_masked(i)) y.at = view_of(s_.operands[at(i + 3).in[1].first], i + 3, where);
    return y;
  }

  /// Where the phases of an enlargement by two, op i, are stored.
  box_result stored_phases(int i, box where, int width) const {
    written_pixels const all = stored(at(i).out[0], where);
    box_result y;
    y.size = {1, where.size.height / 2, where.size.width / 2};
    for (int n = 0; n < 4; ++n)
      y.to[n] = {.data = all.data + n / 2 * all.row + n % 2 * layout::block,
                 .row = 2 * all.row,
                 .next_block = all.next_block,
                 .streams = all.streams && width == layout::block,
                 .bottom = y.size.height,
                 .right = y.size.width};
    return y;
  }

  /// Is the gradient of a max pooling, op i, stored at once with what follows: perhaps a sum, perhaps the gradient of
  /// an activation, and no more? Volumes have other windows.
  bool pool_grad_stored_at_once(int i) const {
    int const last = s_.what.count - 1;
    instruction const& o = at(i);
    bool const flat = o.out_size.depth == 1 && o.window == extent{1, 2, 2};
    if (o.in[0].made == none || !flat || o.out_channels % layout::block != 0) return false;
    int k = i;
    for (op_kind const next : {op_kind::add, op_kind::activate_grad}) {
      if (!is_next(k, next)) continue;
      source const &a = at(k + 1).in[0], &b = at(k + 1).in[1], &other = a.made == k ? b : a;
      if ((a.made != k && (b.made != k || next != op_kind::add)) || other.made != none) return false;
      operand const* const x = s_.operands + other.first;
      bool const seen = next == op_kind::add
                            ? lies_in_blocks(x, other.count, o.out_channels)
                            : other.count == 1 && box_view::stored(x, 1, o.out_channels, {{0, 0, 0}, o.out_size});
      if (at(k).out[0].operand != none || !seen) return false;
      ++k;
    }
    return k == last && stored_in_blocks(at(k).out[0], layout::block) &&
           s_.operands[at(k).out[0].operand].size == o.out_size;
  }
  pool_grad_rest rest_of_pool_grad(int i) const {
    pool_grad_rest rest{.out = s_.operands + at(s_.what.count - 1).out[0].operand, .channels = at(i).out_channels};
    if (is_next(i, op_kind::add)) {
      source const& other = at(i + 1).in[at(i + 1).in[0].made == i];
      rest.added = s_.operands + other.first, rest.added_count = other.count;
    }
    if (at(s_.what.count - 1).kind == op_kind::activate_grad)
      rest.at = s_.operands + at(s_.what.count - 1).in[1].first;
    return rest;
  }

  /// A tensor of op i's channels, from a box's first pixel on.
  block_view view_of(operand const& o, int i, box where) const {
    extent const& from = where.origin;
    return {stored_block::find(&o, 1, at(i).out_channels, 0).at(c_->arena, from.depth, from.height, from.width), row(o),
            block(o)};
  }

  /// Does nobody want what op i makes but the op that follows, or as many?
  bool nobody_else_wants(int i, int followers = 1) const {
    return at(i + 1).in[0].made == i && at(i).out[0].operand == none && !read_after(i, i + followers);
  }

 private:
  bool stored_in_blocks(sink const& to, int width) const {
    if (to.operand == none) return false;
    operand const& o = s_.operands[to.operand];
    return layout::lanes(o.channels) == layout::block && (width == layout::block || !is_streamed(o));
  }
  bool is_next(int i, op_kind k) const { return i + 1 < s_.what.count && at(i + 1).kind == k; }
  bool is_sliced(int i) const { return is_next(i, op_kind::slice) && is_next(i + 1, op_kind::slice); }
  /// And is the first slice behind an activation whose gradient follows?
  bool is_masked(int i) const {
    return is_sliced(i) && is_next(i + 2, op_kind::activate_grad) && at(i + 3).in[0].made == i + 1;
  }
  bool is_pooled(int i) const { return is_next(i, op_kind::activate) && is_next(i + 1, op_kind::max_pool); }

  static std::ptrdiff_t row(operand const& o) { return std::ptrdiff_t{o.size.width} * layout::block; }
  static std::ptrdiff_t block(operand const& o) { return std::ptrdiff_t{o.size.volume()} * layout::block; }

  /// The pixels of a box that a tensor has, which begins `border` pixels within the value.
  written_pixels stored(sink const& to, box where, extent border = {0, 0, 0}) const {
    operand const& o = s_.operands[to.operand];
    extent from = where.origin;
    for (int a = 0; a < 3; ++a) from[a] -= border[a];
    auto const last = [&](int a) { return std::min(where.size[a], o.size[a] - from[a]); };
    return {.data = reinterpret_cast<float*>(c_->arena + o.offset) +
                    o.size.index(from.depth, from.height, from.width) * layout::block,
            .row = row(o),
            .next_block = block(o),
            .streams = is_streamed(o),
            .top = std::max(0, -from.height),
            .left = std::max(0, -from.width),
            .bottom = last(1),
            .right = last(2)};
  }
};

}  // namespace oxbow::on_host
