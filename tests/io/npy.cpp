#include <oxbow/io/npy.hpp>

#include "damage.hpp"

using namespace oxbow;
using test::check_pattern;
using test::fixture;

TEST_CASE("arrays that NumPy wrote are read, in either byte and axis order and any version") {
  check_pattern(read_npy(fixture("f32.npy")), 7, 5, 1, [](auto p) { return static_cast<double>(p) / 8 - 1600; });
  check_pattern(read_npy<int>(fixture("i16_big_endian.npy")), 7, 5, 1, [](auto p) { return p - 13000; });
  check_pattern(read_npy<double>(fixture("f64_fortran.npy")), 7, 5, 3,
                [](auto p) { return static_cast<double>(p) / 4; });
  check_pattern(read_npy(fixture("bool.npy")), 7, 5, 1, [](auto p) { return p % 2; });
  check_pattern(read_npy<std::uint16_t>(fixture("version2.npy")), 7, 5, 1, [](auto p) { return p; });
  auto const volume = read_npy<std::uint8_t>(fixture("volume_u8.npy"));
  REQUIRE((volume.size == extent{3, 3, 4} && volume.channels == 2));
  for (int z = 0; z < 3; ++z)
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 4; ++x)
        for (int c = 0; c < 2; ++c) CHECK(volume(z, y, x, c) == test::pattern(y, x, c, z) % 256);
  auto const vector = read_npy_vector<std::int64_t>(fixture("vector_i64.npy"));
  REQUIRE(vector.size() == 9);
  for (std::size_t i = 0; i < 9; ++i) CHECK(vector[i] == static_cast<std::int64_t>(i) * 1'000'000'000'000);
}

TEST_CASE_TEMPLATE("write then read is the identity", T, std::uint8_t, std::int16_t, std::uint64_t, float, double) {
  test::folder const folder;
  for (auto const size : {extent{1, 1, 1}, extent{1, 3, 5}, extent{4, 3, 2}, extent{2, 1, 1}})
    for (int const channels : {1, 3}) {
      image<T> before(size, channels);
      for (std::size_t i = 0; i < before.data.size(); ++i) before.data[i] = static_cast<T>(i * 3 + 1);
      before.data.back() = std::numeric_limits<T>::max();
      before.data.front() = std::numeric_limits<T>::lowest();
      write_npy(folder / "a.npy", before);
      auto const after = read_npy<T>(folder / "a.npy");
      CHECK((after.size == size && after.channels == channels && after.data == before.data));
    }
  std::vector<T> const vector{T{3}, std::numeric_limits<T>::max(), T{0}};
  write_npy(folder / "v.npy", vector);
  CHECK(read_npy_vector<T>(folder / "v.npy") == vector);
  write_npy(folder / "v.npy", std::vector<T>{});
  CHECK(read_npy_vector<T>(folder / "v.npy").empty());
  CHECK(test::files_in(folder.path) == 2);
}

TEST_CASE("values that do not fit, axes that make no image, and types without numbers are errors") {
  CHECK_SENTENCE(read_npy<std::uint8_t>(fixture("i16_big_endian.npy")), "holds -655 at y 0, x 0");
  CHECK_SENTENCE(read_npy<std::int8_t>(fixture("volume_u8.npy")), "holds 158 at page 0, y 0, x 0, channel 1");
  CHECK_SENTENCE(read_npy(fixture("vector_i64.npy")), "1 axes", "2 to 4");
  CHECK_SENTENCE(read_npy_vector<int>(fixture("f32.npy")), "2 axes");
  CHECK_SENTENCE(read_npy(fixture("complex.npy")), "<c8", "not supported");
  CHECK_SENTENCE(read_npy(fixture("u8.tif")), "not an NPY file");
  CHECK_SENTENCE(read_npy(fixture("f32.npy"), {.most_bytes = 100}), "limit of 100");
}

TEST_CASE("headers that lie are refused before anything is allocated") {
  test::folder const folder;
  auto const with = [&](std::string dictionary, std::size_t data) {
    dictionary += "\n";
    std::string bytes = std::string("\x93NUMPY\1\0", 8) + static_cast<char>(dictionary.size() & 255) +
                        static_cast<char>(dictionary.size() >> 8) + dictionary + std::string(data, '\1');
    test::put(folder / "a.npy", bytes);
    return folder / "a.npy";
  };
  CHECK(read_npy<int>(with("{'shape':(1,2),'fortran_order':False,'descr':'<i4'}", 8)).data ==
        std::vector<int>{0x01010101, 0x01010101});
  CHECK(
      read_npy<int>(with("{\"descr\": \"|u1\", 'fortran_order': True, 'shape': (2, 1,), }" + std::string(200, ' '), 2))
          .data == std::vector<int>{1, 1});
  for (std::string const header :
       {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999, 99999999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",  // 2^64 wraps to 0
        "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616, 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904), }",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1, 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1) ",
        "{'descr': '<f4', 'shape': (1, 1), }",
        "{'descr': '<f9', 'fortran_order': False, 'shape': (1, 1), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 1), }",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), } x",
        "",
        "{",
        "{'",
        "}",
        "{'descr'",
        "{'descr':",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ("}) {
    INFO(header);
    CHECK_SENTENCE(read_npy(with(header, 4)), "a.npy: ");
  }
}

TEST_CASE("a damaged array is one clear error or a sound image") {
  test::check_damaged(".npy", [](auto const& path) { return test::sound(read_npy(path)); });
}
