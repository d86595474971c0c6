// A program's tables, and what the host looks up in them besides: free room, what goes in and what comes out.
#pragma once
#include <oxbow/lower/program_tables.hpp>

namespace oxbow::on_host {

template <class Program> struct tables : program_tables<Program> {
  using base = program_tables<Program>;
  static constexpr auto spare = [] {
    typename base::template table<spare_room, base::steps> t{};
    for (int i = 0; i < base::steps; ++i) t.items[i] = spare_during(Program::placed, i);
    return t;
  }();
  static constexpr int first_of(int step) { return base::whole.steps.items[step].first; }

  // What goes in, and what comes out: logits, or the loss of each pixel.
  static constexpr operand const& image() { return base::operands.items[base::whole.image]; }
  static constexpr operand const& labels() { return base::operands.items[base::whole.labels]; }
  static constexpr operand const& weights() { return base::operands.items[base::whole.weights]; }
  static constexpr operand const& output() { return base::operands.items[base::whole.output]; }
};

}  // namespace oxbow::on_host
