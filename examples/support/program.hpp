// An example as a program.
#pragma once
#include <cstdio>
#include <exception>
#include <filesystem>

#include <CLI/CLI.hpp>

namespace support {

/// Reads the arguments and works. What goes wrong is one line on the terminal, and exit code 1.
template <class Work> int program(CLI::App& app, int argc, char** argv, Work work) {
  CLI11_PARSE(app, argc, argv);
  try {
    work();
    return 0;
  } catch (std::exception const& error) {
    std::fprintf(stderr, "%s: %s\n", std::filesystem::path(argv[0]).filename().c_str(), error.what());
    return 1;
  }
}

}  // namespace support
