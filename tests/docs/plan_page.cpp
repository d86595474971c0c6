// Holds docs/plan_unet_2015.md to what the library prints: the code block behind each marker must be that text.
//
// usage: test_docs_plan_page PAGE [--write]        --write puts the text there
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include <oxbow/lower/describe_model.hpp>
#include <oxbow/lower/describe_plan.hpp>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>
using namespace oxbow;

namespace {

/// Replaces the code block behind a marker; says whether the page has one.
bool put(std::string& page, std::string const& marker, std::string const& text) {
  std::string const begin = "<!-- " + marker + " -->\n```text\n", end = "```\n";
  auto const from = page.find(begin), to = page.find(end, from == page.npos ? from : from + begin.size());
  if (from == page.npos || to == page.npos) return false;
  page.replace(from + begin.size(), to - from - begin.size(), text);
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2 || count > 3 || (count == 3 && std::strcmp(arguments[2], "--write") != 0)) {
    std::fputs("usage: test_docs_plan_page PAGE [--write]\n", stderr);
    return 2;
  }
  std::string page;
  {
    std::ifstream in{arguments[1], std::ios::binary};
    page.assign(std::istreambuf_iterator<char>{in}, {});
  }
  std::string wanted = page;
  using em = model<unet_2015, tile<572, 572>>;
  if (!put(wanted, "describe<em>()", describe<em>()) ||
      !put(wanted, "describe_plan<em::inference>()", describe_plan<em::inference>()) ||
      !put(wanted, "describe_plan<em::training>()", describe_plan<em::training>())) {
    std::fprintf(stderr, "%s is absent, or lacks a marker with a code block behind it.\n", arguments[1]);
    return 1;
  }
  if (wanted == page) return 0;
  if (count == 2) {
    std::fprintf(stderr, "%s is not what the library prints. Write it anew: %s %s --write\n", arguments[1],
                 arguments[0], arguments[1]);
    return 1;
  }
  std::ofstream out{arguments[1], std::ios::binary};
  out << wanted;
  return out.flush() ? 0 : 1;
}
