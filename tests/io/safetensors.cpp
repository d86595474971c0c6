#include <oxbow/io/safetensors.hpp>

#include <cmath>

#include "files.hpp"

using namespace oxbow;
using test::fixture;

namespace {

/// A file with this header and as many bytes of data.
std::string file_of(std::string const& header, std::size_t data) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(std::uint64_t{header.size()} >> 8 * i);
  return bytes + header + std::string(data, '\x3f');
}

// Its views would be the original's.
static_assert(!std::is_copy_constructible_v<safetensors> && !std::is_copy_assignable_v<safetensors>);

}  // namespace

TEST_CASE("files of the reference implementation are read") {
  auto const file = read_safetensors(fixture("types.safetensors"));
  CHECK(file.tensors().size() == 8);
  CHECK(file.note("made by") == "the reference implementation");
  CHECK(file.note("umlaut") == "Größe");
  CHECK_FALSE(file.note("other").has_value());
  CHECK(file.at("single").shape == std::vector<std::int64_t>{2, 3});
  CHECK(file.floats("single") == std::vector<float>{-.5f, -.25f, 0, .25f, .5f, .75f});
  CHECK(file.values<double>("double") == std::vector<double>{3.141592653589793, -1e300, 1e-3});
  CHECK(file.floats("double") == std::vector<float>{3.14159274f, -std::numeric_limits<float>::infinity(), 1e-3f});
  auto const half = file.floats("half");
  float const most = std::numeric_limits<float>::infinity();
  CHECK(half == std::vector<float>{0, 0, 1, -2.5f, 65504, 0x1p-24f, -0x1p-14f, most, -most});
  CHECK(std::signbit(half[1]));
  CHECK(file.values<std::int64_t>("long") == std::vector<std::int64_t>{-(std::int64_t{1} << 62), 7});
  CHECK(file.values<std::uint8_t>("byte") == std::vector<std::uint8_t>{0, 255});
  CHECK(file.at("none").shape == std::vector<std::int64_t>{0, 4});
  CHECK(file.floats("none").empty());
  CHECK(file.at("scalar").shape.empty());
  CHECK(file.floats("scalar") == std::vector<float>{3.25f});
  CHECK((file.at("truth").type == dtype::boolean && file.at("truth").bytes[0] == std::byte{1}));
  CHECK(read_safetensors(fixture("bf16.safetensors")).floats("brain") == std::vector<float>{1.5f, -2, 0x1p-133f, most});
  CHECK_SENTENCE(file.at("absent"), "types.safetensors", "no tensor \"absent\"");
  CHECK_SENTENCE(file.floats("long"), "\"long\" is I64", "F32, F16, BF16 or F64");
  CHECK_SENTENCE(file.values<float>("double"), "\"double\" is F64", "F32 is expected");
}

TEST_CASE("floats become the nearest bfloat16, and of two the even one") {
  auto const as_float = [](std::uint32_t bits) { return std::bit_cast<float>(bits); };
  for (std::uint32_t sign : {0u, 0x80000000u})
    for (std::uint32_t b = 0; b < 0x7F80; ++b) {  // every finite one; the next above the last is infinity
      std::uint32_t const here = sign | b << 16, middle = here + 0x8000, up = here + 0x10000;
      std::uint32_t const even = b % 2 == 0 ? here : up;
      bool agrees = true;
      for (auto const& [from, to] : {std::pair{here, here}, {here + 1, here}, {middle - 1, here}, {middle, even},
                                     {middle + 1, up}, {up - 1, up}})
        agrees = agrees && float_to_bfloat(as_float(from)) == to >> 16;
      if (!agrees) FAIL_CHECK("around ", as_float(here));
    }
  CHECK(float_to_bfloat(as_float(0xFF800000u)) == 0xFF80);
  for (std::uint32_t const nan : {0x7F800001u, 0xFFC00000u, 0x7FFFFFFFu})
    CHECK(std::isnan(bfloat_to_float(float_to_bfloat(as_float(nan)))));
}

TEST_CASE("every half-precision number is what its definition says") {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    int const exponent = bits >> 10 & 31, fraction = bits & 1023;
    float const value = half_to_float(static_cast<std::uint16_t>(bits));
    bool agrees = std::signbit(value) == (bits >> 15 != 0);
    if (exponent == 31 && fraction) agrees = std::isnan(value);
    else if (exponent == 31) agrees = agrees && std::isinf(value);
    else
      agrees =
          agrees && std::fabs(value) == (exponent ? std::ldexp(1024.f + static_cast<float>(fraction), exponent - 25)
                                                  : std::ldexp(static_cast<float>(fraction), -24));
    if (!agrees) FAIL_CHECK("half ", bits, " became ", value);
  }
  static_assert(half_to_float(0x3C00) == 1.f && bfloat_to_float(0x3F80) == 1.f);
}

TEST_CASE("write then read is the identity, bit for bit") {
  test::folder const folder;
  std::vector<float> const odd{std::bit_cast<float>(0x7FC12345u), std::bit_cast<float>(0x7F812345u), -0.f, 1e-45f};
  std::vector<std::uint8_t> const bytes{1, 2, 3};
  std::vector<double> const none;
  std::vector<tensor_view> const tensors{
      {"bytes first, so that floats are unaligned", {3}, std::span{bytes}},
      {"quote \" slash \\ umlaut ü", {2, 1, 2}, std::span{odd}},
      {"none", {5, 0}, std::span{none}},
      {"", {}, std::span{odd}.first(1)},
  };
  write_safetensors(folder / "a.safetensors", tensors, {{"k", "line\nbreak"}, {"", ""}});
  auto const file = read_safetensors(folder / "a.safetensors");
  CHECK(file.metadata() == tensor_metadata{{"k", "line\nbreak"}, {"", ""}});
  REQUIRE(file.tensors().size() == 4);
  for (auto const& tensor : tensors) {
    auto const& again = file.at(tensor.name);
    CHECK((again.type == tensor.type && again.shape == tensor.shape));
    CHECK(std::ranges::equal(again.bytes, tensor.bytes));
  }
  auto const floats = file.floats("quote \" slash \\ umlaut ü");
  CHECK(std::memcmp(floats.data(), odd.data(), 16) == 0);
  CHECK(test::contents(folder / "a.safetensors")[0] % 8 == 0);  // the data begin at a multiple of 8
  write_safetensors(folder / "a.safetensors", {});
  CHECK(read_safetensors(folder / "a.safetensors").tensors().empty());
  CHECK(test::files_in(folder.path) == 1);
}

TEST_CASE("a moved file keeps its tensors") {
  auto file = read_safetensors(fixture("types.safetensors"));
  auto const moved = std::move(file);
  CHECK(moved.floats("scalar") == std::vector<float>{3.25f});
}

TEST_CASE("what cannot be written says why") {
  test::folder const folder;
  std::vector<float> const two(2);
  auto const write = [&](std::vector<tensor_view> const& tensors, tensor_metadata const& metadata = {}) {
    write_safetensors(folder / "a", tensors, metadata);
  };
  CHECK_SENTENCE(write({{"w", {2}, std::span{two}}, {"w", {2}, std::span{two}}}), "\"w\"", "twice");
  CHECK_SENTENCE(write({{"__metadata__", {2}, std::span{two}}}), "reserved");
  CHECK_SENTENCE(write({{"w", {3}, std::span{two}}}), "\"w\" has 8 bytes", "[3] of F32");
  CHECK_SENTENCE(write({{"w", {-2}, std::span{two}}}), "[-2]");
  CHECK_SENTENCE(write({{"\xff", {2}, std::span{two}}}), "not UTF-8");
  CHECK_SENTENCE(write({}, {{"key", "\xc3"}}), "not UTF-8");
  CHECK(test::files_in(folder.path) == 0);
}

TEST_CASE("each way a header can lie has its sentence") {
  test::folder const folder;
  auto const read = [&](std::string const& header, std::size_t data = 8) {
    test::put(folder / "a", file_of(header, data));
    (void)read_safetensors(folder / "a");
  };
  auto const tensor = [](std::string const& type, std::string const& shape, std::string const& offsets) {
    return R"({"w":{"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  CHECK(test::sentence_of([&] { read(tensor("F32", "[2]", "[0,8]")); }).empty());
  CHECK_SENTENCE(read(tensor("F32", "[3]", "[0,8]")), "8 bytes", "[3] of F32");
  CHECK_SENTENCE(read(tensor("F32", "[2]", "[0,16]")), "claims the bytes 0 to 16 of 8");
  CHECK_SENTENCE(read(tensor("F32", "[1]", "[8,4]")), "claims the bytes 8 to 4");
  CHECK_SENTENCE(read(tensor("F32", "[1]", "[4,8]")), "gap");
  CHECK_SENTENCE(read(tensor("F32", "[1]", "[0,4]")), "4 bytes after its last tensor");
  CHECK_SENTENCE(read("{}"), "8 bytes after");
  // 2^62 · 4 and 2^32 · 2^32 wrap to 0 in 64 bits
  CHECK_SENTENCE(read(tensor("F32", "[4611686018427387904]", "[0,0]"), 0), "do not make the shape");
  CHECK_SENTENCE(read(tensor("F32", "[4294967296,4294967296]", "[0,0]"), 0), "do not make the shape");
  CHECK_SENTENCE(read(tensor("F32", "[0,4294967296,4294967296]", "[0,8]")), "do not make the shape");
  CHECK_SENTENCE(read(tensor("F32", "[18446744073709551615]", "[0,8]")), "whole number");
  CHECK_SENTENCE(read(tensor("F32", "[-2]", "[0,8]")), "whole number");
  CHECK_SENTENCE(read(tensor("F32", "[2.0]", "[0,8]")), "whole number");
  CHECK_SENTENCE(read(tensor("F32", "2", "[0,8]")), "not an array");
  CHECK_SENTENCE(read(tensor("F32", "[2]", "[0]")), "two whole numbers");
  CHECK_SENTENCE(read(tensor("F32", "[2]", "[0,-8]")), "two whole numbers");
  CHECK_SENTENCE(read(tensor("F4", "[2]", "[0,8]")), "\"F4\"", "not supported");
  CHECK_SENTENCE(read(R"({"w":{"dtype":"F32","shape":[2]}})"), "dtype, shape and data_offsets");
  CHECK_SENTENCE(read(R"({"w":3})"), "dtype, shape and data_offsets");
  CHECK_SENTENCE(read(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}})"), "alone");
  CHECK_SENTENCE(read(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                      R"("w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
                 "names \"w\" twice");
  CHECK_SENTENCE(read(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                      R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"),
                 "\"b\" overlaps");
  CHECK_SENTENCE(read(R"({"w":{"dtype":"F32","dtype":"F64","shape":[2],"data_offsets":[0,8]}})"), "\"dtype\" twice");
  CHECK_SENTENCE(read(R"({"__metadata__":{"a":1}})", 0), "metadata \"a\"", "not a string");
  CHECK_SENTENCE(read(R"({"__metadata__":[]})", 0), "metadata", "not an object");
  CHECK_SENTENCE(read("{\"\xff\":1}", 0), "not JSON in UTF-8");
  CHECK_SENTENCE(read("{\"w\":", 0), "not JSON");
  CHECK_SENTENCE(read("{\"w\":1e999}", 0), "out of range");
  CHECK_SENTENCE(read("[]", 0), "not a JSON object");
  CHECK_SENTENCE(read("", 0), "not a JSON object");
  CHECK_SENTENCE(read("{\"w\":" + std::string(100000, '['), 0), "nested deeper");
  test::put(folder / "a", "\x7f");
  CHECK_SENTENCE(read_safetensors(folder / "a"), "too short", "1 bytes");
  test::put(folder / "a", std::string(8, '\xff') + "{}");
  CHECK_SENTENCE(read_safetensors(folder / "a"), "claims a header of 18446744073709551615");
  test::put(folder / "a", std::string("\xff\xff\xff\xff\0\0\0\0{}", 10));
  CHECK_SENTENCE(read_safetensors(folder / "a"), "claims a header of 4294967295");
  CHECK_SENTENCE(read_safetensors(folder / "absent"), "No such file");
  CHECK_SENTENCE(read_safetensors(fixture("types.safetensors"), 100), "limit of 100");
}
