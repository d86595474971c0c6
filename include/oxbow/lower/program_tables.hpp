// The tables of a program that are needed at run time, cut to their size: only these reach the binary, and not the plan
// with its room for more.
#pragma once
#include <oxbow/lower/program.hpp>

namespace oxbow {

template <class Program> struct program_tables {
  static constexpr auto const& whole = Program::steps;
  static_assert(!whole.instructions.full && !whole.operands.full,
                "the plan has more operands than graph/limits.hpp has room for: raise limits::ops.");

  template <class T, int N> struct table { T items[N > 0 ? N : 1]; };
  template <class T, int N, class List> static constexpr table<T, N> cut(List const& from) {
    table<T, N> t{};
    for (int i = 0; i < N; ++i) t.items[i] = from.items[i];
    return t;
  }
  static constexpr int steps = whole.steps.size(), instruction_count = whole.instructions.size(),
                       operand_count = whole.operands.size(), parameter_count = Program::graph.parameters.size();
  static constexpr auto instructions = cut<instruction, instruction_count>(whole.instructions);
  static constexpr auto operands = cut<operand, operand_count>(whole.operands);
  static constexpr auto parameters = cut<parameter, parameter_count>(Program::graph.parameters);
};

}  // namespace oxbow
