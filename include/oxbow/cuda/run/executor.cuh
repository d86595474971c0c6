// A program on the device: one piece of memory, its steps, and the graph that runs them all.
#pragma once
#include <cstring>
#include <utility>

#include <oxbow/core/random_key.hpp>
#include <oxbow/cuda/kernel/finish_gradients.cuh>
#include <oxbow/cuda/kernel/pack_weights.cuh>
#include <oxbow/cuda/run/device.cuh>
#include <oxbow/cuda/run/gathered_gradients.cuh>
#include <oxbow/cuda/run/matrix_step.cuh>
#include <oxbow/cuda/run/memory.cuh>
#include <oxbow/cuda/run/momentum_turns.cuh>
#include <oxbow/cuda/run/octet_step.cuh>
#include <oxbow/cuda/run/reductions.cuh>
#include <oxbow/cuda/run/tile_layout.cuh>

namespace oxbow::on_cuda {

/// Runs one program in the order of one stream. What changes from run to run is uploaded from pinned memory while the
/// run before goes on; the steps are captured once, as one graph.
/// Type: how activations are stored; Chip: what the tiles of tensor-core kernels are picked for, whatever runs them
template <class Program, element Type, class Chip> class executor {
  using t = program_tables<Program>;
  using number = number_type<Type>;

 public:
  /// program: "inference" or "training", for errors. parameters and gradients: on the device.
  /// learns: weights change before every run, by an optimizer that packs those for tensor cores.
  /// each_step: no graph; every step is waited for, so that errors name it
  executor(device const& on, cudaStream_t order, char const* program, float* parameters, float* gradients,
           float const* scale, bool learns, bool each_step)
      : device_{on}, order_{order}, name_{program}, learns_{learns}, each_step_{each_step} {
    context_.parameters = parameters, context_.gradients = gradients, context_.scale = scale;
    prepare(std::make_integer_sequence<int, t::steps>{});
    take_memory();
    copies_ = make_stream();
    for (upload& u : uploads_) u.arrived = make_event(), u.taken = make_event();
  }

  static constexpr operand const& image() { return t::operands.items[t::whole.image]; }
  static constexpr operand const& labels() { return t::operands.items[t::whole.labels]; }
  static constexpr operand const& weights() { return t::operands.items[t::whole.weights]; }
  static constexpr operand const& output() { return t::operands.items[t::whole.output]; }

  std::int64_t bytes() const { return memory_.bytes(); }
  /// How many kernels a run launches.
  int launches() const { return launches_; }
  /// How many of these are on tensor cores.
  int launches_on_matrices() const { return on_matrices_; }
  /// How many read and write whole octets instead: what needs no matrix products. The finishes of sums are not counted.
  int launches_on_octets() const { return on_octets_; }
  float const* result() const { return reinterpret_cast<float const*>(context_.arena + output().offset); }
  /// The sum of the pixels' losses, on the device.
  double const* loss() const { return context_.loss; }
  cudaStream_t order() const { return order_; }
  /// The squares of all gradients, in parts; on the device. All zero before the first run.
  double const* squares() const { return context_.squares; }
  int parts_of_squares() const { return static_cast<int>(needs_.squares) + needs_.finish_blocks; }

  /// Pinned memory for the next run's image, labels and weights, in the layout of the arena; waits until the run before
  /// the last has taken what lay there.
  struct input {
    float* image;
    std::uint8_t* labels;
    float* weights;
  };
  input next_input() {
    upload& u = uploads_[next_];
    if (u.used) check(cudaEventSynchronize(u.taken.get()), "cudaEventSynchronize", name_ + " uploads");
    std::byte* const p = pinned_.data() + next_ * upload_bytes_;
    return {reinterpret_cast<float*>(p), reinterpret_cast<std::uint8_t*>(p + at_labels_),
            reinterpret_cast<float*>(p + at_weights_)};
  }

  /// Queues an upload of the last next_input() and a run. Nothing is waited for.
  void run(random_key key, float label_factor, gradients_go where) {
    send(key, label_factor, where);
    if (stale_) {
      if (!learns_) pack_plainly();
      pack();
      stale_ = false;
    }
    if (each_step_) return steps(true);
    if (!graph_) capture();
    check(cudaGraphLaunch(graph_.get(), order_), "cudaGraphLaunch", name_ + " program");
  }
  /// Weights have been changed by somebody who did not write their packed copies: pack them before the next run.
  void weights_changed() { stale_ = true; }
  /// For an optimizer: all parameters that learn, with their packed copies; and the blocks of a launch over them.
  parameter_table parameters() const { return table(static_cast<int>(jobs_.jobs.size())); }
  int parameter_blocks() const { return jobs_.blocks; }

 private:
  struct upload {
    event arrived, taken;
    bool used = false;
  };

  template <int... I> void prepare(std::integer_sequence<int, I...>) {
    for (operand const& o : t::operands.items) operands_.push_back(stored_of(o));
    for (instruction const& i : t::instructions.items) {
      ops_.push_back(tile_op_of(i, t::parameters.items, t::parameter_count));
      if (i.kind != op_kind::mirror) continue;
      for (int n = 0; n < i.in[0].count; ++n)  // a mirror that is a step of its own sees its operands mirrored
        operands_[static_cast<std::size_t>(i.in[0].first + n)].mirrored = 1;
    }
    steps_.reserve(t::steps);
    (prepare_step<I>(), ...);
    if constexpr (t::whole.labels != none) {
      constexpr loss_sums pixels{.count = output().size.volume()};
      std::int64_t const parts = needs_.leave(std::int64_t{2} * pixels.blocks());
      needs_.share(0, 1);
      needs_.finish(pixels.blocks(), [=](run_context const& c) {
        return finish_job{.loss = {reinterpret_cast<float const*>(c.arena + output().offset), pixels.count,
                                   reinterpret_cast<double*>(c.left + parts), c.arrived, c.loss}};
      });
    }
    launches_ += (!uses_.empty() && learns_) + !needs_.finishes.empty();
    jobs_ = needs_.jobs(t::parameter_count);
  }

  void lay_out_weights(int i) {
    instruction const& o = t::instructions.items[i];
    if (!reads_weights(o.kind)) return;
    weight_layout w = layout_of(o, t::parameters.items);
    w.to = packed_floats_, packed_floats_ += w.floats();
    if (w.bias >= 0) w.bias_to = packed_floats_, packed_floats_ += w.outputs();
    w.first_block = pack_blocks_;
    pack_blocks_ += static_cast<int>(blocks_for(w.floats(), pack_plain::threads));
    ops_[static_cast<std::size_t>(i)].weights = w.to;
    ops_[static_cast<std::size_t>(i)].bias = w.bias >= 0 ? w.bias_to : none;
    uses_.push_back(w);
  }

  template <int I> void prepare_step() {
    using view = step_view<Program, I, Type>;
    prepared_step& s = steps_.emplace_back();
    s.name = step_name(name_.c_str(), I, view::what);
    constexpr op_kind kind = view::what.kind(view::anchor);
    constexpr bool weights = kind == op_kind::convolve_grad_weight || kind == op_kind::up_convolve_grad_weight;
    constexpr bool data = kind == op_kind::convolve || kind == op_kind::up_convolve ||
                          kind == op_kind::convolve_grad || kind == op_kind::up_convolve_grad;
    if constexpr (view::for_matrices && weights) {
      using on_matrices = matrix_grad_step<view, Chip>;
      using gathered = gathered_gradients<Program, Type, Chip>;
      if constexpr (gathered::template holds<I>()) {
        on_matrices::prepare(s, needs_);
        if constexpr (!gathered::template holds<I + 1>()) {
          int const more = gathered::prepare(s, needs_);
          launches_ += more, on_matrices_ += more;
        }
      } else if constexpr (on_matrices::fits()) {
        prepare_on_matrices<on_matrices>(s);
      } else {
        prepare_plain<I>(s);
      }
    } else if constexpr (view::for_matrices && data) {
      using on_matrices = matrix_step<view, Chip>;
      if constexpr (on_matrices::fits()) prepare_on_matrices<on_matrices>(s);
      else prepare_plain<I>(s);
    } else if constexpr (octet_step<view>::fits()) {
      octet_step<view>::prepare(s);
      ++launches_, ++on_octets_;
    } else {
      prepare_plain<I>(s);
    }
    sums_ = std::max(sums_, s.sums), partial_ = std::max(partial_, s.partial);
  }
  template <class OnMatrices> void prepare_on_matrices(prepared_step& s) {
    OnMatrices::prepare(s, needs_);
    ++launches_, ++on_matrices_;
  }

  /// Equal forms name the same kernel, so each is instantiated once.
  template <int I> void prepare_plain(prepared_step& s) {
    constexpr form what = t::whole.steps.items[I].what;
    constexpr int first = t::whole.steps.items[I].first;
    instruction const* const own = t::instructions.items + first;
    for (int i = first; i < first + what.count; ++i) lay_out_weights(i);
    if constexpr (is_reduction(what.kind(what.anchor))) {
      [&]<int... N>(std::integer_sequence<int, N...>) { (prepare_reduction<I, N>(s), ...); }
      (std::make_integer_sequence<int, what.count>{});
    } else {
      using kernel = tile_step<what, loss_of_step(I), classes_of_step(I)>;
      tile_layout const laid{op_kinds{what.kinds, what.count, what.anchor},
                             std::span{ops_}.subspan(first, static_cast<std::size_t>(what.count)),
                             tile_unit(own, what.count, what.anchor),
                             sizeof(typename kernel::storage),
                             device_.shared_bytes,
                             s.name};
      s.launches.push_back([tiles = laid.tiles, bytes = laid.bytes, &s](run_context const& c, cudaStream_t order) {
        launch<kernel>({c.ops + first, c.operands, c.arena, c.parameters, c.packed, c.run, tiles}, tiles.blocks(),
                       order, s.name, bytes);
      });
      ++launches_;
    }
  }

  template <int I, int N> void prepare_reduction(prepared_step& s) {
    using octets = octet_reduction<step_view<Program, I, Type>, N>;
    instruction const& own = t::instructions.items[t::whole.steps.items[I].first + N];
    s.squares = needs_.measure(blocks_that_write_gradients(own, t::operands.items));
    channel_sums_launch sums;
    if constexpr (octets::fits()) sums = octets::sums(s.name), ++on_octets_;
    needs_.share(0, sums.counters);
    add_reduction(s, own, t::operands.items, t::parameters.items, sums);
    launches_ += 2;
  }

  /// The loss of a step, and its classes; cross-entropy of one where there is none.
  static constexpr loss_function const* loss_of_step(int step, int* classes = nullptr) {
    plan_step const& s = t::whole.steps.items[step];
    for (int i = s.first; i < s.first + s.count; ++i)
      if (instruction const& o = t::whole.instructions.items[i]; o.kind == op_kind::loss) {
        if (classes != nullptr) *classes = o.in_channels;
        return o.loss;
      }
    return &loss_of<cross_entropy>::self;
  }
  static constexpr int classes_of_step(int step) {
    int classes = 1;
    loss_of_step(step, &classes);
    return classes;
  }

  void take_memory() {
    carver c;
    std::int64_t const arena = c.take(Program::peak_bytes), packed = c.take(packed_floats_ * 4);
    std::int64_t const sums = c.take(sums_ * 8), partial = c.take(partial_ * 4);
    std::int64_t const fragments = c.take(needs_.packed_bytes), left = c.take(needs_.left_floats * 4);
    std::int64_t const shared = c.take(needs_.shared_floats * 4), arrived = c.take(needs_.counters * 4);
    std::int64_t const loss = c.take(sizeof(double)), squares = c.take(std::int64_t{parts_of_squares()} * 8);
    carver table;
    std::int64_t const ops = table.take(bytes_of(ops_)), operands = table.take(bytes_of(operands_)),
                       uses = table.take(bytes_of(uses_)), jobs = table.take(bytes_of(jobs_.jobs)),
                       copies = table.take(bytes_of(jobs_.copies)),
                       finishes = table.take(static_cast<std::int64_t>(needs_.finishes.size() * sizeof(finish_job))),
                       others = table.take(needs_.table_bytes);
    std::int64_t const tables_at = c.take(table.bytes()), run = c.take(sizeof(run_scalars));
    carver up;
    up.take(layout::bytes(image().size, image().channels, 32));
    if constexpr (t::whole.labels != none) {
      at_labels_ = up.take(labels().size.volume());
      at_weights_ = up.take(weights().size.volume() * 4);
    }
    at_scalars_ = up.take(sizeof(run_scalars));
    upload_bytes_ = up.bytes();
    std::int64_t const staged = c.take(2 * upload_bytes_);
    memory_ = device_memory{
        c.bytes(), order_,
        "the memory of the " + name_ + " program (" + megabytes(Program::peak_bytes) + " of which the plan's arena)"};
    std::byte* const p = memory_.data();
    context_.arena = p + arena, context_.packed = reinterpret_cast<float*>(p + packed);
    context_.sums = reinterpret_cast<double*>(p + sums), context_.partial = reinterpret_cast<float*>(p + partial);
    context_.ops = reinterpret_cast<tile_op const*>(p + tables_at + ops);
    context_.operands = reinterpret_cast<stored const*>(p + tables_at + operands);
    device_uses_ = reinterpret_cast<weight_layout const*>(p + tables_at + uses);
    context_.run = reinterpret_cast<run_scalars const*>(p + run);
    context_.fragments = p + fragments, context_.left = reinterpret_cast<float*>(p + left);
    context_.shared_tiles = reinterpret_cast<float*>(p + shared);
    context_.arrived = reinterpret_cast<unsigned*>(p + arrived), context_.loss = reinterpret_cast<double*>(p + loss);
    context_.squares = reinterpret_cast<double*>(p + squares);
    device_jobs_ = reinterpret_cast<parameter_job const*>(p + tables_at + jobs);
    device_copies_ = reinterpret_cast<packed_copy const*>(p + tables_at + copies);
    device_finishes_ = reinterpret_cast<finish_job const*>(p + tables_at + finishes);
    context_.tables = p + tables_at + others;
    staged_ = p + staged;
    pinned_ = pinned_memory{2 * upload_bytes_, name_ + " uploads"};
    std::memset(pinned_.data(), 0, static_cast<std::size_t>(2 * upload_bytes_));
    // From pageable memory: the call returns when the tables have been read.
    copy(p + tables_at + ops, ops_.data(), bytes_of(ops_), order_, name_ + " tables");
    copy(p + tables_at + operands, operands_.data(), bytes_of(operands_), order_, name_ + " tables");
    copy(p + tables_at + uses, uses_.data(), bytes_of(uses_), order_, name_ + " tables");
    copy(p + tables_at + jobs, jobs_.jobs.data(), bytes_of(jobs_.jobs), order_, name_ + " tables");
    copy(p + tables_at + copies, jobs_.copies.data(), bytes_of(jobs_.copies), order_, name_ + " tables");
    std::vector<finish_job> last;
    int last_block = 0;
    for (auto const& job : needs_.finishes) {
      last.push_back(job(context_));
      last.back().first_block = last_block, last_block += last.back().blocks();
    }
    copy(p + tables_at + finishes, last.data(), bytes_of(last), order_, name_ + " tables");
    std::vector<std::byte> asked_for(static_cast<std::size_t>(needs_.table_bytes));
    for (auto const& write : needs_.tables) write(context_, asked_for.data());
    copy(p + tables_at + others, asked_for.data(), bytes_of(asked_for), order_, name_ + " tables");
    zero(context_.arrived, needs_.counters * 4);
    zero(context_.squares, std::int64_t{parts_of_squares()} * 8);
    zero(context_.fragments, needs_.packed_bytes);  // what packing adds to a tensor is never written
    wait(order_, name_ + " tables");
  }
  void zero(void* at, std::int64_t bytes) const {
    if (bytes > 0)
      check(cudaMemsetAsync(at, 0, static_cast<std::size_t>(bytes), order_), "cudaMemsetAsync", name_ + " tables");
  }
  template <class T> static std::int64_t bytes_of(std::vector<T> const& v) {
    return static_cast<std::int64_t>(v.size() * sizeof(T));
  }

  /// From pinned memory to a place of its own on the device, on the stream for copies, while the run before goes on;
  /// from there into the arena in the order of the runs.
  void send(random_key key, float label_factor, gradients_go const& where) {
    upload& u = uploads_[next_];
    std::byte *const from = pinned_.data() + next_ * upload_bytes_, *const there = staged_ + next_ * upload_bytes_;
    run_scalars scalars;
    scalars.seed = key.seed, scalars.step = key.step, scalars.sample = key.sample;
    scalars.label_factor = label_factor, scalars.accumulate = where.add, scalars.scale = context_.scale;
    scalars.momentum = where.momentum, scalars.from = where.from, scalars.to = where.to;
    std::memcpy(from + at_scalars_, &scalars, sizeof scalars);
    std::string const what = name_ + " uploads";
    copy(there, from, upload_bytes_, copies_.get(), what);
    check(cudaEventRecord(u.arrived.get(), copies_.get()), "cudaEventRecord", what);
    check(cudaStreamWaitEvent(order_, u.arrived.get()), "cudaStreamWaitEvent", what);
    copy(context_.arena + image().offset, there, layout::bytes(image().size, image().channels, 32), order_, what);
    if constexpr (t::whole.labels != none) {
      copy(context_.arena + labels().offset, there + at_labels_, labels().size.volume(), order_, what);
      copy(context_.arena + weights().offset, there + at_weights_, weights().size.volume() * 4, order_, what);
    }
    copy(const_cast<run_scalars*>(context_.run), there + at_scalars_, sizeof scalars, order_, what);
    check(cudaEventRecord(u.taken.get(), order_), "cudaEventRecord", what);
    u.used = true;
    next_ = 1 - next_;
  }

  parameter_table table(int jobs) const {
    return {device_jobs_, device_copies_, jobs, context_.parameters, context_.fragments};
  }
  void pack_plainly() const {
    launch<pack_plain>({device_uses_, static_cast<int>(uses_.size()), context_.parameters, context_.packed},
                       pack_blocks_, order_, name_ + " packed weights");
  }
  void pack() const {
    if constexpr (Type != element::f32)
      launch<pack_weights<number>>(table(jobs_.packing), jobs_.packing_blocks, order_, name_ + " packed weights");
  }
  void steps(bool wait_for_each) {
    if (learns_) pack_plainly();
    for (prepared_step const& s : steps_) {
      for (auto const& l : s.launches) l(context_, order_);
      if (wait_for_each) wait(order_, s.name);
    }
    std::string const what = name_ + " gradients";
    launch<finish_gradients>({device_finishes_, static_cast<int>(needs_.finishes.size()), context_.run,
                              context_.squares + needs_.squares},
                             needs_.finish_blocks, order_, what);
    if (wait_for_each) wait(order_, what);
  }
  void capture() {
    std::string const what = name_ + " program";
    check(cudaStreamBeginCapture(order_, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture", what);
    cudaGraph_t g = nullptr;
    try {
      steps(false);
    } catch (...) {
      cudaStreamEndCapture(order_, &g);
      if (g != nullptr) cudaGraphDestroy(g);
      throw;
    }
    check(cudaStreamEndCapture(order_, &g), "cudaStreamEndCapture", what);
    graph const captured{g};
    cudaGraphExec_t e = nullptr;
    check(cudaGraphInstantiate(&e, g, 0), "cudaGraphInstantiate", what);
    graph_ = graph_exec{e};
  }

  device device_;
  cudaStream_t order_;
  std::string name_;
  bool learns_, each_step_, stale_ = true;
  std::vector<tile_op> ops_;
  std::vector<stored> operands_;
  std::vector<weight_layout> uses_;
  std::vector<prepared_step> steps_;
  std::int64_t packed_floats_ = 0, sums_ = 0, partial_ = 0;
  std::int64_t at_labels_ = 0, at_weights_ = 0, at_scalars_ = 0, upload_bytes_ = 0;
  program_needs<number> needs_{t::parameters.items};
  parameter_jobs jobs_;
  int pack_blocks_ = 0, launches_ = 0, on_matrices_ = 0, on_octets_ = 0, next_ = 0;
  device_memory memory_;
  pinned_memory pinned_;
  std::byte* staged_ = nullptr;
  weight_layout const* device_uses_ = nullptr;
  parameter_job const* device_jobs_ = nullptr;
  packed_copy const* device_copies_ = nullptr;
  finish_job const* device_finishes_ = nullptr;
  run_context context_{};
  stream copies_;
  upload uploads_[2];
  graph_exec graph_;
};

}  // namespace oxbow::on_cuda
