// The instruction sets that a program can carry kernels for, and which of them this machine gets.
#pragma once
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

namespace oxbow {

/// From the least on: who has one has those before it. baseline is what the compiler builds for when nobody says
/// anything, and on other CPUs than x86-64 all that there is.
enum class instruction_set { baseline, avx2, avx512 };

constexpr std::string_view name_of(instruction_set s) {
  constexpr std::string_view names[] = {"baseline", "avx2", "avx512"};
  return names[static_cast<int>(s)];
}

#if defined(__x86_64__)
inline constexpr bool has_many_instruction_sets = true;
/// The best one of this CPU and its operating system. Asks for what cmake/multiarch.cmake compiles with, and no more.
inline instruction_set instruction_set_of_cpu() {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return instruction_set::baseline;
  bool const wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl");
  return wide ? instruction_set::avx512 : instruction_set::avx2;
}
#else
inline constexpr bool has_many_instruction_sets = false;
inline instruction_set instruction_set_of_cpu() { return instruction_set::baseline; }
#endif

/// What programs run with: the CPU's best, or a lesser one that the environment variable OXBOW_ISA names.
/// errors  std::runtime_error where it names none, or one that the CPU has not
inline instruction_set best_instruction_set() {
  instruction_set const has = instruction_set_of_cpu();
  char const* const asked = std::getenv("OXBOW_ISA");
  if (asked == nullptr || *asked == 0) return has;
  for (auto const s : {instruction_set::baseline, instruction_set::avx2, instruction_set::avx512}) {
    if (name_of(s) != asked) continue;
    if (s <= has) return s;
    throw std::runtime_error("OXBOW_ISA is " + std::string{asked} + ", but this CPU goes up to " +
                             std::string{name_of(has)} + ". Unset it: the best one is taken.");
  }
  throw std::runtime_error("OXBOW_ISA is " + std::string{asked} + "; it can be baseline, avx2 or avx512.");
}

}  // namespace oxbow
