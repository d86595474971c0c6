// Files: images, labels, weights, checkpoints. Needs libtiff, libpng and nlohmann-json, and in io/npy.hpp xtensor.
#pragma once
#include <oxbow/io/checkpoint.hpp>
#include <oxbow/io/image_file.hpp>
#include <oxbow/io/labels.hpp>
#include <oxbow/io/png.hpp>
#include <oxbow/io/tiff.hpp>
#include <oxbow/io/weights.hpp>
