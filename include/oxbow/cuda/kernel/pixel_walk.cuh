// A thread's way through the pixels of an image.
#pragma once

namespace oxbow::on_cuda {

/// Pixels counted row by row, `step` apart: a thread's way through an image with one division at its beginning.
struct pixel_walk {
  int y, x;

  __device__ pixel_walk(int first, int step, int width)
      : y{first / width}, x{first % width}, down_{step / width}, along_{step % width}, width_{width} {}
  __device__ void advance() {
    y += down_, x += along_;
    if (x >= width_) x -= width_, ++y;
  }

 private:
  int down_, along_, width_;
};

}  // namespace oxbow::on_cuda
