// The tables of a program that are needed at run time, cut to their size: only these reach the binary.
#pragma once
#include <oxbow/lower/plan.hpp>

namespace oxbow::on_host {

template <class Program> struct tables {
  static constexpr auto const& whole = Program::steps;

  template <class T, int N> struct table { T items[N > 0 ? N : 1]; };
  template <class T, int N, class List> static constexpr table<T, N> cut(List const& from) {
    table<T, N> t{};
    for (int i = 0; i < N; ++i) t.items[i] = from.items[i];
    return t;
  }
  static constexpr int steps = whole.steps.size();
  static constexpr auto instructions = cut<instruction, whole.instructions.size()>(whole.instructions);
  static constexpr auto operands = cut<operand, whole.operands.size()>(whole.operands);
  static constexpr auto parameters = cut<parameter, Program::graph.parameters.size()>(Program::graph.parameters);
  static constexpr auto spare = [] {
    table<spare_room, steps> t{};
    for (int i = 0; i < steps; ++i) t.items[i] = spare_during(Program::placed, i);
    return t;
  }();
  static constexpr int first_of(int step) { return whole.steps.items[step].first; }

  // What goes in, and what comes out: logits, or the loss of each pixel.
  static constexpr operand const& image() { return operands.items[whole.image]; }
  static constexpr operand const& labels() { return operands.items[whole.labels]; }
  static constexpr operand const& weights() { return operands.items[whole.weights]; }
  static constexpr operand const& output() { return operands.items[whole.output]; }
};

}  // namespace oxbow::on_host
