// The plan: what a back end runs, in order, in one arena. Flat arrays of scalars.
#pragma once
#include <oxbow/core/real.hpp>
#include <oxbow/lower/place.hpp>

namespace oxbow {

/// How a step sees one stored tensor. The pixel at p of what is read lies at p + shift in the tensor.
/// Where that is outside the box [low, high), the value is zero, or mirrored at the box's edge pixels.
struct operand {
  std::int64_t offset = 0;          ///< bytes, in the arena; of a gradient, elements in the gradient arena
  extent size{};                    ///< of the stored tensor
  int channels = 0;                 ///< of the stored tensor
  element type = element::f32;
  int first_channel = 0, count = 0; ///< the channels that are seen
  extent shift{0, 0, 0}, low{0, 0, 0}, high{};
  bool mirrored = false;
  bool octets = false;              ///< in memory as layout_of_octets says; else as layout does
};

/// Where an op's input comes from: a tile made earlier in the step, or stored tensors, one after the
/// other along the channels.
struct source {
  int made = none;                  ///< position, in the step, of the instruction that made it
  int which = 0;                    ///< its first or second output
  int first = 0, count = 0;         ///< positions in plan::operands
};

/// Where an op's output goes besides the tile: a stored tensor, or nowhere.
struct sink {
  int operand = none;               ///< position in plan::operands
  bool to_gradients = false;
};

/// One op of a step, with everything that a kernel needs to know at run time.
struct instruction {
  op_kind kind = op_kind::image;
  int op = none;                    ///< position in the graph
  extent window{}, stride{}, dilation{}, border{0, 0, 0};
  extent in_size{}, out_size{};
  int in_channels = 0, out_channels = 0;
  int groups = 0, channel = 0;
  bool linear = false, running = false;
  float rate = 0;
  function const* f = nullptr;
  loss_function const* loss = nullptr;
  int parameter = none;             ///< the first of its tensors, in the graph's table of parameters
  int folded = none;                ///< the first of the batch norm that its weights absorb
  source in[4]{};
  sink out[2]{};
};

/// What a kernel is specialised by: the ops and their functions, no sizes and no addresses. Scalars
/// only. Steps with equal forms share one instantiation.
struct form {
  std::uint64_t kinds = 0;          ///< the ops in order, six bits each, the first one lowest
  int count = 0;
  int anchor = 0;                   ///< position of the op that the step was made for
  // Never null: nvcc 13.0 leaves a null pointer out when it spells a template argument, and the rest shifts.
  function const* f0 = &function_of<identity>::self;   ///< activations and masks, in order
  function const* f1 = &function_of<identity>::self;
  function const* f2 = &function_of<identity>::self;
  function const* f3 = &function_of<identity>::self;

  constexpr op_kind kind(int i) const { return static_cast<op_kind>(kinds >> 6 * i & 63); }
  /// That which op i applies, an activation or a mask.
  constexpr function const* function_at(int i) const { return form{*this}.function_at(i); }
  constexpr function const*& function_at(int i) {
    // By number: whether two of these addresses are equal is no constant for a compiler that looks for null pointers.
    int before = 0;
    for (int k = 0; k < i; ++k) before += kind(k) == op_kind::activate || kind(k) == op_kind::activate_grad;
    return before == 0 ? f0 : before == 1 ? f1 : before == 2 ? f2 : f3;
  }
  friend constexpr bool operator==(form const&, form const&) = default;
};

struct plan_step {
  form what{};
  int first = 0, count = 0;         ///< positions in plan::instructions
  std::int64_t multiply_adds = 0, bytes_read = 0, bytes_written = 0;
};

struct plan {
  list<plan_step, limits::ops> steps{};
  list<instruction, limits::ops> instructions{};
  list<operand, 3 * limits::ops> operands{};
  std::int64_t peak_bytes = 0, bound_bytes = 0;
  int image = none, labels = none, weights = none;   ///< positions in operands: what the caller writes
  int output = none;                                 ///< what the caller reads

  constexpr std::int64_t multiply_adds() const {
    std::int64_t sum = 0;
    for (auto const& s : steps) sum += s.multiply_adds;
    return sum;
  }
};

namespace detail {

struct planner {
  fused_graph const& g;
  placement const& placed;
  plan result{};
  list<int, limits::ops> position_of{};    ///< of each op, in its step

  constexpr planner(fused_graph const& g, placement const& p) : g{g}, placed{p} {
    position_of.resize(g.net.ops.size(), none);
  }

  constexpr operand whole(int v) const {
    value const& x = g.net.values[v];
    operand o{.size = x.size, .channels = x.channels, .type = x.type, .count = x.channels, .high = x.size,
              .octets = x.octets};
    if (placed.buffer_of[v] != none) o.offset = placed.buffers[placed.buffer_of[v]].offset;
    return o;
  }

  /// Appends the tensors that a read of v touches, seen through `view`: what lies between v and the reader.
  constexpr void resolve(int v, operand view, bool first_view, source& to, plan_step& step) {
    if (g.stored[v]) {
      operand o = whole(v);
      o.first_channel = view.first_channel, o.count = view.count, o.shift = view.shift, o.mirrored = view.mirrored;
      if (!first_view) o.low = view.low, o.high = view.high;
      if (to.count == 0) to.first = result.operands.size();
      ++to.count;
      result.operands.push(o);
      step.bytes_read += bytes_of(g.net.values[v]);
      return;
    }
    op const& p = g.net.producer(v);
    if (p.kind == op_kind::join) {
      int const split = g.net.values[p.in[0]].channels, end = view.first_channel + view.count;
      for (int side = 0; side < 2; ++side) {
        operand part = view;
        int const low = side == 0 ? 0 : split, high = side == 0 ? split : split + g.net.values[p.in[1]].channels;
        int const from = view.first_channel > low ? view.first_channel : low, to_channel = end < high ? end : high;
        part.first_channel = from - low, part.count = to_channel - from;
        if (part.count > 0) resolve(p.in[side], part, first_view, to, step);
      }
      return;
    }
    // crop, pad_zero, mirror, slice: compose with what has been seen so far, from the reader inwards
    extent const size = g.net.values[p.in[0]].size;
    int const sign = p.kind == op_kind::crop ? 1 : p.kind == op_kind::slice ? 0 : -1;
    for (int a = 0; a < 3; ++a) {
      int const by = sign * p.border[a];
      view.shift[a] += by;
      if (p.kind == op_kind::crop) {           // beyond the crop nothing is seen, even where the tensor goes on
        view.low[a] = (first_view ? 0 : view.low[a]) + by;
        view.high[a] = (first_view ? g.net.values[v].size[a] : view.high[a]) + by;
      } else if (p.kind == op_kind::slice) {
        if (first_view) view.low[a] = 0, view.high[a] = size[a];
      } else {
        int const low = first_view ? 0 : view.low[a] + by, high = first_view ? size[a] : view.high[a] + by;
        view.low[a] = low > 0 ? low : 0, view.high[a] = high < size[a] ? high : size[a];
      }
    }
    if (p.kind == op_kind::mirror) view.mirrored = true;
    if (p.kind == op_kind::slice) view.first_channel += p.channel;
    resolve(p.in[0], view, false, to, step);
  }

  constexpr source read(int v, int s, plan_step& step) {
    source result_;
    int const producer = g.net.values[v].producer;
    if (g.step_of[producer] == s) {
      result_.made = position_of[producer];
      result_.which = g.net.ops[producer].out[1] == v;
      return result_;
    }
    resolve(v, {.count = g.net.values[v].channels}, true, result_, step);
    return result_;
  }

  constexpr void add(int i, plan_step& step) {
    op const& o = g.net.ops[i];
    value const& in = g.net.values[o.in[0]];
    value const& out = g.net.values[o.out[0]];
    int const s = g.step_of[i];
    instruction x{.kind = o.kind,
                  .op = i,
                  .window = o.window,
                  .stride = o.stride,
                  .dilation = o.dilation,
                  .border = o.border,
                  .in_size = in.size,
                  .out_size = out.size,
                  .in_channels = in.channels,
                  .out_channels = out.channels,
                  .groups = o.groups,
                  .channel = o.channel,
                  .linear = o.linear,
                  .running = o.running,
                  .rate = o.rate,
                  .f = o.f,
                  .loss = o.loss,
                  .parameter = o.parameter,
                  .folded = o.folded};
    for (int k = 0; k < 4; ++k)
      if (o.in[k] != none) x.in[k] = read(o.in[k], s, step);
    for (int k = 0; k < 2; ++k) {
      int const v = o.out[k];
      if (v == none || !g.stored[v]) continue;
      x.out[k].to_gradients = g.net.values[v].in_gradients;
      operand w = whole(v);
      if (x.out[k].to_gradients) w.offset = g.net.parameters[o.parameter].offset;
      x.out[k].operand = result.operands.push(w);
      step.bytes_written += bytes_of(g.net.values[v]);
    }
    if (i == g.anchor[s]) step.what.anchor = step.what.count;
    position_of[i] = step.what.count;
    step.what.kinds |= static_cast<std::uint64_t>(o.kind) << 6 * step.what.count++;
    if (o.kind == op_kind::activate || o.kind == op_kind::activate_grad)
      step.what.function_at(position_of[i]) = o.f;
    step.multiply_adds += work_of(g.net, o);
    result.instructions.push(x);
    ++step.count;
  }

  constexpr int lasting(op_kind kind) {
    for (int i = 0; i < g.net.ops.size(); ++i)
      if (g.net.ops[i].kind == kind) return result.operands.push(whole(g.net.ops[i].out[0]));
    return none;
  }

  constexpr plan run() {
    list<int, limits::ops> ops_of, next;           // of each step its first op, of each op the next in its step
    ops_of.resize(g.count(), none), next.resize(g.net.ops.size(), none);
    for (int i = g.net.ops.size() - 1; i >= 0; --i)
      if (int const s = g.step_of.items[i]; s != none) next[i] = ops_of[s], ops_of[s] = i;
    for (int s = 0; s < g.count(); ++s) {
      plan_step step{.first = result.instructions.size()};
      for (int i = ops_of.items[s]; i != none; i = next.items[i]) add(i, step);
      result.steps.push(step);
    }
    result.peak_bytes = placed.peak_bytes, result.bound_bytes = placed.bound_bytes;
    result.image = lasting(op_kind::image), result.labels = lasting(op_kind::labels),
    result.weights = lasting(op_kind::weights);
    result.output = result.operands.push(whole(g.net.output));
    return result;
  }
};

}  // namespace detail

constexpr plan make_plan(fused_graph const& g, placement const& p) { return detail::planner{g, p}.run(); }

}  // namespace oxbow
