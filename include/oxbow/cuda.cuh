// What a program for the GPU includes in the place of oxbow.hpp, compiled by nvcc.
#pragma once

// core: sizes, images, random numbers, activations
#include <oxbow/core/image.hpp>
#include <oxbow/core/random.hpp>

// net: the language of networks, and networks with a name
#include <oxbow/net/layers.hpp>
#include <oxbow/net/named.hpp>

// check, lower: what a network's type becomes
#include <oxbow/lower/model.hpp>

// cuda: networks on the GPU
#include <oxbow/cuda/run/network.cuh>

// augment, train, predict, metrics: algorithms over any network
#include <oxbow/augment/elastic.hpp>
#include <oxbow/augment/gather.hpp>
#include <oxbow/augment/grey.hpp>
#include <oxbow/augment/pipeline.hpp>
#include <oxbow/augment/rigid.hpp>
#include <oxbow/cuda/kernel/for_each_index.cuh>
#include <oxbow/metrics/pixel.hpp>
#include <oxbow/predict/predict.hpp>
#include <oxbow/train/loop.hpp>
#include <oxbow/train/progress.hpp>
#include <oxbow/train/samples.hpp>
