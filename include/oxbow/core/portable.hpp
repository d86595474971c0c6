// The one place that asks which compiler reads this.
#pragma once

/// Marks a function that a CUDA kernel may call as well; nothing elsewhere.
#ifdef __CUDACC__
#define OXBOW_DEVICE __host__ __device__
#else
#define OXBOW_DEVICE
#endif
