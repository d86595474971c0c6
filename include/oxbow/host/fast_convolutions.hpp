// The ops of a step that Winograd's algorithm does, with what it does besides on the way.
#pragma once
#include <oxbow/host/merge.hpp>
#include <oxbow/host/stored_results.hpp>
#include <oxbow/host/winograd/convolve.hpp>

namespace oxbow::on_host {

/// A step's convolutions by tiles, on patches or from what is stored to what is stored.
/// Most: the largest tile, of 3 × 3 weights, that a step may have been given
class fast_convolutions : public stored_results {
 public:
  using stored_results::stored_results;

 protected:
  box next_tile_{};  ///< that this thread is likely to run after this one, or empty

  /// The anchor, op I, if the step was prepared for it. The activation behind it is applied on the way.
  template <form Form, int I, class Arch, int Most> bool fast_convolve(convolution const& c, patch const& y) {
    return with_tile<Most>(s_.fast[I], [&]<int Tile>() {
      if constexpr (Tile % 2 == 0) convolve_tiles<Form, I, Arch, Tile>(c, y);
    });
  }

  /// An up-convolution and its part of the convolution that it is merged with (merge.hpp), if it is.
  template <class Arch, int Most> bool merged_convolve() {
    return with_tile<Most>(s_.fast[0], [&]<int Tile>() {
      if constexpr (Tile % 2 != 0) make_phases<Arch, Tile>();
    });
  }

 private:
  static constexpr function const* plain = &function_of<identity>::self;

  /// A box and the memory that it needs.
  template <class Arch, int Tile> struct work {
    winograd_box<Arch, Tile> box;
    float *v, *m, *gathered, *u;
  };
  template <class Arch, int Tile> work<Arch, Tile> begin(int i, extent size, tile_grid const& grid) {
    winograd_box<Arch, Tile> const of{size, at(i).in_channels, at(i).out_channels, s_.by_panel};
    bool const stored = at(i).in[0].made == none;
    float *const v = take_floats(of.input_floats()), *const m = take_floats(of.product_floats()),
                 *const gathered = take_floats(stored ? grid.gathered_floats() : 0);
    return {of, v, m, gathered, s_.by_panel ? take_floats(of.weight_floats()) : nullptr};
  }

  /// The tiles that a box of a convolution's outputs is made of, and what they read.
  template <int Tile> static tile_grid grid_of(convolution const& c, box out) {
    out = whole_tiles(out, Tile);
    extent const from = input_box(c, out).origin;
    return grid_of<Tile>(box{from, out.size});
  }
  template <int Tile> static tile_grid grid_of(box const& b) {
    return {b.origin.height,      b.origin.width, b.size.height / Tile, b.size.width / Tile, Tile,
            winograd<Tile>::size};
  }

  /// Transforms what tiles see of an op's stored input.
  template <class Arch, int Tile>
  void transform_stored(int i, work<Arch, Tile> const& w, tile_grid const& grid) const {
    instruction const& o = at(i);
    for (int b = 0; b < layout::blocks(o.in_channels); ++b)
      block_of_tiles{s_.operands + o.in[0].first, o.in[0].count, o.in_channels, b, c_->arena, w.gathered}.for_each_part(
          grid, [&](block_view const& part, int row, int column, int rows, int columns) {
            w.box.transform(b, part, row, column, rows, columns, w.v);
          });
  }
  /// What tiles will see of it.
  grid_ahead ahead(int i, tile_grid const& grid) const {
    source const& from = at(i).in[0];
    int const channels = at(i).in_channels;
    return {s_.operands + from.first, from.count, channels, 0, layout::blocks(channels), grid, c_->arena};
  }

  /// Where a box finds the weights of op i.
  template <class Arch> box_weights box_weights_of(int i, float* transformed) const {
    box_weights w{.packed = weights(i), .transformed = transformed};
    if (s_.packs_in_boxes) {
      int const parameter = at(i).parameter;
      w.raw = c_->parameter_at(parameter), w.use = weights_of(at(i), c_->table);
      w.first_panel = s_.first_channel[i] / packed_weights<Arch>::panel;
    }
    return w;
  }

  template <form Form, int I, class Arch, int Tile> void convolve_tiles(convolution const& c, patch const& y) {
    instruction const& o = at(I);
    tile_grid const grid = grid_of<Tile>(c, y.where);
    work<Arch, Tile> const w = begin<Arch, Tile>(I, whole_tiles(y.where, Tile).size, grid);
    if (measuring()) return;
    if (o.in[0].made == none) {
      transform_stored(I, w, grid);
    } else {
      patch const& x = made_[o.in[0].made];
      for (int b = 0; b < layout::blocks(o.in_channels); ++b)
        w.box.transform(b,
                        {x.at(b, 0, grid.top - x.where.origin.height, grid.left - x.where.origin.width),
                         std::ptrdiff_t{x.where.size.width} * layout::block},
                        0, 0, w.box.rows(), w.box.columns(), w.v);
    }
    box_result to = y.data != nullptr ? box_result{y} : stored_result(I, y.where);
    if (s_.added != nullptr) to.at = view_of(*s_.added, I, y.where);
    if (!next_tile_.empty() && o.in[0].made == none) to.next = ahead(I, grid_of<Tile>(c, next_tile_));
    auto const multiply = [&]<function const* F, function const* G = plain, also Besides = also::nothing>() {
      w.box.template multiply<F, G, Besides>(w.v, box_weights_of<Arch>(I, w.u), bias(I), w.m, to);
    };
    constexpr auto follows = [](int i, op_kind k) { return i < Form.count && Form.kind(i) == k; };
    if constexpr (follows(I + 1, op_kind::activate)) {
      constexpr function const* f = Form.function_at(I + 1);
      if constexpr (follows(I + 2, op_kind::max_pool))
        if (y.data == nullptr) return multiply.template operator()<f, plain, also::pools>();
      if constexpr (can_add(Form))
        if (s_.added != nullptr && nobody_else_wants(I)) return multiply.template operator()<f, plain, also::adds>();
      if (s_.added == nullptr && nobody_else_wants(I)) return multiply.template operator()<f>();
    } else if constexpr (follows(I + 1, op_kind::activate_grad)) {
      if (y.data == nullptr) return multiply.template operator()<plain, Form.function_at(I + 1)>();
    } else if constexpr (follows(I + 1, op_kind::slice) && follows(I + 2, op_kind::slice) &&
                         follows(I + 3, op_kind::activate_grad)) {
      if (y.data == nullptr) return multiply.template operator()<plain, Form.function_at(I + 3)>();
    }
    if constexpr (can_add(Form))
      if (s_.added != nullptr) return multiply.template operator()<plain, plain, also::adds>();
    multiply.template operator()<plain>();
  }

  template <class Arch, int Tile> void make_phases() {
    extent const stride = at(0).stride;
    auto const phase = [&](box const& out) { return whole_tiles(divided(out, stride), Tile); };
    tile_grid const grid = grid_of<Tile>(phase(box_[0]));
    work<Arch, Tile> const w = begin<Arch, Tile>(0, phase(box_[0]).size, grid);
    if (measuring()) return;
    transform_stored(0, w, grid);
    box_result to = stored_phases(0, box_[0], width_of<Arch>);
    if (!next_tile_.empty()) to.next = ahead(0, grid_of<Tile>(phase(next_tile_)));
    w.box.template multiply<plain>(w.v, box_weights_of<Arch>(0, w.u), bias(0), w.m, to);
  }
};

}  // namespace oxbow::on_host
