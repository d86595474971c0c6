// A program outside the project: it proves that the include folder and the language version arrive.
#include <cstdio>

#include <oxbow/core/image.hpp>
#include <oxbow/core/random.hpp>
#include <oxbow/lower/model.hpp>
#include <oxbow/net/named.hpp>
#ifdef CONSUMER_USES_IO
#include <tiffio.h>

#include <nlohmann/json.hpp>
#include <png.h>
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#endif

using tiny = oxbow::model<oxbow::unet<1, 4>, oxbow::tile<20, 20>>;
static_assert(tiny::output == oxbow::extent{1, 4, 4});  // 20 → 16 → 8 → 4, up to 8, → 4

int main() {
  oxbow::random_stream const stream{.seed = 1, .use = oxbow::purpose::noise, .a = 0, .b = 0};
  oxbow::image<float> noise{tiny::output};
  for (std::size_t i = 0; i < noise.data.size(); ++i) noise.data[i] = stream.uniform(i);
#ifdef CONSUMER_USES_IO
  nlohmann::json const about{{"tiff", TIFFGetVersion()}, {"png", png_get_libpng_ver(nullptr)}};
  xt::xarray<float> const copy = xt::adapt(noise.data, std::vector<std::size_t>{4, 4});
  return about.size() == 2 && copy(3, 3) == noise(3, 3) ? 0 : 1;
#else
  return std::printf("%.3f\n", double{noise(3, 3)}) > 0 ? 0 : 1;
#endif
}
