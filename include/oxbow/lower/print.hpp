// A model in words and pictures: describe<Model>(), describe_plan<Model::inference>(), draw<Model>(), write_svg.
#pragma once
#include <oxbow/lower/describe_model.hpp>
#include <oxbow/lower/describe_plan.hpp>
#include <oxbow/lower/draw.hpp>
#include <oxbow/lower/write_svg.hpp>
