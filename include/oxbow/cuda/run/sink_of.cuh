// From the ops behind a step's anchor to the sink of its kernel.
#pragma once
#include <cstddef>

#include <oxbow/cuda/kernel/loss_step.cuh>
#include <oxbow/cuda/kernel/norm_step.cuh>
#include <oxbow/cuda/run/run_context.cuh>
#include <oxbow/cuda/run/step_view.cuh>

namespace oxbow::on_cuda {

/// There is no sink for what the ops do: the step is one for the plain path.
struct no_sink {};

namespace detail {

template <class Sink> inline constexpr bool is_store = false;
template <class T, class Steps> inline constexpr bool is_store<store<T, Steps>> = true;

inline chain<> chained() { return {}; }
template <class First, class... Rest> chain<First, Rest...> chained(First const& f, Rest const&... r) {
  return {f, chained(r...)};
}

/// Op R, which reads along with what is being made, as a step of the sink; no_sink if it is none.
template <class Step, int R> auto finishing(run_context const& c) {
  using T = typename Step::number;
  constexpr op_kind kind = Step::op(R).kind;
  constexpr extent size = Step::op(R).out_size;
  if constexpr (kind == op_kind::activate) {
    constexpr function const* f = Step::op(R).f;
    return apply<called<f>>{};
  } else if constexpr (kind == op_kind::activate_grad && Step::reads_whole(R, 1, size)) {
    constexpr function const* f = Step::op(R).f;
    return apply_grad<called<f>, T>{view_of<T const>(Step::tensor(Step::op(R).in[1].first), c.arena)};
  } else if constexpr (kind == op_kind::add) {
    constexpr int other = Step::op(R).in[0].made == none ? 0 : 1;
    if constexpr (Step::reads_octets(R, other) && Step::op(R).in[other].count == 1 &&
                  !Step::tensor(Step::op(R).in[other].first).mirrored)
      return add_tensor<T>{source_of<T>(Step::tensor(Step::op(R).in[other].first), c.arena)};
    else return no_sink{};
  } else if constexpr (kind == op_kind::drop) {
    constexpr instruction const& o = Step::op(R);
    return drop{c.run, o.channel, o.rate, o.out_size.width, o.out_channels};
  } else if constexpr (kind == op_kind::norm_running) {
    constexpr instruction const& o = Step::op(R);
    auto const at = [&](int n) { return c.parameters + Step::t::parameters.items[o.parameter + n].offset; };
    return norm_running_step{at(0), at(1), at(2), at(3), o.out_channels};
  } else if constexpr (kind == op_kind::loss && Step::op(R).out_channels <= 8 && Step::op(R).loss->region_share == 0) {
    constexpr instruction const& o = Step::op(R);
    constexpr loss_function const* minimised = o.loss;
    auto const at = [&](int operand) { return c.arena + Step::tensor(operand).offset; };
    return lose<minimised, o.out_channels>{reinterpret_cast<std::uint8_t const*>(at(o.in[1].first)),
                                           reinterpret_cast<float const*>(at(o.in[2].first)),
                                           &c.run->label_factor,
                                           c.scale,
                                           reinterpret_cast<float*>(at(o.out[1].operand)),
                                           o.out_size.width};
  } else {
    return no_sink{};
  }
}

template <class Step, int P> place_view places_of(run_context const& c) {
  constexpr int o = Step::op(P).kind == op_kind::max_pool        ? Step::op(P).out[1].operand
                    : Step::op(P).kind == op_kind::max_pool_grad ? Step::op(P).in[1].first
                                                                 : none;
  if constexpr (o == none) return {};
  else {
    constexpr operand const& t = Step::tensor(o);
    constexpr int octets = layout_of_octets::padded(t.channels) / 8;
    return {reinterpret_cast<std::uint16_t*>(c.arena + t.offset), octets, t.size.width};
  }
}
/// Op P, a pooling of the rounded result of `steps`, which goes to `to` as well.
template <class Step, int P, class Steps, class To>
auto pooled([[maybe_unused]] run_context const& c, [[maybe_unused]] Steps const& steps, [[maybe_unused]] To const& to) {
  using T = typename Step::number;
  if constexpr (!(Step::op(P).window == extent{1, 2, 2}) || Step::reader(P) < Step::count || !Step::stores_octets(P)) {
    return no_sink{};
  } else {
    constexpr bool places = Step::op(P).out[1].operand != none;
    constexpr pooling how = Step::op(P).kind == op_kind::avg_pool ? pooling::mean
                            : places                              ? pooling::max_with_place
                                                                  : pooling::max;
    constexpr operand const& small = Step::tensor(Step::op(P).out[0].operand);
    return store_and_pool<T, how, Steps, To>{steps,
                                             to,
                                             view_of<T>(small, c.arena),
                                             places_of<Step, P>(c),
                                             small.size.height,
                                             small.size.width};
  }
}
/// Op P, the gradient of a pooling, the steps before it and the sink behind it.
template <class Step, int P, class Before, class Behind>
auto scattered([[maybe_unused]] run_context const& c, [[maybe_unused]] Before const& before,
               [[maybe_unused]] Behind const& behind) {
  using T = typename Step::number;
  if constexpr (!(Step::op(P).window == extent{1, 2, 2}) || !is_store<Behind>) {
    return no_sink{};
  } else {
    constexpr pooling how = Step::op(P).kind == op_kind::avg_pool_grad ? pooling::mean : pooling::max_with_place;
    return scatter<T, how, decltype(behind.steps), Before>{before, behind.steps, behind.to, places_of<Step, P>(c),
                                                           Step::op(P).out_size.height, Step::op(P).out_size.width};
  }
}

}  // namespace detail

/// The sink for what op I makes; `done` are the steps that come before it.
template <class Step, int I, class... Done> auto sink_behind(run_context const& c, Done const&... done) {
  using T = typename Step::number;
  constexpr int stored = Step::op(I).out[0].operand, r = Step::reader(I), other = Step::reader(I, 1);
  constexpr op_kind next = r < Step::count ? Step::op(r).kind : op_kind::image;
  constexpr op_kind second = other < Step::count ? Step::op(other).kind : op_kind::image;
  auto const steps = [&] { return detail::chained(done...); };
  if constexpr (Step::reader(I, 2) < Step::count) {
    return no_sink{};
  } else if constexpr (r == Step::count) {  // nobody goes on: the result is stored
    if constexpr (Step::stores_octets(I)) {
      return store<T, chain<Done...>>{steps(), view_of<T>(Step::tensor(stored), c.arena)};
    } else if constexpr (stored != none) {
      constexpr operand const& o = Step::tensor(stored);
      if constexpr (o.type == element::f32 && o.channels <= 8 && o.size.depth == 1 && !Step::op(I).out[0].to_gradients)
        return store_floats<chain<Done...>>{steps(), reinterpret_cast<float*>(c.arena + o.offset), o.size.width,
                                            o.channels};
      else return no_sink{};
    } else {
      return no_sink{};
    }
  } else if constexpr (is_pooling(next) || (next == op_kind::crop && is_pooling(second))) {
    constexpr int p = is_pooling(next) ? r : other, cropped = p == r ? other : r;
    if constexpr (cropped == Step::count && (stored == none || Step::stores_octets(I))) {
      view<T> whole{};
      if constexpr (stored != none) whole = view_of<T>(Step::tensor(stored), c.arena);
      return detail::pooled<Step, p>(c, steps(), whole);
    } else if constexpr (cropped < Step::count && stored == none && Step::op(cropped).kind == op_kind::crop &&
                         Step::stores_octets(cropped) && Step::reader(cropped) == Step::count) {
      constexpr instruction const& crop = Step::op(cropped);
      return detail::pooled<Step, p>(c, steps(),
                                     part<T>{view_of<T>(Step::tensor(crop.out[0].operand), c.arena), crop.border.height,
                                             crop.border.width, crop.out_size.height, crop.out_size.width});
    } else {
      return no_sink{};
    }
  } else if constexpr (next == op_kind::slice) {
    // both sides of a join, or one of them
    constexpr int split = Step::op(r).channel > 0 ? Step::op(r).channel : Step::op(r).out_channels;
    if constexpr (sizeof...(Done) > 0 || stored != none || (other < Step::count && second != op_kind::slice)) {
      return no_sink{};
    } else if constexpr (other < Step::count && Step::op(r).channel == 0 && Step::op(other).channel == split) {
      auto const a = sink_behind<Step, r>(c);
      auto const b = sink_behind<Step, other>(c);
      if constexpr (std::is_same_v<decltype(a), no_sink const> || std::is_same_v<decltype(b), no_sink const>)
        return no_sink{};
      else return sides<std::remove_const_t<decltype(a)>, std::remove_const_t<decltype(b)>>{
          a, b, layout_of_octets::padded(split)};
    } else if constexpr (other == Step::count) {
      auto const a = sink_behind<Step, r>(c);
      if constexpr (std::is_same_v<decltype(a), no_sink const>) return no_sink{};
      else if constexpr (Step::op(r).channel > 0)
        return sides<discard, std::remove_const_t<decltype(a)>>{{}, a, layout_of_octets::padded(split)};
      else return sides<std::remove_const_t<decltype(a)>, discard>{a, {}, layout_of_octets::padded(split)};
    } else {
      return no_sink{};
    }
  } else if constexpr (other < Step::count) {
    return no_sink{};
  } else if constexpr (next == op_kind::crop) {
    if constexpr (stored == none && Step::stores_octets(r) && Step::reader(r) == Step::count) {
      constexpr instruction const& crop = Step::op(r);
      return store<T, chain<Done...>, part<T>>{steps(),
                                               {view_of<T>(Step::tensor(crop.out[0].operand), c.arena),
                                                crop.border.height, crop.border.width, crop.out_size.height,
                                                crop.out_size.width}};
    } else {
      return no_sink{};
    }
  } else if constexpr (is_pooling_grad(next)) {
    if constexpr (stored != none) return no_sink{};
    else return detail::scattered<Step, r>(c, steps(), sink_behind<Step, r>(c));
  } else {
    auto const f = detail::finishing<Step, r>(c);
    if constexpr (std::is_same_v<decltype(f), no_sink const>) return no_sink{};
    else if constexpr (stored == none) return sink_behind<Step, r>(c, done..., f);
    else if constexpr (Step::stores_octets(I))
      return sink_behind<Step, r>(c, done..., keep<T>{view_of<T>(Step::tensor(stored), c.arena)}, f);
    else return no_sink{};
  }
}

}  // namespace oxbow::on_cuda
