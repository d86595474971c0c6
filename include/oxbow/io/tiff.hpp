// TIFF files, read and written.
#pragma once
#include <oxbow/io/tiff_read.hpp>
#include <oxbow/io/tiff_write.hpp>
