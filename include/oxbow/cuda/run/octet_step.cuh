// The steps that look at pixels one by one, or sum over them, where tensors lie in octets: which kernel, and with what.
#pragma once
#include <oxbow/cuda/kernel/octet_map.cuh>
#include <oxbow/cuda/kernel/octet_sums.cuh>
#include <oxbow/cuda/run/launch.cuh>
#include <oxbow/cuda/run/reductions.cuh>
#include <oxbow/cuda/run/sink_of.cuh>

namespace oxbow::on_cuda {

namespace detail {

/// Can input K of op I be read as joined_octets? Of two tensors side by side, the second must begin with an octet.
template <class Step, int I, int K> constexpr bool reads_joined_octets() {
  if (!Step::for_matrices || Step::op(I).in_size.depth != 1 || !Step::reads_octets(I, K)) return false;
  auto const& s = Step::op(I).in[K];
  return !Step::tensor(s.first).mirrored && (s.count == 1 || Step::tensor(s.first).count % 8 == 0);
}
template <class Step, int I, int K> auto joined_octets_of(run_context const& c) {
  using T = typename Step::number;
  constexpr auto const& s = Step::op(I).in[K];
  using read = joined_octets<T, s.count, Step::covers(I, K, Step::op(I).in_size)>;
  auto const first = source_of<T>(Step::tensor(s.first), c.arena);
  if constexpr (s.count == 1) return read{first, first, 0};
  else return read{first, source_of<T>(Step::tensor(s.first + 1), c.arena), Step::tensor(s.first).count};
}
template <class Step> float const* floats_at(run_context const& c, oxbow::source const& s) {
  return reinterpret_cast<float const*>(c.arena + Step::tensor(s.first).offset);
}

}  // namespace detail

/// A step whose anchor makes a pixel from the same pixel of its inputs, or pools by two, or is the gradient of such a
/// pooling. `fits` says whether it is one for octet_map; if so, prepare() adds its launch.
template <class Step> struct octet_step {
  using T = typename Step::number;
  static constexpr int a = Step::anchor;
  static constexpr auto const& op = Step::op(a);
  static constexpr bool pools = is_pooling(op.kind), unpools = is_pooling_grad(op.kind);
  static constexpr bool is_norm = op.kind == op_kind::norm || op.kind == op_kind::norm_running ||
                                  op.kind == op_kind::norm_grad;
  /// The input that the kernel begins with; of a sum the second one, so that the first one is a step of the sink.
  static constexpr int main_input = op.kind == op_kind::add ? 1 : 0;

  /// The gradients of a join's sides are kept apart: the second side's channels must begin with an octet.
  static constexpr bool sides_are_octets() {
    for (int i = 0; i < Step::count; ++i)
      if (Step::op(i).kind == op_kind::slice && Step::op(i).channel % 8 != 0) return false;
    return true;
  }
  template <int K> using reads = decltype(detail::joined_octets_of<Step, a, K>({}));
  static auto sink(run_context const& c) {
    if constexpr (is_norm) return sink_behind<Step, a>(c);
    else if constexpr (pools) return detail::pooled<Step, a>(c, chain<>{}, view<T>{});
    else if constexpr (unpools) return detail::scattered<Step, a>(c, chain<>{}, sink_behind<Step, a>(c));
    else {
      auto const f = detail::finishing<Step, a>(c);
      if constexpr (std::is_same_v<decltype(f), no_sink const>) return no_sink{};
      else return sink_behind<Step, a>(c, f);
    }
  }
  static auto anchor(run_context const& c) {
    float const* const p = c.parameters;
    [[maybe_unused]] auto const parameter = [p](int n) {
      return p + Step::t::parameters.items[op.parameter + n].offset;
    };
    if constexpr (op.kind == op_kind::norm)
      return norm_anchor{parameter(0), parameter(1), detail::floats_at<Step>(c, op.in[1]), op.groups,
                         op.out_channels / op.groups};
    else if constexpr (op.kind == op_kind::norm_running)
      return norm_running_anchor{parameter(0), parameter(1), parameter(2), parameter(3)};
    else if constexpr (op.kind == op_kind::norm_grad)
      return norm_grad_anchor<reads<1>>{detail::joined_octets_of<Step, a, 1>(c),
                                        parameter(0),
                                        detail::floats_at<Step>(c, op.in[2]),
                                        detail::floats_at<Step>(c, op.in[3]),
                                        op.groups,
                                        op.out_channels / op.groups,
                                        static_cast<int>(op.out_size.volume())};
    else return as_it_is{};
  }

  static constexpr bool fits() {
    if constexpr (!Step::for_matrices || a != 0 || !(is_elementwise(op.kind) || pools || unpools)) return false;
    else if constexpr (!detail::reads_joined_octets<Step, a, main_input>() || !sides_are_octets()) return false;
    else if constexpr (op.kind == op_kind::norm_grad && !detail::reads_joined_octets<Step, a, 1>()) return false;
    else if constexpr (std::is_same_v<decltype(sink({})), no_sink>) return false;
    else return op.in_channels <= octet_map<reads<main_input>, as_it_is, decltype(sink({}))>::most_channels;
  }
  static void prepare(prepared_step& step) {
    using kernel = octet_map<reads<main_input>, decltype(anchor({})), decltype(sink({}))>;
    static constexpr extent size = op.in_size;
    static constexpr int channels = op.in_channels;
    step.launches.push_back([&step](run_context const& c, cudaStream_t s) {
      typename kernel::args const args{detail::joined_octets_of<Step, a, main_input>(c), anchor(c), sink(c),
                                       size.height, size.width, channels,
                                       kernel::rounds_for(size.height, size.width, channels)};
      launch<kernel>(args, kernel::blocks(args), s, step.name, kernel::shared_bytes(channels));
    });
  }
};

/// Op I of a reducing step: sums over the pixels of octets, to be finished like others.
template <class Step, int I> struct octet_reduction {
  static constexpr auto const& op = Step::op(I);
  template <int K> using reads = decltype(detail::joined_octets_of<Step, I, K>({}));

  static constexpr bool fits() {
    if constexpr (op.kind == op_kind::bias_grad || op.kind == op_kind::norm_statistics)
      return detail::reads_joined_octets<Step, I, 0>();
    else if constexpr (op.kind == op_kind::norm_grad_statistics)
      return detail::reads_joined_octets<Step, I, 0>() && detail::reads_joined_octets<Step, I, 1>();
    else return false;
  }
  static auto terms(run_context const& c) {
    auto const first = detail::joined_octets_of<Step, I, 0>(c);
    if constexpr (op.kind == op_kind::bias_grad) {
      return bias_octets<reads<0>>{first};
    } else if constexpr (op.kind == op_kind::norm_statistics) {
      return moment_octets<reads<0>>{first};
    } else {
      return norm_grad_octets<reads<0>, reads<1>>{first, detail::joined_octets_of<Step, I, 1>(c),
                                                  detail::floats_at<Step>(c, op.in[2]), op.in_channels / op.groups,
                                                  op.in_channels};
    }
  }
  static channel_sums_launch sums(std::string const& what) {
    using kernel = octet_sums<decltype(terms({}))>;
    static constexpr int parts = kernel::parts_of(op.in_size, op.in_channels);
    return {1, parts, kernel::chunks(op.in_channels), [what](run_context const& c, cudaStream_t s) {
              typename kernel::args const args{terms(c), op.in_size.height, op.in_size.width, op.in_channels,
                                               parts,    c.sums,            c.arrived};
              launch<kernel>(args, kernel::blocks(args), s, what);
            }};
  }
};

}  // namespace oxbow::on_cuda
