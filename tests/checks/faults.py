#!/usr/bin/env python3
"""The checks themselves: each fault that they look for is planted once, and must be found."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

tests = pathlib.Path(__file__).resolve().parents[1]


def run(*command):
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class layers(unittest.TestCase):
    def faults(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                header = pathlib.Path(root, "include/oxbow", name)
                header.parent.mkdir(parents=True, exist_ok=True)
                header.write_text(text)
            return run(tests / "checks/layers.py", root)

    def found(self, text, name="net/a.hpp", **more):
        code, said = self.faults({"core/b.hpp": good, "lower/c.hpp": good, "oxbow.hpp": good, name: text})
        self.assertEqual(code, 1, said)
        self.assertEqual(len(said.splitlines()), 1, said)
        return said

    def test_a_sound_tree_has_no_fault(self):
        code, said = self.faults({"core/b.hpp": good, "net/a.hpp": good + "#include <oxbow/core/b.hpp>\n#include <span>\n",
                                  "cuda/arch/m.cuh": good + "#include <cuda_runtime.h>\nasm(\"\");\n",
                                  "oxbow.hpp": good + "#include <oxbow/net/a.hpp>\n"})
        self.assertEqual((code, said), (0, "4 headers, no fault\n"))

    def test_an_empty_tree_is_a_fault(self):
        self.assertEqual(self.faults({})[0], 1)

    def test_each_fault_is_found(self):
        self.assertIn("may include core", self.found(good + "#include <oxbow/lower/c.hpp>\n"))
        self.assertIn("there is no", self.found(good + "#include <oxbow/core/missing.hpp>\n"))
        self.assertIn("umbrella", self.found(good + "#include <oxbow/oxbow.hpp>\n"))
        self.assertIn("spell it", self.found(good + '#include "b.hpp"\n'))
        self.assertIn("outside io/", self.found(good + "#include <xtensor/xarray.hpp>\n"))
        self.assertIn("outside host/", self.found(good + "#include <xsimd/xsimd.hpp>\n"))
        self.assertIn("outside cuda/", self.found(good + "#include <cuda_runtime.h>\n"))
        self.assertIn("asm outside", self.found(good + 'asm volatile("");\n'))
        self.assertIn("first line", self.found("#pragma once\n"))
        self.assertIn("#pragma once must", self.found("// A.\n#include <span>\n#pragma once\n"))
        self.assertIn("two ideas", self.found(good + "\n" * 400))
        self.assertIn("characters", self.found(good + "// " + "x" * 120 + "\n"))
        self.assertIn("no layer", self.found(good, name="elsewhere/a.hpp"))


class rejects(unittest.TestCase):
    def check(self, program, compiler="g++", *more):
        with tempfile.TemporaryDirectory() as folder:
            if program is not None:
                pathlib.Path(folder, "a.cpp").write_text(program)
            return run(tests / "rejects/check.py", compiler, "--folder", folder, *more)

    def found(self, program):
        code, said = self.check(program)
        self.assertEqual(code, 1, said)
        return said

    def test_a_program_that_keeps_its_promises_passes(self):
        self.assertEqual(self.check(broken)[0], 0, self.check(broken)[1])

    def test_a_folder_without_programs_is_a_fault(self):
        self.assertIn("no program", self.found(None))

    def test_each_fault_is_found(self):
        self.assertIn("it compiles", self.found(broken.replace("rule_of<3> r;", "")))
        self.assertIn("2 errors", self.found(broken + 'static_assert(false, "another one");\n'))
        self.assertIn("not said: five", self.found(broken + "// expect: five\n"))
        self.assertIn("no line names", self.found(broken.replace("rule: rule_of", "rule: other_rule")))
        self.assertIn("does not say", self.found(broken.replace("first: rule_of<3>", "first: rule_of<4>")))
        self.assertIn("needs one line // rule", self.found(broken.replace("// rule: rule_of\n", "")))
        self.assertIn("no line // first", self.found(broken.replace("// first: rule_of<3>\n", "")))
        self.assertIn("no line // expect", self.found(broken.replace("// expect: must be two\n", "")))
        self.assertIn("at most 15", self.found(broken.replace("rule_of<3> r;", chain(20))))

    def test_what_the_compiler_cannot_even_read_is_no_rejection(self):
        self.assertIn("no line names", self.found(broken.replace("// first", "#include <absent.hpp>\n// first")))


good = "// A header.\n#pragma once\n"
broken = """// expect: must be two
// rule: rule_of
// first: rule_of<3>
template <int I> struct rule_of { static_assert(I == 2, "I must be two"); };
rule_of<3> r;
"""


def chain(length):
    """Templates that reach the rule through one another: a line of context for each."""
    links = ["template <int I> struct link0 : rule_of<I> {};"]
    links += [f"template <int I> struct link{n} : link{n - 1}<I> {{}};" for n in range(1, length)]
    return "\n".join([*links, f"link{length - 1}<3> l;"])


if __name__ == "__main__":
    unittest.main(verbosity=0)
