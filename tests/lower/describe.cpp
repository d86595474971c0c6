// What a model says of itself in words: tables and names.
#include <doctest/doctest.h>

#include <oxbow/lower/describe_model.hpp>
#include <oxbow/lower/describe_plan.hpp>
#include <oxbow/lower/model.hpp>
using namespace oxbow;

namespace {

using everything = seq<
    level<seq<conv<4>, batch_norm, relu>, seq<max_pool<2>, conv<6, 3, pad::mirror>, silu, dropout<0.5f>, up_conv<4>>,
          seq<conv<4, 3, pad::zero, 1, 2>, group_norm<2>>>,
    residual<conv<4, 3, pad::zero>>, conv<2, 1>>;
using subject = model<everything, tile<16, 20>, channels<2>>;
using wires = graph<node<"a", seq<conv<2, 3, pad::zero>, relu>, "input">, node<"b", conv<2, 1>, "a", "input">>;

bool contains(std::string const& text, std::string const& part) { return text.find(part) != std::string::npos; }
int count(std::string const& text, std::string const& part) {
  int n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}
}  // namespace

TEST_CASE("numbers are written as people read them") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(31030658) == "31,030,658");
  CHECK(grouped(-123456) == "-123,456");
  CHECK(grouped(-1234567) == "-1,234,567");
  CHECK(bytes_text(640) == "640 B");
  CHECK(bytes_text(1000) == "1.000 kB");
  CHECK(bytes_text(117613568) == "117.6 MB");
  CHECK(bytes_text(999'960) == "1.000 MB");
  CHECK(short_count(9'999'600) == "10.00 M");
  CHECK(short_count(150'428'424'448) == "150.4 G");
}

TEST_CASE("a table has a row per layer and its totals below") {
  std::string const text = describe<subject>();
  CHECK(contains(text,
                 "\nconv 3 x 3                           level 1 / encode / conv 1        14 x 18 x 4          76"
                 "        18.14 k      4.032 kB\n"));
  CHECK(contains(text, "\nbatch_norm                           level 1 / encode / batch_norm 1"));
  CHECK(contains(text,
                 "\nmirrored border, conv 3 x 3          level 1 / inner / conv 1           7 x 9 x 6         222"));
  CHECK(contains(text, "\ndropout 0.50 "));
  CHECK(contains(text, "\nconv 3 x 3, dilation 2, zero border  level 1 / decode / conv 1"));
  CHECK(contains(text, "\ngroup_norm of 2 "));
  CHECK(contains(text, "\nadd                                  residual 1   "));
  CHECK(contains(text, "\nparameters     864, 3.456 kB\n"));
  CHECK(contains(text, "\noutput         14 x 18 x 2, 2.048 kB\n"));
  CHECK(contains(text, "\ninference      " + bytes_text(subject::inference::peak_bytes) + " in 7 steps;"));
  CHECK(contains(text, "\ntraining       " + bytes_text(subject::training::peak_bytes) + " in 26 steps;"));
  // No layer is left out: the parameters and the multiply-adds of the rows are those of the model.
  CHECK(count(text, "\n") == 2 + 15 + 1 + 6);
  CHECK(!contains(text, " \n"));
}

TEST_CASE("a plan is a row per step with what is fused, read and written") {
  std::string const text = describe_plan<subject::inference>();
  CHECK(
      contains(text, "   1  level 1 / encode: conv 1 + relu; inner: max_pool 1  image        14 x 18 x 4, 7 x 9 x 4"));
  CHECK(contains(text, "   2  level 1 / inner: conv 1 + silu                      1 mirrored   7 x 9 x 6"));
  CHECK(contains(text, "   4  level 1 / decode: conv 1                            1 & 3        14 x 18 x 4"));
  CHECK(contains(text, "   7  residual 1 / body: conv 1; residual 1 + conv 1      6            14 x 18 x 2"));
  CHECK(contains(text, "\n7 steps of "));
  CHECK(contains(text, "multiply-adds. Arena " + bytes_text(subject::inference::peak_bytes) + ";"));
  for (auto const& b : subject::inference::placed.buffers)
    if (b.born != none) CHECK(contains(text, grouped(b.offset)));

  std::string const training = describe_plan<subject::training>();
  CHECK(contains(training, "residual 1 / body: conv 1; residual 1 + conv 1 + loss"));
  CHECK(contains(training, "8, labels, weights"));
  CHECK(contains(training, "7 x 9 x 4 of 2 bits"));
  CHECK(contains(training, "level 1 / inner: up_conv 1 dx + dropout 1 dx + silu dx"));
  CHECK(contains(training, "level 1 / encode: conv 1 dw + conv 1 db"));
  CHECK(contains(training, "level 1 / inner: mirror dx"));
  CHECK(!contains(training, "nothing"));
}

TEST_CASE("parameters have the names of their places") {
  std::string names;
  for (auto const& p : subject::forward.parameters) names += parameter_name(subject::forward, p) + "\n";
  CHECK(contains(names,
                 "level1.encode.conv1.weight\nlevel1.encode.conv1.bias\nlevel1.encode.batch_norm1.weight\n"
                 "level1.encode.batch_norm1.bias\nlevel1.encode.batch_norm1.running_mean\n"
                 "level1.encode.batch_norm1.running_var\nlevel1.inner.conv1.weight\n"));
  CHECK(contains(names, "level1.inner.up_conv1.weight\n"));
  CHECK(contains(names, "residual1.body.conv1.bias\nconv1.weight\nconv1.bias\n"));
  auto const& net = model<wires, tile<4, 4>>::forward;
  CHECK(parameter_name(net, net.parameters[0]) == "graph1.a.conv1.weight");
  CHECK(parameter_name(net, net.parameters[3]) == "graph1.b.conv1.bias");
  CHECK(path_text(net, net.layers[net.parameters[3].layer]) == "graph 1 / b / conv 1");
}
