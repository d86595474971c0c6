// Everything but files, in the order in which the parts build on each other: the table of contents.
#pragma once

// core: sizes, images, random numbers, activations, losses
#include <oxbow/core/image.hpp>
#include <oxbow/core/random.hpp>
#include <oxbow/core/region_losses.hpp>

// net: the language of networks, and networks with a name
#include <oxbow/net/layers.hpp>
#include <oxbow/net/named.hpp>

// check, lower: what a network's type becomes
#include <oxbow/lower/describe_model.hpp>
#include <oxbow/lower/describe_plan.hpp>
#include <oxbow/lower/draw.hpp>
#include <oxbow/lower/model.hpp>

// host: networks on the CPU
#include <oxbow/host/network.hpp>

// objects: what lies in an image, how far apart, and what pixels between weigh
#include <oxbow/objects/area_opening.hpp>
#include <oxbow/objects/border_weights.hpp>
#include <oxbow/objects/closed_borders.hpp>
#include <oxbow/objects/doubtful_regions.hpp>
#include <oxbow/objects/find_objects.hpp>
#include <oxbow/objects/smooth.hpp>

// augment, train, predict, metrics: algorithms over any network
#include <oxbow/augment/blur.hpp>
#include <oxbow/augment/elastic.hpp>
#include <oxbow/augment/gather.hpp>
#include <oxbow/augment/grey.hpp>
#include <oxbow/augment/pipeline.hpp>
#include <oxbow/augment/rigid.hpp>
#include <oxbow/metrics/membranes.hpp>
#include <oxbow/metrics/objects.hpp>
#include <oxbow/metrics/pixel.hpp>
#include <oxbow/predict/average.hpp>
#include <oxbow/predict/predict.hpp>
#include <oxbow/train/loop.hpp>
#include <oxbow/train/progress.hpp>
#include <oxbow/train/samples.hpp>
